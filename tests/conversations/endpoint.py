"""
An upload endpoint and its uploads, as a tus 1.0.0 client sees them, and as they lie on the disk

Requests are written out by the tests; what is here says the same few things about every answer, and
looks at an upload without disturbing it: what a HEAD without Tus-Resumable tells, and its file.
"""

import base64
import contextlib
import random
import re
import sqlite3
import time

import pytest

from conversation import eventually, header, request

VERSION = "Tus-Resumable: 1.0.0"
OCTETS = "Content-Type: application/offset+octet-stream"


def offset_is(number):
    return f"Upload-Offset: {number}"


def length_is(number):
    return f"Upload-Length: {number}"


def appends(offset, *fields):
    """The fields of a PATCH."""
    return (VERSION, OCTETS, offset_is(offset), *fields)


def pattern(count, seed=0):
    """Bytes that look the same nowhere; fewer are the beginning of more."""
    return random.Random(seed).randbytes((count + 3) // 4 * 4)[:count]


def b64(text):
    return base64.b64encode(text.encode()).decode()


def lower_names(answer):
    return {name.lower() for name, _ in answer.fields}


class Endpoint:
    """A ferryd of one's own, with the directory that it keeps."""

    def __init__(self, servers, folder, *arguments, data="data", base_path="/files/", **popen):
        self.servers, self.arguments, self.popen = servers, arguments, popen
        self.base_path = base_path
        self.data = folder / data
        self.server, self.woken = None, 0
        self.start()

    def start(self, *more):
        self.server = self.servers.ferryd("--listen", "127.0.0.1:0", "--data", str(self.data),
                                          *self.arguments, *more, **self.popen)
        return self

    def stop(self):
        return self.server.stop()

    def crash(self):
        """SIGKILL, and all sockets are gone."""
        self.server.kill()

    def line(self, **options):
        return self.server.line(**options)

    def ask(self, method, target, *fields, status, body=None, chunks=None):
        """One request on a line of its own, whose answer everybody can trust in its general parts."""
        with self.line() as line:
            line.send(request(method, target, *fields, body=body, chunks=chunks, close=True))
            answer = line.expect(status, method=method)
            check_general(answer, method)
            line.expect_closed()
            return answer

    def create(self, length=None, *fields, body=None, status=201):
        if length is not None:
            fields += (length_is(length),)
        answer = self.ask("POST", self.base_path, VERSION, *fields, body=body, status=status)
        return Upload(self, answer)

    def deferred(self, *fields, **options):
        return self.create(None, "Upload-Defer-Length: 1", *fields, **options)

    def wake_janitor(self):
        """Who else comes once a minute. Not more often than it can clear away what this leaves."""
        if time.monotonic() < self.woken + 0.3:
            return
        self.woken = time.monotonic()
        upload = self.create(1)
        with self.line() as line:
            line.send(request("DELETE", upload.path, VERSION))
            assert line.next_answer("DELETE").status in (204, 404, 410)  # it may have expired

    # what is there

    def rows(self):
        """The ids that the catalog has, those being deleted left out."""
        base = sqlite3.connect(f"file:{self.data}/ferry.db?mode=ro", uri=True, timeout=10)
        with contextlib.closing(base):
            return {row[0].hex() for row in base.execute(
                "SELECT id FROM upload JOIN progress USING (number) WHERE state <> 4")}

    def files(self):
        return {path.name for path in (self.data / "files").glob("??/*")}

    @contextlib.contextmanager
    def nothing_created(self):
        """Nor taken away; files of what was deleted before may go meanwhile."""
        rows, files = self.rows(), self.files()
        yield
        assert self.rows() == rows and rows & files <= self.files() <= files

    @contextlib.contextmanager
    def nothing_left(self):
        """What was begun is taken back: its row at once, its file soon after."""
        rows, files = self.rows(), self.files()
        yield
        assert self.rows() == rows
        eventually("its file is gone, and no other", lambda: rows & files <= self.files() <= files)


class Upload:
    def __init__(self, endpoint, answer=None, path=None):
        self.endpoint = endpoint
        self.answer = answer
        self.path = path or answer.field("Location")
        self.id = self.path.rsplit("/", 1)[1]
        assert re.fullmatch("[0-9a-f]{32}", self.id), self.path

    @property
    def file(self):
        return self.endpoint.data / "files" / self.id[:2] / self.id

    def bytes_on_disk(self):
        try:
            return self.file.read_bytes()
        except FileNotFoundError:
            return b""

    def look(self, status=200):
        """A HEAD that disturbs nobody."""
        return self.endpoint.ask("HEAD", self.path, status=status)

    def head(self, status=200):
        """A HEAD in order to go on."""
        return self.endpoint.ask("HEAD", self.path, VERSION, status=status)

    def offset(self):
        return int(self.look().field("Upload-Offset"))

    def patch(self, offset, body=b"", *fields, status=204):
        return self.endpoint.ask("PATCH", self.path, *appends(offset, *fields), body=body, status=status)

    def patch_chunked(self, offset, *chunks, fields=(), status=204):
        return self.endpoint.ask("PATCH", self.path, *appends(offset, *fields), chunks=chunks, status=status)

    def delete(self, status=204):
        return self.endpoint.ask("DELETE", self.path, VERSION, status=status)

    def begin(self, line, offset, length, body=b"", *fields):
        """A PATCH whose body has so many bytes; these of them are sent."""
        line.send(header("PATCH", self.path, *appends(offset, *fields), length=length), body)
        return line

    def state(self):
        answer = self.look()
        told = {name: value for name, value in answer.fields
                if name.startswith("Upload-")}
        return told, self.bytes_on_disk()[:int(told["Upload-Offset"])]

    @contextlib.contextmanager
    def unchanged(self):
        """By what a HEAD tells and by the bytes on the disk."""
        before = self.state()
        yield
        assert self.state() == before

    def expect(self, offset, content):
        """That the upload ends there, and that these bytes lie there and nothing behind them."""
        assert self.offset() == offset
        assert offset == len(content)
        eventually("no bytes behind the offset",
                   lambda: not self.file.exists() or self.file.stat().st_size == offset)
        assert self.bytes_on_disk() == content, "the bytes on the disk are others"

    def wait_for_offset(self, at_least, seconds=None):
        return eventually(f"{at_least} bytes of {self.id}",
                          lambda: self.offset() >= at_least, seconds)

    def wait_for_bytes(self, count, seconds=None):
        """Until so many bytes lie in the file, durable or not."""
        return eventually(f"{count} bytes in the file of {self.id}",
                          lambda: self.file.exists() and self.file.stat().st_size >= count, seconds)


def check_general(answer, method="GET", status=None):
    """What holds for every answer but one to OPTIONS, and what an error has to say."""
    assert answer.field("Tus-Resumable") == "1.0.0", answer
    assert answer.field("X-Content-Type-Options") == "nosniff", answer
    assert re.fullmatch(r"[!-~]{1,128}", answer.field("X-Request-ID")), answer
    assert status is None or answer.status == status, answer
    if answer.status >= 400:
        assert answer.field("Content-Type") == "text/plain; charset=utf-8", answer
        assert method == "HEAD" or re.fullmatch(rb"[ -~]{5,120}\n", answer.body), answer
    if answer.status in (404, 405, 410, 412):
        assert answer.field("Upload-Offset") is None, answer
    if answer.status == 412:
        assert answer.field("Tus-Version") == "1.0.0", answer
    return answer


def follow_up(line):
    """The connection is as good as before."""
    line.send(request("OPTIONS", "/healthz", host="follow-up"), request("GET", "/healthz"))
    line.expect(405)
    line.expect(200, "ok")


@pytest.fixture(scope="module")
def endpoint(module_servers, tmp_path_factory):
    """One for all the tests of a module."""
    return Endpoint(module_servers, tmp_path_factory.mktemp("endpoint"))


@pytest.fixture
def endpoints(servers, tmp_path):
    """Makes endpoints with arguments of their own."""
    def make(*arguments, **options):
        return Endpoint(servers, tmp_path, *arguments, **options)
    return make


@pytest.fixture
def upload(endpoint):
    """One of a hundred bytes, ten of which are there."""
    upload = endpoint.create(100)
    upload.patch(0, b"0123456789")
    return upload
