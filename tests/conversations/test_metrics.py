"""
/metrics, on the operator's listener

What is told is compared with what was done, by differences, so that it does not matter what was done before.
A parser that takes nothing but the format reads it, and so does Prometheus' own tool.
"""

import base64
import collections
import math
import pathlib
import re
import shutil
import subprocess

import pytest

from admin import Operator
from conversation import BUILD, eventually, request
from endpoint import OCTETS, VERSION, Endpoint, endpoints, length_is

PROMTOOL = BUILD.parent / "programs" / "promtool"

NUMBER = r"\d+(?:\.\d+)?"
SAMPLE = re.compile(rf'([a-z_][a-z0-9_]*)(?:\{{((?:[a-z_]+="[^"\\\n]*",?)+)\}})? ({NUMBER})')


def parse(text):
    """{name: {"type": ..., "samples": {(suffix, labels): number}}}; every family once, and in one piece."""
    families, family = {}, None
    assert text.endswith("\n")
    for line in text[:-1].split("\n"):
        if help := re.fullmatch(r"# HELP (\S+) (.+)", line):
            name = help[1]
            assert name not in families, f"{name} comes twice"
            family = families[name] = {"help": help[2], "samples": {}}
        elif kind := re.fullmatch(r"# TYPE (\S+) (counter|gauge|histogram|untyped)", line):
            assert kind[1] == name and "type" not in family
            family["type"] = kind[2]
        else:
            sample = SAMPLE.fullmatch(line)
            assert sample and sample[1].startswith(name), line
            suffix = sample[1][len(name):]
            assert suffix in (("_bucket", "_sum", "_count") if family["type"] == "histogram" else ("",)), line
            labels = tuple(re.findall(r'([a-z_]+)="([^"]*)"', sample[2] or ""))
            assert (suffix, labels) not in family["samples"], line
            family["samples"][suffix, labels] = float(sample[3]) if "." in sample[3] else int(sample[3])
    return families


def check_histogram(samples):
    """The buckets go upwards, and the last one has all."""
    for suffix, labels in samples:
        if suffix != "_count":
            continue
        buckets = [(float(dict(more)["le"].replace("+Inf", "inf")), number) for (kind, more), number in samples.items()
                   if kind == "_bucket" and tuple(one for one in more if one[0] != "le") == labels]
        assert buckets == sorted(buckets) and [n for _, n in buckets] == sorted(n for _, n in buckets)
        assert buckets[-1] == (math.inf, samples["_count", labels])
        assert ("_sum", labels) in samples


class Metrics:
    def __init__(self, endpoint):
        self.operator = Operator(endpoint)
        self.refresh()

    def refresh(self):
        answer = self.operator.ask("GET", "/metrics")
        assert answer.field("Content-Type") == "text/plain; version=0.0.4; charset=utf-8"
        self.text = answer.body.decode("ascii")
        self.families = parse(self.text)
        for family in self.families.values():
            if family["type"] == "histogram":
                check_histogram(family["samples"])
        return self

    def get(self, name, suffix="", **labels):
        return self.families[name]["samples"].get((suffix, tuple(labels.items())), 0)

    def all_of(self, number, *names):
        return all(self.get(name) == number for name in names)


@pytest.fixture(scope="module")
def endpoint(module_servers, tmp_path_factory):
    return Endpoint(module_servers, tmp_path_factory.mktemp("endpoint"))


class Difference:
    """By how much a sample has grown since; waits, as an exchange is counted when its answer is out: also for those of
    the test before."""

    def __init__(self, endpoint):
        self.before, self.now = Metrics(endpoint), Metrics(endpoint)
        eventually("nothing is under way", lambda: self.before.refresh().all_of(
            0, "ferry_requests_running", "ferry_uploads_open"))
        self.now.refresh()

    def of(self, *key, **labels):
        return self.now.get(*key, **labels) - self.before.get(*key, **labels)

    def expect(self, *key, by, **labels):
        eventually(f"{key} {labels} to grow by {by}, not {self.of(*key, **labels)}",
                   lambda: self.now.refresh() and self.of(*key, **labels) == by)


@pytest.fixture
def grown(endpoint):
    return Difference(endpoint)


def test_requests_are_counted_by_method_and_status(endpoint, grown):
    for _ in range(3):
        endpoint.create(10)
    endpoint.ask("POST", "/files/", VERSION, length_is(-1), status=400)
    endpoint.ask("GET", "/files/" + 32 * "0", status=404)
    with endpoint.line() as line:
        line.send(request("BREW", "/files/"), request("PROPFIND", "/files/", close=True))
        line.expect(405), line.expect(405)
    grown.expect("ferry_requests_total", method="POST", status="201", by=3)
    grown.expect("ferry_requests_total", method="POST", status="400", by=1)
    grown.expect("ferry_requests_total", method="GET", status="404", by=1)
    grown.expect("ferry_requests_total", method="other", status="405", by=2)


def test_a_client_that_went_away_is_counted_as_one(endpoint, grown):
    upload = endpoint.create(100)
    with endpoint.line() as line:
        upload.begin(line, 0, 100, b"0123456789")
        eventually("its bytes are in the file, and it is alone", lambda: grown.now.refresh().all_of(
            10, "ferry_dirty_bytes") and grown.now.all_of(1, "ferry_requests_running", "ferry_fibers",
                                                          "ferry_uploads_open", "ferry_open_files"))
        assert grown.now.get("ferry_connections") >= 1
        line.reset()
    grown.expect("ferry_requests_total", method="PATCH", status="none", by=1)
    grown.expect("ferry_acknowledged_bytes_total", by=10)
    eventually("nothing is left of it", lambda: grown.now.refresh().all_of(
        0, "ferry_uploads_open", "ferry_requests_running", "ferry_fibers", "ferry_buffer_bytes", "ferry_dirty_bytes"))


def test_operations_are_timed(endpoint, grown):
    upload = endpoint.create(10)
    upload.patch(0, b"0123456789")
    upload.look()
    endpoint.ask("GET", upload.path, status=200)
    endpoint.ask("GET", upload.path, "Accept: application/json", status=200)
    endpoint.ask("OPTIONS", "/files/", status=200)
    endpoint.server.ask("/healthz")
    upload.delete()
    endpoint.ask("GET", "/files/", status=405)
    for operation in "create append offset download status capabilities health delete none".split():
        for family in "ferry_request_duration_seconds", "ferry_request_work_seconds":
            grown.expect(family, "_count", operation=operation, by=1)
        assert 0 < grown.of("ferry_request_duration_seconds", "_sum", operation=operation) < 60
        assert grown.of("ferry_request_work_seconds", "_sum", operation=operation) <= \
            grown.of("ferry_request_duration_seconds", "_sum", operation=operation)
    assert grown.of("ferry_request_wait_seconds_total", on="database") > 0
    assert grown.of("ferry_request_wait_seconds_total", on="disk") > 0


def test_bytes_are_counted_when_they_come_and_when_they_are_safe(endpoint, grown):
    upload = endpoint.create(1000)
    upload.patch(0, 600 * b"x")
    upload.patch(600, 400 * b"x")
    endpoint.ask("GET", upload.path, status=200)
    grown.expect("ferry_received_bytes_total", by=1000)
    grown.expect("ferry_acknowledged_bytes_total", by=1000)
    assert grown.of("ferry_sent_bytes_total") >= 1000


def test_uploads_are_counted_as_they_live(endpoint, grown):
    done, deleted, left = endpoint.create(3, OCTETS, body=b"abc"), endpoint.create(3), endpoint.create(3)
    deleted.delete()
    grown.expect("ferry_uploads_created_total", by=3)
    grown.expect("ferry_uploads_completed_total", by=1)
    grown.expect("ferry_uploads_deleted_total", by=1)
    grown.expect("ferry_uploads", state="receiving", by=1)
    grown.expect("ferry_uploads", state="complete", by=1)
    left.delete()
    grown.expect("ferry_uploads", state="receiving", by=0)


def test_a_takeover_is_one(endpoint, grown):
    upload = endpoint.create(100)
    with endpoint.line() as line:
        upload.begin(line, 0, 100, b"0123456789")
        upload.wait_for_bytes(10)
        upload.head()
    grown.expect("ferry_takeovers_total", by=1)
    upload.patch(10, 90 * b"x")
    grown.expect("ferry_takeovers_total", by=1)


def test_a_wrong_checksum_is_a_mismatch(endpoint, grown):
    upload = endpoint.create(3)
    wrong = base64.b64encode(20 * b"x").decode()
    upload.patch(0, b"abc", f"Upload-Checksum: sha1 {wrong}", status=460)
    upload.patch(0, b"abc", "Upload-Checksum: none such", status=400)
    grown.expect("ferry_checksum_mismatches_total", by=1)


def test_storage_is_timed(endpoints):
    """Of one that has nothing to clear away."""
    endpoint = endpoints()
    grown = Difference(endpoint)
    upload = endpoint.create(10)
    upload.patch(0, b"0123456789")
    grown.expect("ferry_sync_seconds", "_count", by=1)
    grown.expect("ferry_transaction_seconds", "_count", by=2)
    grown.expect("ferry_transaction_changes", "_sum", by=2)
    grown.expect("ferry_queue_seconds", "_count", pool="database", by=2)
    grown.expect("ferry_queue_seconds", "_count", pool="sync", by=1)
    assert grown.of("ferry_queue_seconds", "_count", pool="io") > 0
    assert grown.of("ferry_sync_seconds", "_sum") > 0 and grown.of("ferry_transaction_seconds", "_sum") > 0


def test_space_is_told(endpoint, grown):
    assert 0 < grown.now.get("ferry_disk_free_bytes") <= grown.now.get("ferry_disk_size_bytes")
    assert grown.now.get("ferry_disk_floor_bytes") == 64 << 20
    for metric, file in ("ferry_database_bytes", "ferry.db"), ("ferry_database_log_bytes", "ferry.db-wal"):
        eventually(f"{file} is as large as told", lambda: grown.now.refresh().get(metric) ==
                   (endpoint.data / file).stat().st_size)
    assert grown.now.get("ferry_threads", pool="io") == 16


def test_threads_have_names(endpoint, grown):
    """Those of a pool have its own; the operator's listener has the same ones again."""
    tasks = pathlib.Path(f"/proc/{endpoint.server.process.pid}/task")
    least = {pool: grown.now.get("ferry_threads", pool=pool) for pool in ("io", "sync", "worker", "reader")}
    least |= dict.fromkeys(["catalog", "timer", "janitor", "audience", "pulse", "log"], 1)
    least |= dict.fromkeys(["acceptor", "linger"], 2)

    def names():
        return collections.Counter((task / "comm").read_text().strip() for task in tasks.iterdir())

    for name, count in least.items():
        eventually(f"{count} are called ferry-{name}", lambda: names()[f"ferry-{name}"] >= count > 0)


def test_the_operator_is_not_counted(endpoint, grown):
    for _ in range(3):
        grown.now.refresh()
    assert sum(family["samples"][key] for name, family in grown.now.families.items()
               for key in family["samples"] if name == "ferry_requests_total") == \
        sum(grown.before.families["ferry_requests_total"]["samples"].values())


def test_nobody_reads_it_on_the_endpoint(endpoint):
    with endpoint.line() as line:
        line.send(request("GET", "/metrics", close=True))
        line.expect(404)


def test_there_is_nothing_of_tusd_unasked(endpoint, grown):
    assert "tusd" not in grown.now.text


def test_the_names_of_tusd(servers, tmp_path):
    """As tusd 2 has them: pkg/prometheuscollector and cmd/tusd/cli/serve.go."""
    endpoint = Endpoint(servers, tmp_path, "--metrics-tusd-names")
    grown = Difference(endpoint)
    upload = endpoint.create(10)
    upload.patch(0, b"0123456789")
    upload.patch(0, b"0123456789", status=409)
    upload.delete()
    for name, by in ("tusd_uploads_created", 1), ("tusd_uploads_finished", 1), ("tusd_uploads_terminated", 1), \
            ("tusd_bytes_received", 10):
        grown.expect(name, by=by)
    grown.expect("tusd_requests_total", method="PATCH", by=2)
    grown.expect("tusd_errors_total", status="409", code="409", by=1)
    assert "tusd_connections_open" in grown.now.families
    lint(grown.now.text)


def test_a_flag_may_be_set_in_the_environment(servers, tmp_path, monkeypatch):
    monkeypatch.setenv("FERRY_METRICS_TUSD_NAMES", "1")
    assert "tusd_requests_total" in Metrics(Endpoint(servers, tmp_path)).families


def lint(text):
    promtool = PROMTOOL if PROMTOOL.exists() else shutil.which("promtool")
    assert promtool, "promtool is not here; tools/test brings it"
    run = subprocess.run([promtool, "check", "metrics"], input=text, text=True, capture_output=True)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


def test_prometheus_own_tool_finds_no_fault(endpoint, grown):
    endpoint.ask("POST", "/files/", VERSION, length_is(-1), status=400)
    lint(grown.now.refresh().text)
