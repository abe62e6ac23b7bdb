"""
A disk that fails under a whole server: the upload that it hits is damaged, and nobody else notices

The disk is tests/faults/slow_disk.c, preloaded. What the store does by itself is shown by tests/storage/store.c and sweep.c; here
it is what clients and the operator are told, while honest ones go on beside.
"""

import json
import os
import random
import threading

import pytest

from admin import Operator
from conversation import BUILD, PATIENCE, SANITIZED, WRAPPER, eventually, request
from endpoint import OCTETS, appends, endpoints, pattern

pytestmark = pytest.mark.skipif(bool(SANITIZED or WRAPPER), reason="sanitizers and valgrind want to be loaded first")

KIB = 1024


class FaultyDisk:
    def __init__(self, endpoints, folder):
        self.file = folder / "slow"
        self.log = folder / "slow.log"
        self.file.touch()
        self.endpoint = endpoints(env={**os.environ, "LD_PRELOAD": str(BUILD / "tests/faults/slow_disk.so"),
                                       "SLOW_DISK": str(self.file)})
        self.operator = Operator(self.endpoint)

    def fails(self, name, call, error="EIO"):
        self.file.write_text(f"{name} {call} 0 {error}\n")

    def is_well(self):
        self.file.write_text("")

    def has_failed(self, name, call):
        return f"{name} {call}\n" in self.log.read_text()


@pytest.fixture
def disk(endpoints, tmp_path):
    return FaultyDisk(endpoints, tmp_path)


class HonestClient(threading.Thread):
    """Appends piece by piece for as long as it is let, and remembers what was acknowledged; any answer but 204 is told."""

    def __init__(self, endpoint, seed):
        super().__init__(daemon=True)
        self.endpoint, self.content = endpoint, pattern(2000 * KIB, seed)
        self.upload = endpoint.create(len(self.content))
        self.acknowledged, self.surprises = 0, []
        self.enough = threading.Event()
        self.chance = random.Random(seed)

    def run(self):
        try:
            with self.endpoint.line() as line:
                while not self.enough.is_set() and self.acknowledged < len(self.content):
                    self.append(line, self.chance.randrange(1, 8 * KIB))
        except Exception as error:
            self.surprises.append(error)

    def append(self, line, count):
        piece = self.content[self.acknowledged:self.acknowledged + count]
        line.send(request("PATCH", self.upload.path, *appends(self.acknowledged), body=piece))
        answer = line.next_answer("PATCH")
        if answer.status != 204:
            self.surprises.append(answer)
            self.enough.set()
            return
        self.acknowledged = int(answer.field("Upload-Offset"))

    def has_appended_since(self, before):
        return self.acknowledged > before or self.surprises

    def finish(self):
        """The rest; then all of it comes back as it was sent."""
        self.enough.set()
        self.join()
        assert self.surprises == []
        assert self.upload.offset() >= self.acknowledged > 0
        rest = self.upload.offset()
        self.upload.patch(rest, self.content[rest:])
        assert self.endpoint.ask("GET", self.upload.path, status=200).body == self.content


@pytest.fixture
def honest(disk):
    """Several, who are in the middle of it before the disk fails and long after."""
    clients = [HonestClient(disk.endpoint, seed) for seed in range(4)]
    for client in clients:
        client.start()
    yield clients
    before = [client.acknowledged for client in clients]
    for client, offset in zip(clients, before):
        eventually("it goes on", lambda: client.has_appended_since(offset))
    for client in clients:
        client.finish()


@pytest.mark.parametrize("call", ["write", "sync"])
def test_who_is_hit_is_damaged_and_others_go_on(disk, honest, call):
    """500, and 410 from then on, for good: the kernel reports an error once and then forgets. The file is kept."""
    endpoint = disk.endpoint
    upload = endpoint.create(100)
    upload.patch(0, pattern(50))
    disk.fails(upload.id, call)
    upload.patch(50, b"x" * 10, status=500)
    assert disk.has_failed(upload.id, call)
    disk.is_well()

    for status in (410, 410):
        assert "damaged" in upload.patch(50, b"x" * 10, status=status).text
        assert upload.head(status=status).field("Upload-Offset") is None
    endpoint.ask("GET", upload.path, status=410)
    assert upload.bytes_on_disk()[:50] == pattern(50)  # for who wants to look at what is left
    assert disk.operator.get(f"/api/uploads/{upload.id}")["state"] == "damaged"
    assert [one["id"] for one in disk.operator.page(state="damaged")["uploads"]] == [upload.id]
    assert "ferry_uploads{state=\"damaged\"} 1\n" in disk.operator.ask("GET", "/metrics").text + "\n"
    assert disk.operator.get("/readyz")["ready"]

    endpoint.create(5, OCTETS, body=b"abcde")
    upload.delete()
    eventually("its file is gone", lambda: not upload.file.exists())
    def errors():
        return [line for line in endpoint.server.log().splitlines() if upload.id in line and line.startswith("<3>")]

    said = eventually("the log has it", lambda: len(errors()) > 1 and errors())  # it is written by a thread of its own
    assert len(said) == 2 and "Input/output error" in said[0] and "the upload is damaged, its file is kept" in said[1]


def test_damage_outlives_a_restart(disk):
    endpoint = disk.endpoint
    upload, other = endpoint.create(100), endpoint.create(100)
    other.patch(0, b"abc")
    disk.fails(upload.id, "sync")
    upload.patch(0, b"x" * 10, status=500)
    disk.is_well()
    endpoint.stop()
    endpoint.start()
    upload.head(status=410)
    other.expect(3, b"abc")


def test_a_sector_that_cannot_be_read_costs_the_downloads_that_need_it(disk, honest):
    """Which end in the middle, so that nobody takes them for whole; the upload is what it was."""
    endpoint = disk.endpoint
    upload = endpoint.create(300 * KIB, OCTETS, body=pattern(300 * KIB))
    disk.fails(upload.id, "read")
    with endpoint.line() as line:
        line.send(request("GET", upload.path))
        received = line.read_until_closed()
        assert received.count(b"HTTP/1.1") == 1 and len(received) < 300 * KIB
    disk.is_well()
    assert endpoint.ask("GET", upload.path, status=200).body == pattern(300 * KIB)


def readiness(disk):
    """A trial that takes two seconds gives another reason."""
    return json.loads(disk.operator.say("GET", "/readyz").body)


@pytest.mark.parametrize("call", ["write", "sync"])
def test_readiness_says_why(disk, honest, call):
    """The disk takes nothing of the trial; when it does again, nobody has to restart anything."""
    disk.fails("lock", call)
    eventually("it says so", lambda: readiness(disk) == {
        "ready": False, "reasons": ["the disk cannot be written: Input/output error"]})
    disk.is_well()
    eventually("it is well again", lambda: readiness(disk) == {"ready": True, "reasons": []})


@pytest.mark.parametrize("call", ["write", "sync"])
def test_a_catalog_that_cannot_be_kept_ends_the_process(disk, call):
    """With status 1, and what failed and what follows in the log: what it believes about the disk is worth nothing. Nobody was told of bytes that are lost."""
    endpoint = disk.endpoint
    clients = [HonestClient(endpoint, seed) for seed in range(4)]
    for client in clients:
        client.start()
    eventually("all are in the middle", lambda: all(client.acknowledged for client in clients))
    disk.fails("ferry.db-wal", call)
    assert endpoint.server.process.wait(PATIENCE) == 1
    errors = [line for line in endpoint.server.log().splitlines() if line.startswith("<3>")]
    assert len(errors) == 2 and "disk I/O error" in errors[0], errors
    assert "the database cannot be written any longer; the next start reads what it has" in errors[1]
    endpoint.server.stopped = True
    for client in clients:
        client.join()
        client.surprises.clear()  # their connections broke

    disk.is_well()
    endpoint.start()
    for client in clients:
        client.finish()
