"""Many uploads beside each other, and one whose disk is slow: nobody waits for somebody else's

The slow disk is tests/faults/slow_disk.c, preloaded; it says when a call begins to take longer, and goes
on when it is told, so that what is measured lies within it. Figures are printed (pytest -rP).
"""

import statistics
import threading
import time

import pytest

import conversation
from conversation import bound, eventually, header, request
from voyage import MIB, say

TUS = "Tus-Resumable: 1.0.0"
OCTETS = "Content-Type: application/offset+octet-stream"

BUFFERS = MIB // 2  # of libmicrohttpd and of the storage, for one upload
COMMIT = 16 * MIB


class Figures:
    """How long things took, by their names."""

    def __init__(self):
        self.seconds = {}

    def time(self, name, function, *arguments):
        begun = time.monotonic()
        result = function(*arguments)
        self.seconds.setdefault(name, []).append(time.monotonic() - begun)
        return result

    def say(self, what):
        for name, seconds in self.seconds.items():
            say(f"{what}: {len(seconds)} x {name}, ms: median {statistics.median(seconds) * 1000:.1f}",
                f"longest {max(seconds) * 1000:.1f}")

    def but_one(self, name):
        """The longest but one, which a machine that stalls may have."""
        return sorted(self.seconds[name])[-2]


def create(server, length):
    with server.line() as line:
        line.send(request("POST", "/files/", TUS, f"Upload-Length: {length}", body=b"", close=True))
        return line.expect(201).field("Location")


def begin(server, upload, length, offset=0, **options):
    """A line on which the body of an append is still to come."""
    line = conversation.Line(server.url, **options)
    return line.send(header("PATCH", server.path_of(upload), TUS, OCTETS, f"Upload-Offset: {offset}",
                            length=length))


def append(server, upload, body, offset=0):
    with begin(server, upload, len(body), offset) as line:
        return line.send(body).expect(204)


def look(server, upload, *fields):
    """A HEAD; with TUS among the fields it asks in order to go on."""
    with server.line() as line:
        line.send(request("HEAD", server.path_of(upload), *fields, close=True))
        return int(line.expect(200, method="HEAD").field("Upload-Offset"))


# --- 200 slow uploads ---

SLOW_UPLOADS = 200
SLOW_BYTES = 40
BYTES_PER_SECOND = 8


def trickle(lines, contents):
    """A byte to each line, then a pause, as slow lines have it; until all is sent."""
    begun = time.monotonic()
    for position in range(SLOW_BYTES):
        due = begun + position / BYTES_PER_SECOND
        time.sleep(max(0, due - time.monotonic()))
        for line, content in zip(lines, contents):
            line.send(content[position:position + 1])


def small_upload(server, number):
    upload = create(server, 5000)
    append(server, upload, b"%d" % (number % 10) * 5000)
    return upload


def test_200_slow_uploads_and_quick_ones_beside_them(ferryd):
    server = ferryd("--log-level", "warning")
    contents = [bytes((7 * i + j) % 251 for j in range(SLOW_BYTES)) for i in range(SLOW_UPLOADS)]
    uploads = [create(server, SLOW_BYTES) for _ in contents]
    lines = [begin(server, upload, SLOW_BYTES) for upload in uploads]
    figures = Figures()

    trickling = threading.Thread(target=trickle, args=(lines, contents))
    trickling.start()
    number = 0
    while trickling.is_alive():
        small = figures.time("small upload", small_upload, server, number)
        assert figures.time("resuming HEAD", look, server, small, TUS) == 5000
        slow = uploads[number % SLOW_UPLOADS]
        assert figures.time("HEAD of a slow one", look, server, slow) <= SLOW_BYTES
        number += 1
    trickling.join()

    ended = time.monotonic()
    for line in lines:
        assert line.expect(204).field("Upload-Offset") == str(SLOW_BYTES)
        line.close()
    answered = time.monotonic() - ended

    for upload, content in zip(uploads, contents):
        assert server.file_of(upload).read_bytes() == content
    figures.say(f"beside {SLOW_UPLOADS} slow uploads")
    say(f"all {SLOW_UPLOADS} were answered {answered * 1000:.0f} ms after their last bytes")
    assert number >= 3
    for name in "small upload", "resuming HEAD", "HEAD of a slow one":
        assert figures.but_one(name) < bound(1), name  # the slow ones take five seconds


# --- a slow disk ---


class SlowDisk:
    def __init__(self, folder):
        self.file = folder / "slow"
        self.log = folder / "slow.log"
        self.file.touch()
        program = conversation.BUILD / "tests/faults/slow_disk.so"
        self.environment = {"LD_PRELOAD": str(program), "SLOW_DISK": str(self.file)}

    def delay(self, upload, call, milliseconds):
        self.file.write_text(f"{upload.rpartition('/')[2]} {call} {milliseconds}\n")

    def go_on(self):
        self.file.write_text("")

    def wait_until_slow(self):
        eventually("the disk is slow", lambda: self.log.exists() and self.log.read_text())


@pytest.fixture
def slow_disk(tmp_path):
    return SlowDisk(tmp_path)


preloads = pytest.mark.skipif(bool(conversation.SANITIZED or conversation.WRAPPER),
                              reason="sanitizers and valgrind want to be loaded first")

FOREVER_MS = 600_000  # for a test


@preloads
@pytest.mark.parametrize("call", ["write", "sync"])
def test_a_slow_disk_delays_its_own_upload_alone(ferryd, slow_disk, call):
    server = ferryd(environment=slow_disk.environment)
    body = b"s" * 20_000
    slow = create(server, len(body))
    others = [create(server, 10) for _ in range(4)]
    slow_disk.delay(slow, call, FOREVER_MS)
    figures = Figures()

    with begin(server, slow, len(body)) as line:
        line.send(body)
        slow_disk.wait_until_slow()
        for number in range(20):
            figures.time("HEAD", look, server, others[0])
            figures.time("resuming HEAD", look, server, others[1], TUS)
            figures.time("HEAD of the slow one", look, server, slow)
            figures.time("small upload", small_upload, server, number)
        assert line.is_quiet(), "it was not slow at all"
        slow_disk.go_on()
        line.expect(204)

    assert look(server, slow) == len(body)
    figures.say(f"beside a slow {call}")


@preloads
def test_what_a_killed_server_loses_is_bounded_however_slow_the_disk_is(ferryd, slow_disk):
    """While a sync takes its time the server must stop reading: 16 MiB are what may be lost."""
    server = ferryd(environment=slow_disk.environment)
    upload = create(server, 200 * MIB)
    slow_disk.delay(upload, "sync", FOREVER_MS)

    with begin(server, upload, 200 * MIB, send_buffer=65536) as line:
        sender = threading.Thread(target=line.send_whatever, args=(bytes(100 * MIB),), daemon=True)
        sender.start()
        slow_disk.wait_until_slow()
        file = server.file_of(upload)
        seen = []

        def settled():  # as far as it goes: the same after 20 looks
            seen.append(file.stat().st_size)
            same = len(seen) > 20 and len(set(seen[-20:])) == 1
            return not sender.is_alive() or same and line.server_unread() > 0

        try:
            eventually("the server stops reading", settled)
        finally:
            server.kill()
            sender.join()
    say(f"{seen[-1]} bytes written while the first sync went on")
    assert seen[-1] <= COMMIT + BUFFERS
