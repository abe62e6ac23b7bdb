"""
Ends

A client may vanish at any moment and in any way, and another thread may end an exchange: the handler
learns it at once, what it had accepted is exactly what it says, and nothing is left behind. The idle
timeout is far away in these tests: whatever takes longer than a moment was not noticed.
"""

import os
import random
import signal
import socket
import threading
import time

import pytest

from conversation import PATIENCE, bound, chunk, eventually, header, request

UPLOADERS = 60
IDLE_S = 600


@pytest.fixture(scope="module")
def server(module_servers):
    return module_servers.frame(idle_s=IDLE_S, header_s=IDLE_S, first_byte_s=IDLE_S)


@pytest.fixture
def gone(server):
    """How many bodies have gone since."""
    before = server.counts()["gone"]
    return lambda: server.counts()["gone"] - before


def wait_until_gone(server, gone, count, seconds):
    eventually(f"{count} of {count} gone", lambda: gone() == count, seconds)
    server.wait_for_counts(seconds, live=0, suspended=0, fibers=0, connections=0)


def corked(line):
    """What is sent from now on leaves with the FIN, in one segment."""
    line.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 0)
    line.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
    return line


# --- the client vanishes ---


class Uploader:
    """A process in full flight."""

    def __init__(self, server, target, *fields):
        line = server.line()
        started, told = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                line.send(header("POST", target, *fields))
                piece = b"x" * 65536 if not fields[0].startswith("Transfer") else chunk(b"x" * 65536)
                line.socket.settimeout(None)
                sent = 0
                while True:
                    line.send(piece)
                    sent += len(piece)
                    if told and sent > 200000:
                        os.write(told, b"!")
                        told = None
            finally:
                os._exit(1)
        os.close(told)
        line.close()
        self.started = started

    def wait_until_in_flight(self):
        assert os.read(self.started, 1) == b"!"
        os.close(self.started)

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)

    def wait(self):
        assert os.waitpid(self.pid, 0)[1] == signal.SIGKILL


@pytest.mark.parametrize("target", ["/count", "/slow/1"])
@pytest.mark.parametrize("framing", ["Content-Length: 1000000000000", "Transfer-Encoding: chunked"])
def test_uploaders_killed_in_full_flight_are_noticed_at_once(server, gone, target, framing):
    uploaders = [Uploader(server, target, framing) for _ in range(UPLOADERS)]
    for uploader in uploaders:
        uploader.wait_until_in_flight()
    assert gone() == 0

    for uploader in uploaders:
        uploader.kill()
    for uploader in uploaders:
        uploader.wait()
    wait_until_gone(server, gone, UPLOADERS, bound(5))


@pytest.mark.parametrize("target", ["/count", "/slow/1", "/sip/100"])
def test_a_fin_in_the_segment_of_the_last_data_is_noticed(server, gone, target):
    for turn in range(30):
        line = server.line()
        line.send(header("POST", target, length=100000), b"x" * turn).wait_until_read()
        corked(line).send(b"y" * 1000).close()
    wait_until_gone(server, gone, 30, bound(3))


def test_a_fin_in_the_segment_of_the_header_is_noticed(server, gone):
    for turn in range(30):
        corked(server.line()).send(header("POST", "/count", length=100000), b"x" * turn).close()
    wait_until_gone(server, gone, 30, bound(3))


def test_a_fin_in_the_segment_of_a_chunk_is_noticed(server, gone):
    for end in (b"", b"3", b"3\r\n", b"3\r\nab", chunk(b"abc"), chunk(b"abc") + b"0\r\n"):
        for _ in range(5):
            line = server.line()
            line.send(header("POST", "/count", "Transfer-Encoding: chunked"), chunk(b"abc"))
            line.wait_until_read()
            corked(line).send(chunk(b"x" * 1000), end).close()
    wait_until_gone(server, gone, 30, bound(3))


@pytest.mark.parametrize("message", [request("GET", "/target"), request("POST", "/count", body=b"abc")],
                         ids=["GET", "POST"])
def test_a_fin_in_the_segment_of_a_whole_request_ends_the_connection(servers, message):
    server = servers.frame(idle_s=IDLE_S)
    for _ in range(10):
        with corked(server.line()) as line:
            line.send(message).half_close()
            line.expect(200)
            line.expect_closed(bound(3))


def test_a_client_that_closes_without_reading_its_answer_leaves_nothing(server, gone):
    for _ in range(20):
        corked(server.line()).send(request("GET", "/target")).close()
        corked(server.line()).send(request("GET", "/large/3000000")).close()
        corked(server.line()).send(request("GET", "/wait/50")).close()
    wait_until_gone(server, gone, 0, bound(5))


@pytest.mark.parametrize("end", ["close", "reset"])
@pytest.mark.parametrize("bytes_more", [0, 1000])
def test_an_end_while_the_handler_waits_is_noticed_after_it(server, gone, end, bytes_more):
    for _ in range(2):
        line = server.line()
        line.send(header("POST", "/slow/500", length=100000), b"x" * 1000)
        server.wait_for_counts(suspended=1)
        line.send(b"y" * bytes_more)
        getattr(line, end)()
        server.wait_for_counts(live=0, suspended=0)
    wait_until_gone(server, gone, 2, bound(3))


@pytest.mark.parametrize("end", ["close", "reset"])
def test_an_end_while_an_answer_is_waited_for_leaves_nothing(server, gone, end):
    for target in ("/wait/1000", "/twice/500"):
        line = server.line()
        line.send(request("GET", target))
        server.wait_for_counts(suspended=1)
        getattr(line, end)()
        server.wait_for_counts(1 + bound(3), live=0, suspended=0, fibers=0, connections=0)


def test_a_reset_in_mid_body_is_noticed(server, gone):
    for count in (0, 1, 1000, 500000):
        line = server.line()
        line.send(header("POST", "/count", length=10**9), b"x" * count)
        line.reset()
    line = server.line()
    line.send(header("POST", "/count", length=10**9), b"x").wait_until_read().reset()
    server.wait_for_counts(bound(3), live=0, fibers=0, connections=0)
    assert gone() >= 1


@pytest.mark.parametrize("end", ["close", "reset"])
@pytest.mark.parametrize("start", [b"", b"G", b"GET /target HTTP/1.1\r\nHost: te", b"\r\n",
                                   request("GET", "/target"), request("GET", "/target") + b"GET "],
                         ids=["silent", "a letter", "half a header", "an empty line", "idle", "again half"])
def test_a_connection_that_ends_between_requests_is_forgotten(server, start, end):
    line = server.line()
    line.send(start).wait_until_read()
    if b"\r\n\r\n" in start:
        line.expect(200)
    getattr(line, end)()
    server.wait_for_counts(bound(3), live=0, connections=0)


# --- half-closed ---


@pytest.fixture(params=["alone", "beside another"])
def half_closed(request, servers):
    """A server whose loop has this line alone or another one, too."""
    server = servers.frame(idle_s=IDLE_S)
    if request.param == "alone":
        yield server
    else:
        with server.line() as other:
            other.send(b"GET").wait_until_read()
            yield server


ANSWERED = {
    "a plain request": (request("GET", "/target", close=True), "/target "),
    "a wait": (request("GET", "/wait/50", close=True), "waited"),
    "two waits": (request("GET", "/twice/20", close=True), "waited"),
    "a body": (request("POST", "/count", body=b"x" * 100000, close=True), "100000"),
    "a body that is waited for": (request("POST", "/slow/5", body=b"x" * 100000, close=True), "100000"),
    "a small body that is waited for": (request("POST", "/slow/50", body=b"x", close=True), "1"),
    "a wait before a body": (request("POST", "/late/50", body=b"x", close=True), "1"),
    "chunks": (request("POST", "/count", chunks=[b"x" * 1000] * 100), "100000"),
}
# Chunks that are waited for are not among them: libmicrohttpd cannot be kept from reading for as long as it
# does not know the end of the body, and then takes the half-closed client for gone.


@pytest.mark.parametrize("message, text", ANSWERED.values(), ids=list(ANSWERED))
def test_a_half_closed_client_gets_its_answer(half_closed, message, text):
    with half_closed.line() as line:
        line.send(message).half_close()
        line.expect(200, text=text)
        line.expect_closed()
    with corked(half_closed.line()) as line:
        line.send(message).half_close()
        line.expect(200, text=text)
        line.expect_closed()


def test_a_half_closed_client_gets_all_its_answers(half_closed):
    with corked(half_closed.line()) as line:
        line.send(request("GET", "/wait/50"), request("POST", "/count", body=b"abc"),
                  request("GET", "/large/1000000"), request("GET", "/target", close=True)).half_close()
        line.expect(200, text="waited")
        line.expect(200, text="3")
        line.expect(200)
        line.expect(200, text="/target ")
        line.expect_closed()


def test_what_follows_the_last_request_is_no_reset_of_its_answer(server):
    """It is never read, for which the kernel resets a connection; but the FIN goes out before that."""
    with server.line() as line:
        line.send(request("GET", "/wait/50", close=True), bytes(200_000))
        line.expect(200, text="waited")
        line.expect_closed()


def test_a_half_closed_client_whose_body_is_short_is_let_go(server, gone):
    with corked(server.line()) as line:
        line.send(header("POST", "/count", length=10), b"abc").half_close()
        assert b" 200 " not in line.read_until_closed(bound(3))
    assert gone() == 1


# --- ended by another thread ---


def end(server):
    return int(server.ask("/end", method="POST"))


def ended(server):
    """What the handler itself had accepted, and how it ended."""
    received, result = server.ask("/ended").split()
    return int(received), int(result)


ECANCELED = -125


def test_ending_a_stalled_exchange_takes_effect_at_once(server, gone):
    for count in (0, 1, 5000):
        with server.line() as line:
            line.send(header("POST", "/held", length=10**6), b"x" * count).wait_until_read()
            server.wait_for_counts(live=1)
            begun = time.monotonic()
            assert end(server) == count
            assert b" 200 " not in line.read_until_closed()
            took = time.monotonic() - begun
        assert ended(server) == (count, ECANCELED)
        assert took < bound(3)
    wait_until_gone(server, gone, 3, bound(3))


def test_ending_a_stalled_chunked_exchange_takes_effect_at_once(server, gone):
    with server.line() as line:
        line.send(header("POST", "/held", "Transfer-Encoding: chunked"), chunk(b"abc"), b"5\r\nde")
        line.wait_until_read()
        server.wait_for_counts(live=1)
        begun = time.monotonic()
        assert end(server) == 5
        assert b" 200 " not in line.read_until_closed()
        took = time.monotonic() - begun
    assert ended(server) == (5, ECANCELED)
    assert took < bound(3)


def test_ending_takes_effect_when_the_handler_has_done_waiting(server, gone):
    with server.line() as line:
        line.send(header("POST", "/held/2000", length=10**6), b"x" * 1000)
        server.wait_for_counts(suspended=1)
        line.send(b"y" * 1000)
        assert end(server) == 1000
        line.read_until_closed(2 + bound(3))
    assert ended(server) == (1000, ECANCELED)
    wait_until_gone(server, gone, 1, bound(3))


def test_no_byte_is_accepted_after_the_mark_though_the_kernel_holds_many(server, gone):
    for turn in range(5):
        with server.line() as line:
            line.send(header("POST", "/held/50", length=10**9))
            server.wait_for_counts(live=1)
            sent = line.stuff()
            assert sent > 10**6
            accepted = end(server)
            assert ended(server) == (accepted, ECANCELED)
            assert accepted < sent
            line.read_until_closed(bound(3))
    wait_until_gone(server, gone, 5, bound(3))


@pytest.mark.parametrize("framing", ["Content-Length: 1000000000000", "Transfer-Encoding: chunked"])
def test_no_byte_is_accepted_after_the_mark_in_full_flight(server, gone, framing):
    for turn in range(10):
        line = server.line()
        line.send(header("POST", "/held", framing))
        piece = chunk(b"x" * 65536) if "chunked" in framing else b"x" * 65536
        in_flight = threading.Event()

        def flow():
            while line.send_whatever(piece):
                in_flight.set()

        sender = threading.Thread(target=flow)
        sender.start()
        in_flight.wait(PATIENCE)
        accepted = end(server)
        assert ended(server) == (accepted, ECANCELED)
        sender.join(PATIENCE)
        assert not sender.is_alive()
        line.close()
    wait_until_gone(server, gone, 10, bound(3))


def test_what_came_before_the_end_of_the_connection_is_accepted(server, gone):
    """With a FIN all of it, however much was on its way while the handler waited."""
    for framing, piece in (("Content-Length: 1000000", b"x" * 1000),
                           ("Transfer-Encoding: chunked", chunk(b"x" * 1000))):
        with server.line() as line:
            line.send(header("POST", "/held/500", framing), piece)
            server.wait_for_counts(suspended=1)
            corked(line).send(piece * 8).close()
        assert ended(server) == (9000, ECANCELED)
        assert end(server) == 9000
    wait_until_gone(server, gone, 2, bound(3))


def test_an_exchange_whose_body_is_complete_is_not_ended(server, gone):
    with server.line() as line:
        line.send(request("POST", "/held/1500", body=b"abc"))
        server.wait_for_counts(suspended=1)
        assert end(server) == 3
        line.expect(200, text="3")
        line.send(request("GET", "/target")).expect(200)
    assert ended(server) == (3, 0)


def test_ending_one_that_is_over_does_not_disturb_its_connection(server, gone):
    with server.line() as line:
        line.send(request("POST", "/held", body=b"abc")).expect(200, text="3")
        line.send(header("POST", "/count", length=6), b"abc").wait_until_read()
        server.wait_for_counts(live=1)
        assert end(server) == 3
        line.send(b"def").expect(200, text="6")
        line.send(request("GET", "/target")).expect(200)
    assert gone() == 0


def test_ending_one_that_is_gone_does_not_disturb_who_has_its_descriptor(server, gone):
    with server.line() as line:
        line.send(header("POST", "/held", length=6), b"abc").wait_until_read()
        server.wait_for_counts(live=1)
    wait_until_gone(server, gone, 1, bound(3))
    others = [server.line() for _ in range(10)]
    for other in others:
        other.send(header("POST", "/count", length=6), b"abc").wait_until_read()
    server.wait_for_counts(live=10)
    assert end(server) == 3
    for other in others:
        other.send(b"def").expect(200, text="6")
        other.close()


# --- the timeout ---


def test_a_client_that_stalls_is_let_go_after_the_idle_timeout(servers):
    server = servers.frame(idle_s=1)
    with server.line() as line, server.line() as chunks, server.line() as slow:
        begun = time.monotonic()
        line.send(header("POST", "/count", length=10), b"abc")
        chunks.send(header("POST", "/count", "Transfer-Encoding: chunked"), chunk(b"abc"), b"4\r\nab")
        slow.send(header("POST", "/slow/10", length=10), b"abc")
        for each in (line, chunks, slow):
            assert b" 200 " not in each.read_until_closed()
        assert 0.9 <= time.monotonic() - begun < bound(4)
    server.wait_for_counts(live=0, fibers=0, connections=0, gone=3)


def test_a_client_that_keeps_sending_is_not_let_go(servers):
    server = servers.frame(idle_s=2)
    with server.line() as line:
        line.send(header("POST", "/count", length=16))
        for _ in range(16):
            line.send(b"x")
            line.is_quiet(0.25)
        line.expect(200, text="16")


def test_a_client_that_reads_nothing_is_let_go_after_the_idle_timeout(servers):
    server = servers.frame(idle_s=3)
    with server.line(receive_buffer=4096) as line:
        line.send(request("GET", "/large/20000000"))
        server.wait_for_counts(live=1)
        server.wait_for_counts(3 + bound(5), live=0, fibers=0, connections=0)


def test_a_wait_longer_than_the_idle_timeout_is_no_idleness(servers):
    server = servers.frame(idle_s=1)
    with server.line() as line:
        line.send(request("GET", "/wait/2500")).expect(200, text="waited")
        line.send(request("POST", "/slow/1500", body=b"abc")).expect(200, text="3")


# --- everything at once ---


def test_ends_of_every_kind_leave_nothing(servers):
    server = servers.frame(threads=2, io_threads=2, idle_s=IDLE_S, header_s=2)
    chance = random.Random(20)
    for _ in range(300):
        line = server.line()
        target = chance.choice(["/count", "/slow/1", "/sip/1000", "/interim", "/refuse", "/refuse/10"])
        if chance.random() < 0.5:
            message = request("POST", target, body=b"x" * chance.choice([1, 1000, 30000]))
        else:
            message = request("POST", target, chunks=[b"x" * 1000] * chance.choice([1, 30]))
        line.send(message[:chance.randrange(1, len(message) + 1)])
        if chance.random() < 0.5:
            line.wait_until_read()
        chance.choice([line.close, line.reset])()
    server.wait_for_counts(live=0, suspended=0, fibers=0, connections=0)
