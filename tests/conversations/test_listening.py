"""
Listening, and stopping

Where the server listens, what it says when it cannot, and that SIGTERM ends it cleanly whatever its
connections are doing.
"""

import os
import pathlib
import re
import signal
import socket
import stat
import subprocess
import threading
import time

import pytest

from conversation import BUILD, PATIENCE, WRAPPER, bound, chunk, eventually, header, request
from conversation import REPORTS, die_with_parent

needs_ipv6 = pytest.mark.skipif(not pathlib.Path("/proc/net/if_inet6").exists(),
                                reason="THIS MACHINE HAS NO IPv6: listening on it is not tested")


def ferryd(*arguments, cwd=None, **environment):
    """Runs it to its end."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("FERRY_")}
    done = subprocess.run(WRAPPER + [str(BUILD / "server/ferryd"), *arguments], capture_output=True, text=True,
                          timeout=PATIENCE, cwd=cwd, env={**clean, **environment},
                          preexec_fn=die_with_parent)
    assert not REPORTS.search(done.stderr), done.stderr
    return done


def complains(*arguments, cwd=None, status=2, about=(), **environment):
    """It ends at once with one clear line."""
    done = ferryd(*arguments, cwd=cwd, **environment)
    assert done.returncode == status, (done.returncode, done.stderr)
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1 and done.stderr.endswith("\n"), done.stderr
    for word in about:
        assert word in done.stderr, done.stderr


# --- where it listens ---


@needs_ipv6
@pytest.mark.parametrize("threads", [1, 3])
def test_several_listeners_are_served_at_once(servers, threads):
    server = servers.frame("127.0.0.1:0", "[::1]:0", "unix:socket", "127.0.0.1:0", threads=threads)
    server.urls[2] = f"unix:{server.folder}/socket"
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", server.urls[0])
    assert re.fullmatch(r"http://\[::1\]:\d+", server.urls[1])
    lines = [server.line(index) for index in range(4) for _ in range(5)]
    for line in lines:
        line.send(header("POST", "/count", length=100000))
    for line in lines:
        line.send(b"x" * 100000)
    for line in lines:
        line.expect(200, text="100000")
        line.send(request("GET", "/wait/10")).expect(200, text="waited")
        line.close()
    server.wait_for_counts(connections=0)


def test_refusals_and_interim_answers_work_over_a_unix_socket(servers):
    server = servers.frame("127.0.0.1:0", "unix:socket")
    server.urls[1] = f"unix:{server.folder}/socket"
    with server.line(1) as line:
        line.send(request("POST", "/interim", body=b"abc"))
        line.expect_next(104)
        line.expect(200, text="3")
    with server.line(1) as line:
        line.send(header("POST", "/refuse/1", length=10**9))
        line.send_whatever(b"x" * 3000000)
        line.expect(409)


@pytest.mark.parametrize("framing, data", [("Content-Length: 1000", b"abc"),
                                           ("Transfer-Encoding: chunked", chunk(b"abc"))],
                         ids=["length", "chunked"])
def test_an_uploader_that_vanishes_is_noticed_over_a_unix_socket(servers, framing, data):
    server = servers.frame("127.0.0.1:0", "unix:socket", idle_s=600)
    server.urls[1] = f"unix:{server.folder}/socket"
    for target in ("/count", "/slow/1"):
        lines = [server.line(1) for _ in range(5)]
        for line in lines:
            line.send(header("POST", target, framing), data)
        server.wait_for_counts(live=5, suspended=0)
        for line in lines:
            line.send(data).close()
        server.wait_for_counts(bound(3), live=0, connections=0)
    assert server.counts()["gone"] == 10


def test_who_closes_a_unix_socket_at_once_leaves_nothing(servers):
    """What it had sent may be lost with it: the other end is gone altogether, not half-closed."""
    server = servers.frame("127.0.0.1:0", "unix:socket", idle_s=600)
    server.urls[1] = f"unix:{server.folder}/socket"
    for message in (b"", b"GET", request("GET", "/target"), header("POST", "/count", length=1000) + b"abc"):
        for _ in range(5):
            server.line(1).send(message).close()
    server.wait_for_counts(bound(3), live=0, connections=0)


def test_endings_from_outside_work_over_a_unix_socket(servers):
    server = servers.frame("127.0.0.1:0", "unix:socket", idle_s=600)
    server.urls[1] = f"unix:{server.folder}/socket"
    with server.line(1) as line:
        line.send(header("POST", "/held", length=10**6), b"x" * 5000)
        eventually("it reads", lambda: server.counts()["live"] == 2)
        begun = time.monotonic()
        assert server.ask("/end", method="POST") == "5000"
        assert b" 200 " not in line.read_until_closed()
        assert time.monotonic() - begun < bound(3)
    assert server.ask("/ended") == "5000 -125"


def test_the_file_of_a_unix_socket_is_removed_at_the_end(servers):
    server = servers.frame("unix:socket")
    path = server.folder / "socket"
    assert stat.S_ISSOCK(path.stat().st_mode)
    server.stop()
    assert not path.exists()


def test_an_abandoned_unix_socket_is_replaced(servers):
    server = servers.frame("unix:socket")
    server.kill()
    servers.started.remove(server)
    assert (server.folder / "socket").exists()
    again = servers.frame("127.0.0.1:0", "unix:socket")
    again.urls[1] = f"unix:{again.folder}/socket"
    with again.line(1) as line:
        line.send(request("GET", "/target")).expect(200)


def test_a_unix_socket_in_use_is_not_replaced(servers):
    server = servers.frame("127.0.0.1:0", "unix:socket")
    server.urls[1] = f"unix:{server.folder}/socket"
    complains("--listen", "unix:socket", cwd=server.folder, status=1, about=["unix:socket"])
    with server.line(1) as line:
        line.send(request("GET", "/target")).expect(200)


def test_a_file_that_is_no_socket_is_not_replaced(tmp_path):
    (tmp_path / "precious").write_text("mine")
    complains("--listen", "unix:precious", cwd=tmp_path, status=1, about=["unix:precious"])
    assert (tmp_path / "precious").read_text() == "mine"
    (tmp_path / "link").symlink_to("precious")
    complains("--listen", "unix:link", cwd=tmp_path, status=1, about=["unix:link"])
    assert (tmp_path / "link").is_symlink()


def test_a_port_in_use_is_told(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        where = f"127.0.0.1:{other.getsockname()[1]}"
        complains("--listen", where, cwd=tmp_path, status=1, about=[where, "in use"])


def test_when_one_listener_fails_the_others_leave_no_file(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        where = f"127.0.0.1:{other.getsockname()[1]}"
        complains("--listen", "unix:socket", "--listen", where, cwd=tmp_path, status=1, about=[where])
    assert not (tmp_path / "socket").exists()


def test_a_port_is_free_again_at_once(servers):
    server = servers.ferryd("--listen", "127.0.0.1:0")
    port = server.port
    with server.line() as line:
        line.send(request("GET", "/healthz")).expect(200)
        server.stop()
        again = servers.ferryd("--listen", f"127.0.0.1:{port}")
        assert again.port == port


@pytest.mark.parametrize("where", ["", ":", "1080", "127.0.0.1", "127.0.0.1:", ":1080", "127.0.0.1:x",
                                   "127.0.0.1:-1", "127.0.0.1:70000", "::1:1080", "[::1]", "[::1:1080",
                                   "[127.0.0.1:1080", "[]:1080", "192.0.2.1:0", "unix:", "unix:" + "x" * 200,
                                   "unix:/no/such/folder/socket", "no.such.host.invalid:1080"])
def test_a_bad_address_is_told(tmp_path, where):
    done = ferryd("--listen", where, cwd=tmp_path)
    assert done.returncode in (1, 2) and done.stdout == "", done
    assert len(done.stderr.splitlines()) == 1, done.stderr


# --- the command line ---


def test_unknown_words_are_told(tmp_path):
    complains("--nonsense", about=["nonsense"])
    complains("--nonsense=1", about=["nonsense"])
    complains("nonsense", about=["nonsense"])
    complains("-x")
    complains("--threads", about=["threads"])
    complains("--threads", "2", "more", about=["more"])


@pytest.mark.parametrize("option", ["--threads", "--io-threads", "--idle-timeout", "--header-timeout",
                                    "--max-connections", "--max-connections-per-address"])
@pytest.mark.parametrize("value", ["", "0", "-1", "x", "1x", "1.5", " 1", "99999999999999999999", "1000001"])
def test_a_bad_number_is_told(option, value):
    complains(option, value, about=[option, "number"])


def test_a_bad_number_in_the_environment_is_told():
    complains(FERRY_IDLE_TIMEOUT="x", about=["FERRY_IDLE_TIMEOUT"])
    complains(FERRY_THREADS="0", about=["FERRY_THREADS"])
    complains(FERRY_LOG_LEVEL="loud", about=["FERRY_LOG_LEVEL"])


def test_a_bad_log_level_is_told():
    complains("--log-level", "loud", about=["loud"])


def test_too_many_listeners_are_told(tmp_path):
    complains(*["--listen", "127.0.0.1:0"] * 100, cwd=tmp_path, about=["listen"])


def test_help_and_version():
    done = ferryd("--help")
    assert (done.returncode, done.stderr) == (0, "")
    for option in ("--listen", "--threads", "--io-threads", "--idle-timeout", "--header-timeout",
                   "--max-connections", "--log-level", "--version", "--help"):
        assert option in done.stdout
    done = ferryd("--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(r"ferryd \d+\.\d+[.\d]*\n", done.stdout)
    done = ferryd("--threads", "2", "--help")
    assert done.returncode == 0


def test_the_environment_sets_options_and_flags_win(servers):
    environment = {**os.environ, "FERRY_LISTEN": "127.0.0.1:0, [::1]:0" if needs_ipv6.args[0] is False
                   else "127.0.0.1:0,127.0.0.1:0", "FERRY_THREADS": "1", "FERRY_LOG_LEVEL": "error"}
    server = servers.ferryd(listeners=2, env=environment)
    with server.line(0) as one, server.line(1) as two:
        one.send(request("GET", "/healthz")).expect(200)
        two.send(request("GET", "/healthz")).expect(200)
    assert "healthz" not in server.log()
    server = servers.ferryd("--listen", "127.0.0.1:0", "--log-level", "info", "--data", "other", env=environment)
    with server.line() as line:
        line.send(request("GET", "/healthz")).expect(200)
    eventually("the log", lambda: "healthz" in server.log())


def test_a_client_finds_the_server_well(servers):
    server = servers.ferryd("--listen", "127.0.0.1:0")
    assert server.urls[0].endswith("/")
    with server.line() as line:
        answer = line.send(request("GET", "/healthz")).expect(200, text="ok")
        assert answer.field("Cache-Control") == "no-store"
        line.send(request("HEAD", "/healthz")).expect(200, method="HEAD")
        assert line.send(request("POST", "/healthz", body=b"")).expect(405).field("Allow")
        line.send(request("GET", "/nowhere")).expect(404)


# --- stopping ---

BIG = 20 * 1024 * 1024


def open_lines(server, count):
    """Connections in every state; the exchange of a client that reads slowly among them."""

    def silent(line):
        pass

    def idle(line):
        line.send(request("GET", "/target")).expect(200)

    def half_a_header(line):
        line.send(b"GET /target HTTP/1.1\r\nHost: te")

    def half_a_later_header(line):
        line.send(request("GET", "/target")).expect(200)
        line.send(b"GET /targ")

    def body_stalled(line):
        line.send(header("POST", "/count", length=1000), b"x" * 500)

    def body_running(line):
        line.send(header("POST", "/count", length=10**12), b"x" * 500000)

    def chunk_stalled(line):
        line.send(header("POST", "/count", "Transfer-Encoding: chunked"), chunk(b"abc"), b"5\r\nde")

    def suspended(line):
        line.send(request("GET", "/wait/100"))

    def suspended_in_a_body(line):
        line.send(header("POST", "/slow/50", length=10**9), b"x" * 200000)

    def expecting(line):
        line.send(header("POST", "/count", "Expect: 100-continue", length=1000)).expect_next(100)

    def refused(line):
        line.send(header("POST", "/refuse", length=10**9), b"x" * 1000)

    def answering(line):
        line.send(request("GET", f"/large/{BIG}"))

    states = [silent, idle, half_a_header, half_a_later_header, body_stalled, body_running, chunk_stalled,
              suspended, suspended_in_a_body, expecting, refused, answering]
    lines = []
    for number in range(count):
        state = states[number % len(states)]
        line = server.line(receive_buffer=4096 if state is answering else None)
        lines.append(line)
        state(line)
    return lines


class Flow:
    """Clients that go on sending and reading slowly while the server stops."""

    def __init__(self, lines):
        self.lines, self.over = lines, False
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        for line in self.lines:
            line.socket.setblocking(False)
        while not self.over:
            for line in self.lines:
                for action in (lambda: line.socket.send(b"x" * 1000), lambda: line.socket.recv(1000)):
                    try:
                        action()
                    except OSError:
                        pass
            time.sleep(0.01)

    def stop(self):
        self.over = True
        self.thread.join()
        for line in self.lines:
            line.close()


@pytest.mark.parametrize("threads", [1, 4])
def test_sigterm_under_200_connections_in_every_state(servers, threads):
    server = servers.frame("127.0.0.1:0", "unix:socket", threads=threads, io_threads=8, connections=1000)
    lines = open_lines(server, 200)
    running = Flow([line for number, line in enumerate(lines) if number % 12 in (5, 11)])
    try:
        assert server.stop() < bound(5)
    finally:
        running.stop()
    for line in lines:
        line.close()
    assert not (server.folder / "socket").exists()


@pytest.mark.parametrize("turn", range(5))
def test_sigterm_at_any_moment(servers, turn):
    """Connections come, go and are in the middle of everything."""
    server = servers.frame(threads=2, io_threads=2)
    over = threading.Event()

    def come_and_go():
        while not over.is_set():
            try:
                with server.line() as line:
                    line.send(request("POST", "/slow/1", body=b"x" * 30000), request("GET", "/wait/3"),
                              request("POST", "/interim", body=b"abc"), request("GET", "/target"))
                    line.read_until_closed(0.03)
            except (OSError, AssertionError):
                pass

    threads = [threading.Thread(target=come_and_go) for _ in range(8)]
    for thread in threads:
        thread.start()
    eventually("it is in the middle", lambda: server.log().count("/interim") > 20 * turn)
    try:
        assert server.stop() < bound(5)
    finally:
        over.set()
        for thread in threads:
            thread.join()


def test_an_answer_on_its_way_is_finished(servers):
    server = servers.frame()
    with server.line() as waiting, server.line() as uploading, server.line() as idle:
        idle.send(request("GET", "/target")).expect(200)
        waiting.send(request("GET", "/wait/700"))
        uploading.send(request("POST", "/late/700", body=b"abc"))
        server.wait_for_counts(suspended=2)
        assert server.stop() < bound(5)
        answer = waiting.expect(200, text="waited")
        assert answer.field("Connection") == "close"
        assert uploading.read_until_closed()[:13] in (b"", b"HTTP/1.1 200 ", b"HTTP/1.1 503 ")
        waiting.expect_closed(reset_too=True)
        idle.expect_closed(reset_too=True)


def test_nobody_is_let_in_while_it_stops(servers):
    server = servers.frame()
    with server.line() as waiting:
        waiting.send(request("GET", "/wait/900"))
        server.wait_for_counts(suspended=1)
        server.process.send_signal(signal.SIGTERM)

        def turned_away():
            try:
                with server.line() as line:
                    line.send_whatever(request("GET", "/target"))
                    return b"200" not in line.read_until_closed()
            except OSError:
                return True

        eventually("nobody is let in", turned_away)
        waiting.expect(200, text="waited")
    server.stop()


def test_what_was_received_is_known_to_the_handler_when_it_stops(servers):
    server = servers.frame()
    with server.line() as line:
        line.send(header("POST", "/sip/4096", length=10**6), b"x" * 5000)
        server.wait_for_counts(sipped=5000, suspended=0, live=1)
        server.stop()
    assert "sip count=5000" in server.log()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_ferryd_stops_by_both_signals(servers, number):
    server = servers.ferryd("--listen", "127.0.0.1:0", "--listen", "unix:socket", listeners=2)
    with server.line() as line:
        line.send(request("GET", "/healthz")).expect(200)
        assert server.stop(signal_number=number) < bound(5)
        line.expect_closed(reset_too=True)


def test_a_second_signal_does_no_harm(servers):
    server = servers.frame()
    with server.line() as line:
        line.send(request("GET", "/wait/1500"))
        server.wait_for_counts(suspended=1)
        for _ in range(5):
            server.process.send_signal(signal.SIGTERM)
        server.stop()
