"""ferry top in a terminal of its own: what is on the screen, and that the terminal is given back"""

import contextlib
import os
import signal

import pytest

from fake_admin import AdminServer, upload
from terminal import SECONDS, Terminal

@pytest.fixture
def top(ferry):
    with contextlib.ExitStack() as stack:
        def start(*arguments, **options):
            terminal = Terminal(ferry, "top", *arguments, **options)
            stack.callback(terminal.close)
            return terminal
        yield start


@pytest.fixture
def server():
    with AdminServer([upload("a" * 32, writing=True, offset=42, metadata={"filename": "é.mp4"}),
                      upload("b" * 32, offset=7)]) as server:
        yield server


def test_shows_who_sends_and_quits(top, server):
    terminal = top(server.url)
    terminal.read("é.mp4".encode())
    terminal.read(b"b" * 32)
    terminal.read(b"q quits")
    assert b"ferryd 1.2.3, up 90s" in terminal.text
    assert b"1 active, 1 stalled, 3 complete" in terminal.text
    terminal.type(b"xq")

    assert terminal.end() == 0


def test_shows_what_changes(top, server):
    terminal = top(server.url)
    terminal.read(b"q quits")
    server.uploads.append(upload("c" * 32))
    terminal.read(b"c" * 32)
    terminal.type(b"q")
    assert terminal.end() == 0


def test_follows_the_size_of_the_terminal(top, server):
    terminal = top(server.url)
    terminal.read(b"q quits")
    assert b"EXPIRES" not in terminal.text
    terminal.resize(30, 200)
    terminal.read(b"EXPIRES")
    terminal.resize(3, 10)
    terminal.type(b"q")
    assert terminal.end() == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGABRT,
                                    signal.SIGSEGV], ids=lambda number: number.name)
def test_a_signal_gives_the_terminal_back(top, server, number):
    terminal = top(server.url)
    terminal.read(b"q quits")
    terminal.process.send_signal(number)

    status = terminal.end()
    assert status == -number or os.environ.get("ASAN_OPTIONS") or os.environ.get("FERRY_TEST_WRAPPER")


def test_a_server_that_is_away_is_waited_for(top, ferry):
    with AdminServer([upload("a" * 32)]) as server:
        terminal = top(server.url)
        terminal.read(b"a" * 32)
        server.busy = 1
        terminal.read(b"503")
        terminal.read(b"trying again")
        server.uploads = [upload("d" * 32)]
        terminal.read(b"d" * 32)
        terminal.type(b"q")
        assert terminal.end() == 0


def test_nothing_that_a_client_said_reaches_the_terminal(top):
    evil = "\u001b]0;pwned\u0007\u009b31m\u202e\n\u0000"
    with AdminServer([upload(evil, state="receiving", metadata={"filename": evil})]) as server:
        server.stats["version"] = evil
        terminal = top(server.url)
        terminal.read(b"q quits")
        terminal.type(b"q")
        assert terminal.end() == 0
    assert b"?]0;pwned??31m" in terminal.text
    for bad in b"\x1b]0;", b"\x9b", b"\x07", "\u202e".encode(), b"\x00":
        assert bad not in terminal.text


def test_without_a_terminal_it_says_so(ferry, server):
    status, out, err = ferry.run("top", server.url)
    assert (status, out) == (1, "") and "needs a terminal" in err


def test_what_is_no_server_is_told_before_the_screen_is_taken(ferry, top, server):
    server.token = "right"
    terminal = top(server.url)
    terminal.read(b"it wants the operator's token")
    assert terminal.process.wait(SECONDS) == 1 and b"\x1b[?1049h" not in terminal.text
