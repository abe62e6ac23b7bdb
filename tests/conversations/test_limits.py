"""
Deadlines and bounds

Whoever is slow, silent or too many is let go: after a time that no trickle of bytes can renew, and with
an answer that says when to come again. Afterwards all is as it was before.
"""

import resource
import time

import pytest

from conversation import bound, eventually, header, request

LATE = 4  # how much later than its deadline something may be noticed


def trickle(line, data, every=0.1):
    """Byte by byte, until all is sent or the server has closed."""
    for byte in data:
        if not line.is_quiet(every) or not line.send_whatever(bytes([byte])):
            return False
    return True


# --- deadlines ---


@pytest.fixture(scope="module")
def hasty(module_servers):
    """A server with short deadlines; the idle timeout is far away."""
    return module_servers.frame(first_byte_s=1, header_s=1, idle_s=600)


@pytest.fixture(scope="module")
def idle(module_servers):
    return module_servers.frame(first_byte_s=600, header_s=1, idle_s=1)


def test_who_says_nothing_is_let_go(hasty):
    begun = time.monotonic()
    with hasty.line() as line:
        line.read_until_closed()
        assert 0.9 <= time.monotonic() - begun < bound(LATE)
    hasty.wait_for_counts(connections=0)


@pytest.mark.parametrize("start", [b"G", b"GET /target HTTP/1.1\r\n", b"GET /target HTTP/1.1\r\nHost: test\r\nX-A: a"],
                         ids=["a letter", "a request line", "a field"])
def test_half_a_header_is_told_408(hasty, start):
    begun = time.monotonic()
    with hasty.line() as line:
        line.send(start)
        answer = line.expect(408)
        assert answer.field("Connection") == "close"
        line.expect_closed(bound(3))
        assert 0.9 <= time.monotonic() - begun < bound(LATE)
    hasty.wait_for_counts(connections=0)


def test_a_header_that_trickles_is_told_408(hasty):
    """Every byte is activity; the deadline is for the whole header."""
    begun = time.monotonic()
    with hasty.line() as line:
        assert not trickle(line, request("GET", "/target", "X-A: " + "a" * 500))
        line.expect(408)
        line.expect_closed(bound(3), reset_too=True)
        assert 0.9 <= time.monotonic() - begun < bound(LATE)
    hasty.wait_for_counts(connections=0)


def test_empty_lines_that_trickle_are_no_header(hasty):
    begun = time.monotonic()
    with hasty.line() as line:
        assert not trickle(line, b"\r\n" * 500)
        line.read_until_closed()
        assert 0.9 <= time.monotonic() - begun < bound(LATE)


def test_the_deadline_of_the_first_byte_is_not_that_of_the_header(servers):
    """A connection that speaks late has the whole time for its header."""
    server = servers.frame(first_byte_s=30, header_s=4)
    with server.line() as line:
        assert line.is_quiet(5)
        line.send(request("GET", "/target")[:-1]).wait_until_read()
        assert line.is_quiet(0.5)
        line.send(b"\n").expect(200)


def test_an_idle_connection_is_let_go(idle):
    with idle.line() as line:
        begun = time.monotonic()
        line.send(request("GET", "/target")).expect(200)
        line.read_until_closed()
        assert 0.9 <= time.monotonic() - begun < bound(LATE)
    idle.wait_for_counts(connections=0)


@pytest.mark.parametrize("turns", [1, 3])
def test_the_header_of_a_later_request_has_its_deadline_too(servers, turns):
    """In which it may be idle, too."""
    server = servers.frame(header_s=1, idle_s=3)
    with server.line() as line:
        for _ in range(turns):
            begun = time.monotonic()
            line.send(request("GET", "/target")).expect(200)
        assert not trickle(line, request("GET", "/target", "X-A: " + "a" * 500))
        line.expect(408)
        line.expect_closed(bound(3), reset_too=True)
        assert 3.9 <= time.monotonic() - begun < 3 + bound(1 + LATE)
    server.wait_for_counts(connections=0)


def test_a_later_header_that_stops_half_way_is_let_go(idle):
    with idle.line() as line:
        line.send(request("GET", "/target")).expect(200)
        line.send(b"GET /tar")
        begun = time.monotonic()
        assert b" 200 " not in line.read_until_closed()
        assert time.monotonic() - begun < bound(1 + LATE)
    idle.wait_for_counts(connections=0)


def test_a_body_may_take_longer_than_a_header(hasty):
    with hasty.line() as line:
        line.send(header("POST", "/count", length=25))
        assert trickle(line, b"x" * 25)
        line.expect(200, text="25")
        line.send(request("GET", "/wait/1500")).expect(200)
        line.send(request("POST", "/slow/1500", body=b"x")).expect(200)
        line.send(request("GET", "/target")).expect(200)


def test_an_answer_may_take_longer_than_a_header(hasty):
    """It has more than the sockets hold, and is read only when a header's time is over."""
    with hasty.line(receive_buffer=65536) as line:
        line.send(request("GET", "/large/8000000"))
        hasty.wait_for_counts(live=1)
        with hasty.line() as header:
            header.send(b"GET /target HTTP/1.1\r\nX-A: ").expect(408)
        hasty.wait_for_counts(live=1)
        assert len(line.next_answer().body) == 8000000


def test_many_trickling_headers_are_all_let_go(hasty):
    lines = [hasty.line() for _ in range(100)]
    for line in lines:
        line.send(b"GET /target HTTP/1.1\r\nX-A: ")
    begun = time.monotonic()
    for line in lines:
        line.expect(408)
        line.close()
    assert time.monotonic() - begun < bound(1 + LATE)
    hasty.wait_for_counts(connections=0)


# --- connections ---


def expect_turned_away(server):
    with server.line() as line:
        answer = line.expect(503)
        assert answer.field("Retry-After").isdigit() and answer.field("Connection") == "close"
        line.expect_closed()


def expect_let_in(server):
    """As soon as the server has noticed that there is room."""

    def answered():
        with server.line() as line:
            line.send_whatever(request("GET", "/target"))
            return line.next_answer().status == 200

    eventually("there is room", answered)


@pytest.mark.parametrize("limits", [{"connections": 5}, {"address": 5}], ids=["in all", "of one address"])
@pytest.mark.parametrize("kind", ["silent", "half a header", "in a body"])
def test_beyond_the_bound_on_connections_a_client_is_told_to_come_again(servers, limits, kind):
    server = servers.frame(**limits)
    lines = [server.line() for _ in range(5)]
    for line in lines:
        if kind == "half a header":
            line.send(b"GET").wait_until_read()
        if kind == "in a body":
            line.send(header("POST", "/count", length=3)).wait_until_read()
    for _ in range(3):
        expect_turned_away(server)

    for line in lines[:2]:
        line.close()
    for _ in range(3):
        expect_let_in(server)
    for line in lines[2:]:
        line.close()
    server.wait_for_counts(connections=0, live=0)


def test_a_client_that_is_turned_away_with_its_request_sent_reads_why(servers):
    server = servers.frame(connections=1)
    with server.line() as holder:
        holder.send(b"GET").wait_until_read()
        for _ in range(20):
            with server.line() as line:
                line.send_whatever(request("POST", "/count", body=b"x" * 300000))
                line.expect(503)


def test_another_address_is_let_in(servers):
    server = servers.frame("127.0.0.1:0", "[::1]:0", address=2)
    lines = [server.line(0) for _ in range(2)]
    expect_turned_away(server)
    with server.line(1) as other:
        other.send(request("GET", "/target")).expect(200)
    for line in lines:
        line.close()


def test_a_unix_socket_has_no_address(servers):
    server = servers.frame("127.0.0.1:0", "unix:s", address=2)
    server.urls[1] = f"unix:{server.folder}/s"
    lines = [server.line(1) for _ in range(10)]
    for line in lines:
        line.send(request("GET", "/target")).expect(200)
        line.close()
    server.wait_for_counts(connections=0)


def test_when_half_of_the_connections_are_taken_idle_ones_are_not_kept(servers):
    server = servers.frame(connections=10)
    lines = [server.line() for _ in range(8)]
    with server.line() as line:
        line.send(request("GET", "/target"))
        assert line.expect(200).field("Connection") == "close"
        line.expect_closed()
    for line in lines:
        line.close()
    server.wait_for_counts(connections=0)
    with server.line() as line:
        for _ in range(2):
            line.send(request("GET", "/target")).expect(200)


def test_a_client_that_goes_on_keeps_its_connection_beside_many_idle_ones(servers):
    """As long as few have gone on: libmicrohttpd keeps 128 KiB for each that has."""
    server = servers.frame(connections=4000, address=4000, first_byte_s=600, idle_s=600)
    lines = [server.line() for _ in range(600)]
    for line in lines[:512]:
        for _ in range(2):
            line.send(request("GET", "/target"))
            assert line.expect(200).field("Connection") != "close"
    lines[512].send(request("GET", "/target"))
    assert lines[512].expect(200).field("Connection") == "close"
    lines[512].expect_closed()

    lines[0].close()
    server.wait_for_counts(connections=598)
    for _ in range(2):
        lines[513].send(request("GET", "/target")).expect(200)
    for line in lines[1:]:
        line.close()


def test_a_flood_of_connections_leaves_nothing(servers):
    server = servers.frame(connections=50)
    server.ask("/target")
    before = server.descriptors()
    lines = [server.line() for _ in range(400)]
    for line in lines:
        line.send_whatever(request("GET", "/target"))
    for line in lines:
        line.close()
    expect_let_in(server)
    server.wait_for_counts(connections=0, live=0)
    eventually("the descriptors are back", lambda: server.descriptors() <= before)


# --- descriptors ---


def limited(count):
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (count, count))


def test_without_descriptors_it_waits_and_recovers(servers):
    server = servers.frame(popen={"prepare": limited(60)})
    lines = [server.line() for _ in range(100)]  # the kernel accepts them all
    eventually("the descriptors are used up", lambda: "cannot accept" in server.log())
    for line in lines[:40]:
        line.close()
    with server.line() as line:
        line.send(request("GET", "/target"))
        for other in lines[40:]:
            other.close()
        line.expect(200)
    server.wait_for_counts(connections=0)
    assert server.log().count("cannot accept") < 200  # it does not spin


def test_ferryd_raises_its_limit_of_descriptors(servers):
    def low():
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))

    server = servers.ferryd("--listen", "127.0.0.1:0", prepare=low)
    limits = open(f"/proc/{server.process.pid}/limits").read()
    soft, hard = [row.split()[3:5] for row in limits.splitlines() if row.startswith("Max open files")][0]
    assert soft == hard
    lines = [server.line() for _ in range(200)]
    for line in lines:
        line.send(request("GET", "/healthz")).expect(200)
        line.close()


def test_ferryd_takes_fewer_connections_where_descriptors_are_few(servers):
    server = servers.ferryd("--listen", "127.0.0.1:0", prepare=limited(600))
    assert "max-connections is 300" in server.log()
    assert "cannot accept" not in server.log()
