"""
Waiting

The experiment that this project began with: three handlers that each wait one second, on one loop
thread, finish together in about one second. Whoever waits stands in nobody's way.
"""

import concurrent.futures
import pathlib
import signal
import time

import pytest

from conversation import chunk, eventually, header, request
from test_bodies import content, in_pieces, sip_text


def timed(function):
    begun = time.monotonic()
    function()
    return time.monotonic() - begun


# --- side by side ---


def test_three_waits_take_no_longer_than_one(servers):
    server = servers.frame(threads=1)
    server.ask("/target")
    lines = [server.line() for _ in range(3)]

    begun = time.monotonic()
    for line in lines:
        line.send(request("GET", "/wait/2000"))
    for line in lines:
        line.expect(200, text="waited")
        line.close()
    took = time.monotonic() - begun

    assert 2.0 <= took < 3.9, "four seconds are two after each other"


def test_a_stalled_worker_delays_nobody_else(server):
    with server.line() as waiting, server.line() as uploading, server.line() as other:
        other.send(request("GET", "/target")).expect(200)
        waiting.send(request("GET", "/wait/4000"))
        uploading.send(request("POST", "/slow/4000", body=b"x"))
        server.wait_for_counts(suspended=2)
        for _ in range(20):
            other.send(request("GET", "/target")).expect(200)
        server.ask("/count", method="POST", body=b"x" * 1000000)
        assert server.counts()["suspended"] == 2, "the others waited, too"
        waiting.expect(200, text="waited")
        uploading.expect(200, text="1")


def test_as_many_requests_at_once_as_the_loop_takes_in_one_go(servers):
    """128: the loop has them all, and nothing else happens that could wake it."""
    server = servers.frame(threads=1)
    lines = [server.line() for _ in range(128)]
    for line in lines:
        line.send(request("GET", "/target")).expect(200)

    stop(server.process)
    for line in lines:
        line.send(request("GET", "/target"))
    server.process.send_signal(signal.SIGCONT)
    for line in lines:
        line.expect(200)
        line.close()


def stop(process):
    process.send_signal(signal.SIGSTOP)
    status = pathlib.Path(f"/proc/{process.pid}/stat")
    eventually("the process to stop", lambda: status.read_text().rsplit(")")[1].split()[0] == "T")


def test_a_handler_may_wait_twice(server):
    assert timed(lambda: server.ask("/twice/100")) >= 0.2


def test_many_wait_for_few_workers(server):
    lines = [server.line() for _ in range(60)]
    for line in lines:
        line.send(request("GET", "/wait/20"))
    for line in lines:
        line.expect(200, text="waited")
        line.close()


def test_waiting_holds_no_descriptor_or_fiber_afterwards(server):
    server.wait_for_counts(live=0, suspended=0, fibers=0, connections=0)
    before = server.descriptors()
    for _ in range(3):
        test_many_wait_for_few_workers(server)
    server.wait_for_counts(live=0, suspended=0, fibers=0, connections=0)
    eventually("the descriptors are back", lambda: server.descriptors() <= before)


# --- what arrives meanwhile ---


def test_a_body_that_arrives_while_its_handler_waits_is_whole(server):
    with server.line() as line:
        line.send(header("POST", "/slow/30", length=70000))
        for piece in in_pieces(content(70000), [1, 30000, 1000]):
            line.send(piece)
        line.expect(200, text="70000")


@pytest.mark.parametrize("sizes", [[1, 2, 3, 4000], [10000], [100]], ids=str)
def test_chunks_that_arrive_while_the_handler_waits_are_whole(server, sizes):
    pieces = in_pieces(content(70000), sizes) if sizes != [100] else in_pieces(content(4097), sizes)
    size = sum(len(piece) for piece in pieces)
    with server.line() as line:
        line.send(header("POST", "/sip/1000", "Transfer-Encoding: chunked"))
        for piece in pieces:
            line.send(chunk(piece))
        line.send(b"0\r\n\r\n").expect(200, text=sip_text(size))
        line.expect_closed()


def test_a_chunk_is_not_given_out_while_its_handler_waits(server):
    with server.line() as line:
        line.send(header("POST", "/slow/1000", "Transfer-Encoding: chunked"), chunk(b"abc"), chunk(b"defg"))
        server.wait_for_counts(suspended=1)
        line.send(chunk(b"hijkl"), chunk(b"m")).send(b"0\r\n")
        line.send(b"X-A: a\r\n\r\n")
        line.expect(200, text="13")


def test_a_request_that_arrives_while_another_waits_is_answered_after_it(server):
    with server.line() as line:
        line.send(request("GET", "/wait/1500"))
        server.wait_for_counts(suspended=1)
        line.send(request("GET", "/target"))
        line.expect(200, text="waited")
        line.expect(200, text="/target ")


# --- bounds ---


def expect_busy(line):
    answer = line.expect(503)
    assert answer.field("Retry-After").isdigit()
    return answer


def test_beyond_the_bound_on_fibers_a_client_is_told_to_come_again(servers):
    server = servers.frame(fibers=2)
    with server.line() as one, server.line() as two, server.line() as three:
        for line in (one, two):
            line.send(header("POST", "/count", length=3), b"ab").wait_until_read()
        for _ in range(3):
            expect_busy(three.send(request("GET", "/target")))
            expect_busy(three.send(request("POST", "/count", body=b"x" * 1000)))

        one.send(b"c").expect(200, text="3")
        three.send(request("GET", "/target")).expect(200)
        two.send(b"c").expect(200, text="3")


def test_who_was_told_to_come_again_takes_no_place(servers):
    """The refused one, too, has a body to come, and takes its time."""
    server = servers.frame(fibers=1)
    with server.line() as one, server.line() as refused, server.line() as three:
        one.send(header("POST", "/count", length=3), b"ab").wait_until_read()
        refused.send(header("POST", "/count", length=100), b"ab").wait_until_read()
        one.send(b"c").expect(200, text="3")
        three.send(request("GET", "/target")).expect(200)


def test_beyond_the_bound_on_waiting_work_a_client_is_told_to_come_again(servers):
    server = servers.frame(io_threads=1, waiting=1)
    lines = [server.line() for _ in range(6)]
    for line in lines:
        line.send(request("GET", "/wait/1500"))
    statuses = []
    for line in lines:
        answer = line.next_answer()
        statuses.append(answer.status)
        if answer.status == 503:
            assert answer.field("Retry-After").isdigit()
    assert set(statuses) == {200, 503}
    assert 1 <= statuses.count(200) <= 2
    for line in lines:
        line.send(request("GET", "/target")).expect(200)
        line.close()
    server.ask("/wait/1")


def test_beyond_the_bound_on_waiting_work_a_body_is_refused(servers):
    server = servers.frame(io_threads=1, waiting=1)
    with server.line() as running, server.line() as waiting, server.line() as line:
        running.send(request("GET", "/wait/4000"))
        server.wait_for_counts(suspended=1)
        while True:  # refused as long as the worker has not taken the first
            waiting.send(request("GET", "/wait/1"))
            eventually("an answer or none", lambda: server.counts()["suspended"] == 2 or not waiting.is_quiet())
            if waiting.is_quiet():
                break
            expect_busy(waiting)

        line.send(header("POST", "/slow/1", length=200), b"x" * 100).wait_until_read()
        line.send(b"x" * 100)
        expect_busy(line)
        line.send(request("GET", "/target")).expect(200)
        running.expect(200)
        waiting.expect(200)
        line.send(request("POST", "/slow/1", body=b"x" * 200)).expect(200)


def test_many_at_once_come_and_go(servers):
    """Uploads, waits and plain requests from many threads, on two loops with few workers."""
    server = servers.frame(threads=2, io_threads=2)

    def converse(number):
        with server.line() as line:
            for turn in range(3):
                line.send(request("POST", "/sip/4096", body=content(65537))).expect(200, text=sip_text(65537))
                line.send(request("GET", f"/wait/{number % 5}")).expect(200, text="waited")
                line.send(request("GET", f"/target?{number}.{turn}"))
                line.expect(200, text=f"/target {number}.{turn}")
            line.send(request("POST", "/sip/4096", chunks=in_pieces(content(65537), [5000])))
            line.expect(200, text=sip_text(65537))

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        list(pool.map(converse, range(32)))
    server.wait_for_counts(live=0, suspended=0, fibers=0, connections=0)
