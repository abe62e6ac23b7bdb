"""
A disk that is really full under a whole server: a small ext4 on a loop device, which nobody else sees

It is mounted in a namespace of the server's own, so that nothing is left of it however that ends; the tests look into
it through /proc/PID/root. What the store does by itself is shown by tests/storage/full_disk.c.
"""

import contextlib
import os
import pathlib
import random
import re
import shutil
import subprocess
import time

import pytest

from admin import Operator
from conversation import WRAPPER, bound, eventually, header, request
from endpoint import OCTETS, VERSION, Endpoint, appends, check_general, length_is, pattern
from test_faulty_disk import HonestClient

MIB = 1024 * 1024
DISK_BYTES = 64 * MIB
MOUNTS = ["unshare", "--mount", "sh", "-c", 'mount -o loop "$1" "$2" && shift 2 && exec "$@"', "sh"]


def missing(folder):
    """Why there can be no such disk here, or None."""
    if os.geteuid() != 0 or WRAPPER:
        return "not root"
    for program in "unshare", "mkfs.ext4":
        if not shutil.which(program):
            return f"no {program}"
    make_disk(folder / "trial")
    (folder / "mounted").mkdir()
    done = subprocess.run([*MOUNTS, folder / "trial", folder / "mounted", "true"], capture_output=True, check=False)
    return None if done.returncode == 0 else "may not mount"


def make_disk(image):
    with open(image, "wb") as file:
        file.truncate(DISK_BYTES)
    subprocess.run(["mkfs.ext4", "-q", "-m", "0", image], check=True)


class SmallDisk(Endpoint):
    """An endpoint on it."""

    def __init__(self, servers, folder, *arguments):
        self.mounted, image = folder / "disk", folder / "image"
        self.mounted.mkdir()
        make_disk(image)
        super().__init__(servers, folder, "--admin-listen", "127.0.0.1:0", *arguments, before=[*MOUNTS, str(image), str(self.mounted)])
        self.operator = Operator(self)

    def start(self, *more):
        self.data = self.mounted / "data"
        super().start(*more)
        self.seen = pathlib.Path(f"/proc/{self.server.process.pid}/root{self.mounted}")
        self.data = self.seen / "data"
        return self

    def fill_up(self):
        """Takes every block that is left."""
        with open(self.seen / "filler", "ab", buffering=0) as file:
            size = 4 * MIB
            while size:
                try:
                    file.write(bytes(size))
                except OSError:
                    size //= 2
            with contextlib.suppress(OSError):
                os.fsync(file.fileno())

    def empty_again(self):
        (self.seen / "filler").unlink()
        fd = os.open(self.seen, os.O_RDONLY)
        os.fsync(fd)  # ext4 gives freed blocks out again after its journal's commit
        os.close(fd)

    def rows(self):
        """As the operator is told: SQLite follows links by their names, so to another root."""
        return set(self.operator.listed())

    def is_ready(self):
        return self.operator.say("GET", "/readyz", *self.operator.fields()).status == 200

    def why_not(self):
        told = self.operator.get("/readyz", status=503)
        assert not told["ready"]
        return told["reasons"]


@pytest.fixture(scope="module")
def mountable(tmp_path_factory):
    reason = missing(tmp_path_factory.mktemp("trial"))
    if reason:
        pytest.skip(f"no small disk here: {reason}")


@pytest.fixture
def small_disk(mountable, servers, tmp_path):
    return lambda *arguments: SmallDisk(servers, tmp_path, *arguments)


def append_until_full(endpoint, upload, content):
    """What was acknowledged when the disk was full, in the middle of a request."""
    with endpoint.line() as line:
        line.send(header("PATCH", upload.path, *appends(0), length=len(content)))
        line.send_whatever(content)
        answer = line.next_answer("PATCH")
        assert answer.status == 507, answer
        return check_general(answer, "PATCH")


def test_what_fitted_is_kept_and_it_goes_on_when_there_is_space(small_disk):
    """507 in the middle of a request; the offset that is told then is on the disk, and is where it goes on."""
    endpoint = small_disk("--min-free", "0")
    filler = endpoint.create(8 * MIB, OCTETS, body=pattern(8 * MIB, 1))
    content = pattern(DISK_BYTES, 2)
    upload = endpoint.create(len(content))
    answer = append_until_full(endpoint, upload, content)
    assert "disk is full" in answer.text, answer
    fitted = int(upload.head().field("Upload-Offset"))
    assert 16 * MIB < fitted < len(content)
    upload.expect(fitted, content[:fitted])

    upload.patch(fitted, content[fitted:fitted + MIB], status=507)  # it stays so
    fitted = upload.offset()
    filler.delete()
    eventually("its blocks are free", lambda: not filler.file.exists())
    more = fitted + 4 * MIB
    eventually("there is space again", lambda: appended_to(endpoint, upload, content, more))
    upload.expect(more, content[:more])


def appended_to(endpoint, upload, content, end):
    """Whether it is at that end now."""
    at = upload.offset()
    with endpoint.line() as line:
        line.send(request("PATCH", upload.path, *appends(at), body=content[at:end], close=True))
        return line.next_answer("PATCH").status == 204


def test_clients_in_the_middle_lose_nothing(small_disk):
    """Many are, when somebody else fills the disk: each is told 507 or that it is done, and goes on later without a restart."""
    endpoint = small_disk("--min-free", "4M")
    clients = [HonestClient(endpoint, seed) for seed in range(6)]
    for client in clients:
        client.start()
    eventually("all are in the middle", lambda: all(client.acknowledged for client in clients))
    endpoint.fill_up()
    for client in clients:
        client.join(bound(30))
        assert not client.is_alive()
        assert [answer.status for answer in client.surprises] in ([507], [])
    assert any(client.surprises for client in clients)

    for client in clients:
        offset = client.upload.offset()
        assert offset >= client.acknowledged
        assert client.upload.bytes_on_disk()[:offset] == client.content[:offset]
        client.surprises.clear()
    endpoint.empty_again()
    eventually("it is ready", endpoint.is_ready)
    for client in clients:
        client.finish()


def test_readiness_says_why_and_takes_it_back(small_disk):
    """Below the floor no upload is created, and nothing is left of the attempt; all else goes on."""
    endpoint = small_disk("--min-free", "8M")
    upload = endpoint.create(100)
    upload.patch(0, b"abc")
    complete = endpoint.create(3, OCTETS, body=b"abc")
    assert endpoint.is_ready()
    endpoint.fill_up()
    eventually("it is not ready", lambda: not endpoint.is_ready())
    [reason] = endpoint.why_not()
    assert re.fullmatch(rf"\d+ bytes are free, fewer than {8 * MIB}", reason)
    with endpoint.nothing_created():
        endpoint.ask("POST", "/files/", VERSION, length_is(5), status=507)
        endpoint.ask("POST", "/files/", VERSION, OCTETS, length_is(3), body=b"abc", status=507)
    upload.expect(3, b"abc")
    assert endpoint.ask("GET", complete.path, status=200).body == b"abc"
    complete.delete()
    eventually("its file is gone", lambda: not complete.file.exists())

    endpoint.empty_again()
    eventually("it is ready", endpoint.is_ready)
    upload.patch(3, b"d" * 97)
    endpoint.create(3, OCTETS, body=b"abc")


def test_a_log_that_is_full_too_refuses_creations_and_no_more(small_disk):
    """Without a floor, uploads are created until the database's log, which was grown in advance, has no room either."""
    endpoint = small_disk("--min-free", "0")
    upload = endpoint.create(100)
    upload.patch(0, b"abc")
    assert endpoint.is_ready()  # the byte that it tries the disk with has its block from now on
    endpoint.fill_up()
    eventually("it is not ready", lambda: not endpoint.is_ready())
    assert endpoint.why_not() == ["0 bytes are free, fewer than 1"]
    chance = random.Random(1)
    made = 0
    with endpoint.line() as line:
        while True:
            line.send(request("POST", "/files/", VERSION, length_is(10),
                              f"Upload-Metadata: name {chance.randbytes(4500).hex()[:6000]}"))
            answer = line.next_answer("POST")
            if answer.status != 201:
                break
            made += 1
        assert answer.status == 507, answer
        assert made > 100
        begun, tried = time.monotonic(), tries(endpoint)
        for _ in range(200):
            line.send(request("POST", "/files/", VERSION, length_is(10))).expect_next(507)
    # who is refused costs little: the log is not tried to be written back, which syncs it, for each
    assert endpoint.why_not() == ["the database has no room for new uploads", "0 bytes are free, fewer than 1"]
    assert tries(endpoint) - tried <= 2 + time.monotonic() - begun
    upload.expect(3, b"abc")
    upload.delete()
    upload.look(status=410)

    endpoint.empty_again()
    eventually("creations are taken again", lambda: created(endpoint))
    eventually("it is ready", endpoint.is_ready)
    endpoint.stop()
    endpoint.start()
    assert len(endpoint.rows()) >= made + 1


def tries(endpoint):
    return endpoint.server.log().count("write the log of the database back: database or disk is full")


def created(endpoint):
    with endpoint.line() as line:
        line.send(request("POST", "/files/", VERSION, length_is(10), close=True))
        return line.next_answer("POST").status == 201


def test_a_restart_on_a_full_disk(small_disk):
    """Nothing is lost by it, and when there is space it goes on."""
    endpoint = small_disk("--min-free", "0")
    upload = endpoint.create(8 * MIB)
    content = pattern(8 * MIB, 3)
    upload.patch(0, content[:MIB])
    endpoint.fill_up()
    endpoint.crash()
    endpoint.start()
    upload.expect(MIB, content[:MIB])
    endpoint.empty_again()
    eventually("there is space again", lambda: appended_to(endpoint, upload, content, 8 * MIB))
    assert endpoint.ask("GET", upload.path, status=200).body == content
