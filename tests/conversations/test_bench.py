"""
ferry-bench, which measures: that it does what it says, and that it stops where a server does not

What it tells is compared with what ferryd has counted meanwhile. Servers that answer as no server should are
played by a thread.
"""

import contextlib
import importlib.machinery
import importlib.util
import json
import os
import pathlib
import re
import socket
import subprocess
import tempfile
import threading
import time
import xml.etree.ElementTree

import pytest

from conversation import BUILD, PATIENCE, WRAPPER, eventually
from endpoint import Endpoint
from test_metrics import Metrics

PROGRAM = [*WRAPPER, str(BUILD / "tools/ferry_bench/ferry-bench")]


def bench(*arguments, status=0, environment=None, stdout=subprocess.PIPE):
    """A run that fails ends in the middle of what its clients do, and gives nothing back."""
    leaks = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"} if status != 0 else {}
    run = subprocess.run([*PROGRAM, *map(str, arguments)], stdout=stdout, stderr=subprocess.PIPE, text=True,
                         timeout=2 * PATIENCE, env={**os.environ, **leaks, **(environment or {})})
    assert run.returncode == status, f"{run.returncode} {run.stdout}{run.stderr}"
    run.stderr = re.sub(r"==\d+==WARNING: ASan doesn't fully support makecontext.*\n", "", run.stderr)
    return run


def report(*arguments):
    return json.loads(bench("--json", "-", *arguments).stdout)


@pytest.fixture(scope="module")
def endpoint(module_servers, tmp_path_factory):
    return Endpoint(module_servers, tmp_path_factory.mktemp("endpoint"))


def counts(metrics):
    """What an endpoint has done, in the words of a report."""
    answered = {(method, status): metrics.get("ferry_requests_total", method=method, status=status)
                for method, status in (("POST", "201"), ("PATCH", "204"), ("HEAD", "204"), ("HEAD", "200"))}
    return {
        "create": answered["POST", "201"], "append": answered["PATCH", "204"],
        "offset": answered["HEAD", "204"] + answered["HEAD", "200"],
        "bytes": metrics.get("ferry_acknowledged_bytes_total"),
    }


def settled(endpoint):
    """The figures, when those of all requests are in, and of what writers have left behind who vanished."""
    metrics = Metrics(endpoint)
    eventually("all requests to be over", lambda: metrics.refresh().get("ferry_requests_running") == 0 and
               metrics.get("ferry_uploads_open") == 0)
    return metrics


def did(endpoint, told, **wanted):
    """Once what is counted when an answer is out is counted."""
    before = counts(told)
    eventually(f"{wanted} beyond {before}", lambda: counts(Metrics(endpoint)) == {
        name: before[name] + wanted.get(name, 0) for name in before})


# work, options, what the server has to have counted: turns are 12, of 3 clients
WORKS = {
    "bulk": (("-s", "300000"), {"create": 12, "append": 12, "offset": 12, "bytes": 12 * 300000}),
    "small": (("-s", "5000"), {"create": 12, "append": 12, "bytes": 12 * 5000}),
    "whole": (("-s", "5000"), {"create": 12, "bytes": 12 * 5000}),
    "append": (("-s", "100"), {"create": 3, "append": 12, "offset": 3, "bytes": 12 * 100}),
    "head": (("-s", "10"), {"create": 3, "append": 3, "offset": 12, "bytes": 30}),
    "mixed": (("-s", "70", "--mix", "1,0,0"), {"create": 3 + 12, "append": 12, "offset": 3, "bytes": 12 * 70}),
}


@pytest.mark.parametrize("work", WORKS)
def test_what_it_tells_is_what_the_server_has_counted(endpoint, work):
    options, wanted = WORKS[work]
    before = settled(endpoint)
    told = report("-c", 3, "-n", 12, "--pid", endpoint.server.process.pid, *options, work, endpoint.server.urls[0])
    did(endpoint, before, **wanted)

    assert (told["turns"], told["connections"], told["work"]) == (12, 3, work)
    assert told["latencies"]["turn"]["count"] == 12
    assert told["bytes"] == (0 if work == "head" else 12 * told["size"])
    assert told["server"]["rss_most_kib"] >= told["server"]["pss_kib"] > 1000  # however short it was
    assert told["server"]["cpu_s"] > 0 and told["seconds"] > 0 and told["client_cpu_s"] > 0


def test_a_resumed_upload_had_a_writer_that_was_silent(endpoint):
    before = settled(endpoint)
    told = report("-c", 2, "-n", 3, "-s", 1000, "resume", endpoint.server.urls[0])

    assert told["turns"] == 3 and told["bytes"] == 3 * 500
    assert told["latencies"]["offset"]["count"] == told["latencies"]["append"]["count"] == 3
    assert told["latencies"]["create"]["count"] == 3  # those of the first turns were made before
    eventually("three takeovers", lambda: Metrics(endpoint).get("ferry_takeovers_total") ==
               before.get("ferry_takeovers_total") + 3)


def test_slow_uploads_come_to_their_end(endpoint):
    before = settled(endpoint)
    told = report("-c", 5, "-d", 1, "-s", 10, "slow", endpoint.server.urls[0])
    did(endpoint, before, create=5, append=5, bytes=5 * 2 * 10)
    assert told["turns"] == 5 and told["seconds"] < PATIENCE


def test_a_list_of_uploads_is_asked_for(endpoint, tmp_path):
    bench("-n", 4, "whole", endpoint.server.urls[0])
    paths = tmp_path / "paths"
    paths.write_text("".join(f"/files/{file.name}\n" for file in endpoint.data.glob("files/*/*")))
    before = settled(endpoint)
    report("-n", 7, "--list", paths, "head", endpoint.server.urls[0])
    did(endpoint, before, offset=7)


def test_content_is_what_it_is_said_to_be(endpoint):
    """4 MiB, again and again, in a file and in small ones alike."""
    report("-s", "9M", "bulk", endpoint.server.urls[0])
    report("-s", "5000", "small", "-n", 1, endpoint.server.urls[0])
    files = {file.stat().st_size: file.read_bytes() for file in endpoint.data.glob("files/*/*")}
    large, period = files[9 * 1024**2], 4 * 1024**2
    assert large == (large[:period] * 3)[:len(large)]
    assert len(set(large[:256])) > 100
    assert files[5000] == large[:5000]


def test_people_are_told_the_same(endpoint):
    text = bench("-c", 2, "-n", 4, "--pid", endpoint.server.process.pid, "small", endpoint.server.urls[0]).stdout
    assert text.startswith("small: 2 connections, 4096 bytes, closed loop\n  4 turns in "), text
    for line in ("turn", "create", "append"):
        assert re.search(rf"^  {line} +4( +\d+\.\d+){{6}}$", text, re.MULTILINE), text
    assert re.search(r"^  server +\d+\.\d+ s of processor time", text, re.MULTILINE), text


def test_latencies_are_plotted(endpoint, tmp_path):
    plot = tmp_path / "plot.svg"
    bench("-c", 2, "-n", 20, "--svg", plot, "small", endpoint.server.urls[0])
    words = {text.strip() for text in "".join(xml.etree.ElementTree.parse(plot).getroot().itertext()).splitlines()}
    assert {"small, 2 connections, closed loop", "90 %", "turn", "create", "append"} <= words


def test_a_plot_that_cannot_be_made_is_told_of(endpoint, tmp_path):
    (tmp_path / "gnuplot").write_text("#!/bin/sh\nexit 3\n")  # it reads nothing
    (tmp_path / "gnuplot").chmod(0o755)
    run = bench("-n", 1, "--svg", tmp_path / "plot.svg", "small", endpoint.server.urls[0], status=1,
                environment={"PATH": f"{tmp_path}:{os.environ['PATH']}"})
    assert run.stderr == f"ferry-bench: gnuplot has not written {tmp_path}/plot.svg\n"


def test_figures_that_nobody_takes_are_no_success(endpoint):
    with open("/dev/full", "w") as full:
        run = bench("-n", 1, "small", endpoint.server.urls[0], status=1, stdout=full)
    assert run.stderr == "ferry-bench: standard output: No space left on device\n"


# ---- servers that are not as they should be ----


class Player:
    """
    Answers every request on one connection after the other by what play(request) gives; None: not at all.

    patient: reads what it is sent before it answers; otherwise it answers a PATCH by its header alone, and closes.
    """

    def __init__(self, play, patient=True):
        self.play, self.patient = play, patient
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}/files/"
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                threading.Thread(target=self.serve, args=[connection], daemon=True).start()

    def serve(self, connection):
        with contextlib.suppress(OSError), connection, connection.makefile("rb") as lines:
            while first := lines.readline():
                length = 0
                while (line := lines.readline()) != b"\r\n":
                    if line.lower().startswith(b"content-length:"):
                        length = int(line.split(b":")[1])
                method = first.split()[0].decode()
                hasty = method == "PATCH" and not self.patient
                answer = self.play(method, b"" if hasty else lines.read(length))
                if answer is not None:
                    connection.sendall(answer)
                if hasty:
                    connection.shutdown(socket.SHUT_WR)  # first its end, then the reset for what was not read
                if answer is None or hasty:
                    return


@pytest.fixture
def player():
    players = []

    def make(play, **options):
        players.append(Player(play, **options))
        return players[-1].url

    yield make
    for each in players:
        each.listener.close()


CREATED = b"HTTP/1.1 201 Created\r\nLocation: /files/1\r\nContent-Length: 0\r\n\r\n"


@pytest.mark.parametrize("answer, sentence", [
    (b"HTTP/1.1 204 No Content\r\nUpload-Offset: 9\r\n\r\n", "the answer has Upload-Offset 9 instead of 10"),
    (b"HTTP/1.1 204 No Content\r\n\r\n", "the answer has no Upload-Offset"),
    (b"HTTP/1.1 409 Conflict\r\nContent-Length: 0\r\n\r\n", "answered 409 instead of 204"),
    (b"HTTP/1.1 200 OK\r\nUpload-Offset: 10\r\nContent-Length: 0\r\n\r\n", "answered 200 instead of 204"),
    (b"HTTP/1.1 204 No Content\r\nUpload-Offset: 10\r\n\r\nand", "there is more than an answer"),
    (b"220 mail.example ESMTP\r\n\r\n", "that is no answer: it does not begin with HTTP/1.1 and a status"),
    (b"HTTP/1.1 204 No Con", "no answer"),
    (None, "the server closed the connection before its answer ended"),
    (b"X" * 5000, "the answer has a header of more than 4096 bytes"),
], ids=range(9))
def test_an_answer_that_is_none_ends_it(player, answer, sentence):
    url = player(lambda method, _: CREATED if method == "POST" else answer)
    run = bench("-n", 3, "-s", 10, "--timeout", 1, "small", url, status=1)
    assert run.stdout == ""
    assert run.stderr == f"ferry-bench: client 0, PATCH /files/1: {sentence}\n"


@pytest.mark.parametrize("answer, sentence", [
    (b"HTTP/1.1 413 Content Too Large\r\nConnection: close\r\n\r\n",
     "answered in the middle of the request: HTTP/1.1 413 Content Too Large"),
    (None, "(Broken pipe|Connection reset by peer)"),
], ids=["answers", "hangs up"])
def test_a_server_that_is_gone_in_the_middle_is_told_of(player, answer, sentence):
    url = player(lambda method, _: CREATED if method == "POST" else answer, patient=False)
    run = bench("-s", "64M", "bulk", url, status=1)
    assert re.fullmatch(f"ferry-bench: client 0, PATCH /files/1: {sentence}\n", run.stderr), run.stderr


def test_a_server_that_says_nothing_is_given_up(player):
    hold = threading.Event()
    run = bench("--timeout", 1, "small", player(lambda *_: hold.wait() and None), status=1)
    assert run.stderr == "ferry-bench: client 0, POST /files/: no answer\n"
    hold.set()


def test_an_upload_that_is_elsewhere_is_not_followed(player):
    moved = CREATED.replace(b"/files/1", b"http://192.0.2.1/files/1")
    run = bench("small", player(lambda *_: moved), status=1)
    assert "the server has created an upload elsewhere: http://192.0.2.1/files/1" in run.stderr


def test_nobody_listens():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    run = bench("small", f"http://127.0.0.1:{port}/files/", status=1)
    assert run.stderr == "ferry-bench: client 0, POST /files/: connect: Connection refused\n"


def test_answers_in_chunks_and_ends_of_connections_are_understood(player):
    def play(method, _):
        if method == "POST":
            return (b"HTTP/1.1 201 Created\r\nLocation: /files/1\r\nTransfer-Encoding: chunked\r\n\r\n"
                    b"3\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n")
        return b"HTTP/1.1 204 No Content\r\nUpload-Offset: 10\r\nConnection: close\r\n\r\n"

    assert report("-n", 5, "-s", 10, "small", player(play))["turns"] == 5


def test_what_waited_for_a_slow_answer_counts_as_late(player):
    """A server that stands still once, for half a second, is felt by all who would have asked meanwhile."""
    asked = []

    def play(method, _):
        if method == "POST":
            return CREATED
        if method == "PATCH":
            return b"HTTP/1.1 204 No Content\r\nUpload-Offset: 10\r\n\r\n"
        asked.append(1)
        if len(asked) == 20:
            time.sleep(0.5)
        return b"HTTP/1.1 200 OK\r\nUpload-Offset: 10\r\n\r\n"

    told = report("-n", 100, "-r", 100, "-s", 10, "head", player(play))
    assert told["turns"] == 100
    assert told["seconds"] >= 0.9  # the hundredth is due after 0.99 s
    assert told["latencies"]["turn"]["p90_ms"] >= 300  # 40 were due while it stood still
    assert told["latencies"]["turn"]["most_ms"] >= 490
    assert told["latencies"]["offset"]["p90_ms"] < told["latencies"]["turn"]["p90_ms"]


def test_a_server_that_does_not_keep_up_is_told_of(player):
    hold = threading.Event()

    def play(method, _):
        if method == "HEAD":
            hold.wait(0.3)
            return b"HTTP/1.1 200 OK\r\nUpload-Offset: 10\r\n\r\n"
        return CREATED if method == "POST" else b"HTTP/1.1 204 No Content\r\nUpload-Offset: 10\r\n\r\n"

    run = bench("-n", 1000, "-r", 1000, "-s", 10, "--timeout", 3, "head", player(play), status=1)
    assert "the server does not keep up" in run.stderr
    hold.set()


@pytest.mark.parametrize("arguments", [
    (), ("small",), ("small", "127.0.0.1:1080"), ("small", "https://127.0.0.1/"), ("large", "http://127.0.0.1/"),
    ("-c", "0", "small", "http://127.0.0.1/"), ("-s", "4X", "small", "http://127.0.0.1/"),
    ("--mix", "1,2", "mixed", "http://127.0.0.1/"), ("--mix", "0,0,0", "mixed", "http://127.0.0.1/"),
    ("--mix", "1,2,3", "small", "http://127.0.0.1/"), ("--list", "x", "small", "http://127.0.0.1/"),
    ("-n", "3", "slow", "http://127.0.0.1/"), ("-d", "1", "--interval", "2", "slow", "http://127.0.0.1/"),
    ("--interval", "1", "small", "http://127.0.0.1/"), ("--svg", "a'b", "small", "http://127.0.0.1/"),
    ("-s", "K", "small", "http://127.0.0.1/"), ("small", "http://127.0.0.1:65537/"), ("small", "http://127.0.0.1:/"),
    ("--pid", "0", "small", "http://127.0.0.1/"), ("--pid", "1,", "small", "http://127.0.0.1/"),
], ids=lambda arguments: " ".join(arguments))
def test_what_it_cannot_do_it_refuses(arguments):
    run = bench(*arguments, status=2)
    assert run.stdout == "" and run.stderr.startswith("ferry-bench: "), run.stderr


def test_a_process_that_is_gone_has_no_figures(endpoint):
    child = subprocess.Popen(["true"])
    child.wait()
    run = bench("-n", 1, "--pid", child.pid, "small", endpoint.server.urls[0], status=1)
    assert f"the processor time of process {child.pid}" in run.stderr


def test_help_names_all_works_and_options():
    text = bench("--help").stdout
    for word in ("bulk", "put", "small", "whole", "append", "head", "resume", "slow", "mixed", "--rate", "--json"):
        assert word in text
    assert bench("--version").stdout.startswith("ferry-bench 0.")


# ---- what ferryd is measured against ----

FLOOR = [*WRAPPER, str(BUILD / "tools/ferry_bench/bench-floor")]


def served_by_the_floor(folder):
    """What a put leaves there, and what the floor complains of."""
    with subprocess.Popen([*FLOOR, "serve", folder], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as floor:
        try:
            url = re.fullmatch(r"listening on (\S+)\n", floor.stdout.readline())[1]
            told = report("-c", 2, "-n", 3, "-s", "5M", "put", url)
        finally:
            floor.terminate()
        assert told["turns"] == told["latencies"]["put"]["count"] == 3
        return [file.read_bytes() for file in folder.iterdir()], floor.stderr.read()


def test_the_floor_writes_what_it_gets(tmp_path):
    files, _ = served_by_the_floor(tmp_path)
    period = 4 * 1024**2
    assert len(files) == 3 and len(set(files)) == 1
    assert len(files[0]) == 5 * 1024**2 and files[0][period:] == files[0][:1024**2]


def test_the_floor_says_where_it_cannot_write_past_the_cache():
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:  # a tmpfs is nothing but a cache
        files, complaint = served_by_the_floor(pathlib.Path(folder))
    assert [len(file) for file in files] == [5 * 1024**2] * 3
    assert complaint == "bench-floor: there is no RWF_DONTCACHE\n"


def test_bare_files_are_written(tmp_path):
    run = subprocess.run([*FLOOR, "files", tmp_path, "300", "4096", "16"], capture_output=True, text=True, check=True)
    told = json.loads(run.stdout)
    assert told["per_s"] > 0 and told["cpu_us"] > 0
    files = [file.stat().st_size for file in tmp_path.glob("*/*")]
    assert len(files) == 300 and set(files) == {4096}


@pytest.mark.parametrize("arguments", [(), ("serve",), ("files", "/", "0", "1", "1"), ("files", "/", "1", "1", "257"),
                                       ("blake2b", "-1"), ("blake2b", "1", "2"), ("other", "/")], ids=" ".join)
def test_the_floor_does_nothing_else(arguments):
    run = subprocess.run([*FLOOR, *arguments], capture_output=True, text=True)
    assert run.returncode == 2 and run.stdout == "" and run.stderr.startswith("bench-floor: ")


# ---- tools/bench ----


SIDE_BY_SIDE = pathlib.Path(__file__).parents[2] / "tools/bench"


def test_the_side_by_side_can_be_run():
    run = subprocess.run([SIDE_BY_SIDE, "--quick", "--build", BUILD, "--only", "small,resume,idle"],
                         capture_output=True, text=True, timeout=20 * PATIENCE)
    assert run.returncode == 0, run.stderr
    for row in ("4 KiB create + PATCH / bare files", "resume over a silent writer", "idle server, MiB resident"):
        assert re.search(rf"^{re.escape(row)}.*: \d+\.\d+ \(.* to .*\), wanted .*: (held|\*\*missed\*\*)$", run.stdout, re.MULTILINE)


@pytest.mark.parametrize("arguments, sentence", [
    ("--only small,foo", "there is no row foo"), ("--rounds 0", "--rounds: at least one"),
    ("--quick --write", "--write: the figures of --quick mean nothing"), ("--build /proc", "/proc has no ferryd, "),
], ids=lambda text: text.split()[0])
def test_what_the_side_by_side_cannot_do_it_refuses(arguments, sentence):
    run = subprocess.run([SIDE_BY_SIDE, *arguments.split()], capture_output=True, text=True)
    assert run.returncode in (1, 2) and sentence in run.stderr.splitlines()[-1]


def test_no_variant_is_always_the_first():
    spec = importlib.util.spec_from_loader("side_by_side", importlib.machinery.SourceFileLoader("side_by_side", str(SIDE_BY_SIDE)))
    side_by_side = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(side_by_side)
    order = []
    measures = {name: (lambda name=name: order.append(name) or len(order)) for name in "abc"}
    assert side_by_side.in_turn(4, measures) == {"a": [1, 6, 8, 10], "b": [2, 4, 9, 11], "c": [3, 5, 7, 12]}
    assert "".join(order) == "abc" "bca" "cab" "abc"
