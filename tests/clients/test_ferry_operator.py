"""ferry and ferryd together: what is there, what is going on, and somebody else's upload as it comes"""

import contextlib
import json
import re
import signal

import pytest

import conversation
from conversation import header, request
from endpoint import OCTETS, VERSION, b64, length_is, offset_is
from terminal import Terminal
from test_ferry import Ferry, ferry


class Uploads:
    """Of a server, as their client sees them."""

    def __init__(self, server):
        self.server = server

    def _ask(self, status, *request_parts, **options):
        with self.server.line() as line:
            line.send(request(*request_parts, close=True, **options))
            return line.expect(status)

    def create(self, length, name=None):
        fields = (f"Upload-Metadata: filename {b64(name)}",) if name else ()
        return self._ask(201, "POST", "/files/", VERSION, length_is(length), *fields).field("Location")

    def patch(self, path, offset, body):
        self._ask(204, "PATCH", path, VERSION, OCTETS, offset_is(offset), body=body)

    def delete(self, path):
        self._ask(204, "DELETE", path, VERSION)

    @contextlib.contextmanager
    def writing(self, path, offset, length):
        """Somebody who is in the middle of it."""
        with self.server.line() as line:
            yield line.send(header("PATCH", path, VERSION, OCTETS, offset_is(offset), length=length))


def id_of(path):
    return path.rpartition("/")[2]


@pytest.fixture
def server(ferryd):
    return ferryd()


@pytest.fixture
def uploads(server):
    return Uploads(server)


def listed(ferry, *arguments):
    return [json.loads(line) for line in ferry.check("ls", "--json", *arguments).splitlines()]


# --- ferry ls ---


def test_ls_tells_what_there_is(server, uploads, ferry):
    begun = uploads.create(10, "né.mp4")
    uploads.patch(begun, 0, b"abcd")
    done = uploads.create(3, "done.txt")
    uploads.patch(done, 0, b"abc")
    sent = uploads.create(100)
    with uploads.writing(sent, 0, 100) as line:
        line.send(b"a" * 50)
        conversation.eventually("it is active", lambda: listed(ferry, server.data, "--state", "active"))
        everything = listed(ferry, server.data)
        states = {state: [one["id"] for one in listed(ferry, server.data, "--state", state)]
                  for state in ("active", "stalled", "complete", "damaged", "invalidated")}
        table = ferry.check("ls", server.data).splitlines()
    assert [one["id"] for one in everything] == [id_of(path) for path in (sent, done, begun)]
    assert states == {"active": [id_of(sent)], "stalled": [id_of(begun)], "complete": [id_of(done)], "damaged": [],
                      "invalidated": []}
    assert table[1].split()[1] == "active"
    assert table[2].split()[:5] == ["done.txt", "complete", "100%", "3", "B"]
    assert table[3].split()[:5] == ["né.mp4", "stalled", "40%", "10", "B"] and table[3].endswith(id_of(begun))
    assert [one["id"] for one in listed(ferry, server.data, "--metadata", "filename=né.mp4")] == [id_of(begun)]
    assert listed(ferry, server.data, "--older", "1h") == []


def test_ls_follows_the_pages(server, uploads, ferry):
    count = 230  # a page has 100
    with server.line() as line:
        line.send(*[request("POST", "/files/", VERSION, length_is(1))] * count)
        paths = [line.expect(201).field("Location") for _ in range(count)]
    assert [one["id"] for one in listed(ferry, server.data, "--limit", "1000")] == [
        id_of(path) for path in reversed(paths)]
    assert len(listed(ferry, server.data, "--limit", "150")) == 150


def test_ls_shows_the_token(ferryd, ferry):
    server = ferryd("--admin-listen", "127.0.0.1:0")
    path = Uploads(server).create(10)
    where = conversation.eventually("where the operator asks", lambda: re.search(
        r"the operator's listener is at (\S+)", server.server.log()))[1]
    assert [one["id"] for one in listed(ferry, where, "--api-token-file", server.data / "api-token")] == [id_of(path)]
    status, out, err = ferry.run("ls", where)
    assert (status, out) == (1, "") and "it wants the operator's token" in err


# --- ferry top ---


@pytest.mark.parametrize("columns", [80, 200])
def test_top_shows_what_is_going_on(server, uploads, ferry, columns):
    path = uploads.create(100, "holiday.mp4")
    terminal = Terminal(ferry, "top", server.data, columns=columns)
    with contextlib.closing(terminal), uploads.writing(path, 0, 100) as line:
        terminal.sees("ferryd ", "holiday.mp4", "q quits")
        line.send(b"a" * 50)
        terminal.sees("1 active, 0 stalled, 0 complete", "holiday.mp4  active")
        terminal.shows(lambda lines: any(id_of(path) in line for line in lines) == (columns == 200))
        line.send(b"a" * 50)
        line.expect(204)
        terminal.sees("0 active, 0 stalled, 1 complete")
        terminal.shows(lambda lines: not any("holiday.mp4" in line for line in lines))
        terminal.type(b"q")
        assert terminal.end() == 0


def test_top_waits_for_a_server_that_is_away(server, uploads, ferry):
    terminal = Terminal(ferry, "top", server.data)
    with contextlib.closing(terminal):
        terminal.sees("ferryd ", "q quits")
        server.kill()
        terminal.sees("q quits; trying again: no answer at the socket")
        server.start()
        uploads.create(100, "after.mp4")
        terminal.sees("after.mp4", "0 active, 1 stalled")
        terminal.shows(lambda lines: lines[-1] == "q quits")
        terminal.type(b"q")
        assert terminal.end() == 0


# --- ferry status --follow ---


@contextlib.contextmanager
def following(ferry, server, path):
    """Yields a function that reads what it tells up to an event: {"event": ..., "offset": ...}."""
    process = ferry.start("status", "--follow", "--json", "--retry-delay", "20", f"http://{server.listen}{path}")

    def until(**wanted):
        for line in process.stdout:
            event = json.loads(line)
            if all(event[name] == value for name, value in wanted.items()):
                return event
        raise AssertionError(f"it ended without {wanted}: {process.stderr.read()}")

    try:
        yield process, until
    finally:
        process.kill()
        process.communicate()


def test_follow_tells_how_far_it_is_until_the_end(server, uploads, ferry):
    path = uploads.create(10, "holiday.mp4")
    with following(ferry, server, path) as (process, until):
        assert until(event="progress", offset=0)["file"] == "holiday.mp4"
        uploads.patch(path, 0, b"abcd")
        until(event="progress", offset=4)
        uploads.patch(path, 4, b"efghij")
        until(event="complete", offset=10)
        assert process.wait(conversation.PATIENCE) == 0


def test_follow_survives_the_server_s_restart(server, uploads, ferry):
    path = uploads.create(10)
    with following(ferry, server, path) as (process, until):
        until(event="progress", offset=0)
        server.kill()
        server.start()
        uploads.patch(path, 0, b"abcd")
        until(event="progress", offset=4)
        uploads.patch(path, 4, b"efghij")
        until(event="complete", offset=10)
        assert process.wait(conversation.PATIENCE) == 0


def test_follow_ends_with_the_upload(server, uploads, ferry):
    path = uploads.create(10)
    with following(ferry, server, path) as (process, until):
        until(event="progress", offset=0)
        uploads.delete(path)
        assert "removed" in until(event="failed")["reason"]
        assert process.wait(conversation.PATIENCE) == 1


def test_follow_disturbs_nobody(server, uploads, ferry):
    """Who sends is not ended by who looks; and is there no longer once stopped."""
    path = uploads.create(100)
    with uploads.writing(path, 0, 100) as line:
        line.send(b"a" * 50)
        with following(ferry, server, path) as (process, until):
            until(event="progress")
            process.send_signal(signal.SIGTERM)
            assert process.wait(conversation.PATIENCE) != 0
        line.send(b"a" * 50)
        line.expect(204)
    conversation.eventually("it is gone", lambda: f"GET {path} status=200 end=client-gone" in server.server.log())
