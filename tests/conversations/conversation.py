"""
Conversations with a server

A test starts a server and talks to it over lines: plain sockets whose methods say what happens on
the wire (send, stall, half-close, reset) and what must come back. Every wait is a wait for a state,
with a deadline; nothing here sleeps in the hope that something has happened meanwhile.

    FERRY_BUILD          the build folder whose programs are tested
    FERRY_TEST_WRAPPER   a command to run them under, valgrind say
    FERRY_SLOW           set when the machine or the build is slow: bounds on time are then generous
"""

import ctypes
import json
import os
import pathlib
import re
import select
import shlex
import signal
import socket
import struct
import subprocess
import threading
import time

BUILD = pathlib.Path(os.environ.get("FERRY_BUILD", "build/plain")).resolve()
WRAPPER = shlex.split(os.environ.get("FERRY_TEST_WRAPPER", ""))


def _sanitized():
    options = BUILD / "meson-info" / "intro-buildoptions.json"
    return any(o["name"] == "b_sanitize" and o["value"] not in ("none", [], ["none"])
               for o in json.loads(options.read_text()))


SANITIZED = _sanitized()
SLOW = bool(WRAPPER) or SANITIZED or bool(os.environ.get("FERRY_SLOW"))

# How long anything may take that should happen at once. Its only use is to end a test that failed.
PATIENCE = 60 if WRAPPER else 30 if SLOW else 15


def bound(seconds):
    """A bound on time that is part of what is promised; generous where the tools slow things down."""
    return seconds * (20 if WRAPPER else 5 if SLOW else 1)


def eventually(what, check, seconds=None):
    """Looks again and again until check() is true; returns what it gave."""
    deadline = time.monotonic() + (seconds or PATIENCE)
    while True:
        result = check()
        if result:
            return result
        assert time.monotonic() < deadline, f"in vain waited for: {what}"
        time.sleep(0.002)


def counts_of(text):
    return {k: int(v) for k, v in re.findall(r"(\w+)=(\d+)", text)}


_libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent(prepare=None):
    """In a child, before it becomes another program."""
    _libc.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    if prepare:
        prepare()


# --- servers ---

# The address sanitizer warns of every program with swapcontext(); server/fiber.c tells it of each switch.
REPORTS = re.compile(r"^==\d+==(?!WARNING: ASan doesn't fully support makecontext)|Sanitizer|runtime error:|Assertion|mhd: .*[Ff]atal", re.MULTILINE)


class Server:
    """A running server program, in a folder of its own; by a command that comes before it and becomes it, if any."""

    def __init__(self, program, arguments=(), folder=None, listeners=1, prepare=None, before=(), **popen):
        self.program = program
        self.folder = folder
        self.errors = open(folder / f"stderr-{id(self):x}", "w+b")
        self.process = subprocess.Popen(
            [*before, *WRAPPER, str(BUILD / program), *arguments],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.errors,
            cwd=folder, preexec_fn=lambda: die_with_parent(prepare), **popen)
        self.stopped = False
        self.output = []
        self._reader = threading.Thread(target=self._read_output, daemon=True)
        self._reader.start()
        self.urls = eventually("listening on ...", lambda: self._listening(listeners))

    def _read_output(self):
        for line in self.process.stdout:
            self.output.append(line.decode().rstrip("\n"))

    def _listening(self, listeners):
        assert self.process.poll() is None, f"it ended at once: {self.log()}"
        urls = [line.removeprefix("listening on ") for line in self.output]
        return urls if len(urls) == listeners else None

    @property
    def port(self):
        return int(re.search(r":(\d+)(/|$)", self.urls[0])[1])

    def log(self):
        return pathlib.Path(self.errors.name).read_text(errors="replace")

    def line(self, index=0, **options):
        return Line(self.urls[index], **options)

    def ask(self, target, method="GET", status=200, body=None):
        """One short request on a line of its own; the answer's text."""
        with self.line() as line:
            line.send(request(method, target, body=body, close=True))
            return line.expect(status).text

    def counts(self):
        return counts_of(self.ask("/counts"))

    def wait_for_counts(self, seconds=None, **wanted):
        """Waits until the counts are these; the asking connection and exchange are not counted."""
        own = {"live": 1, "fibers": 1, "connections": 1}

        def as_wanted():
            with self.line() as line:
                line.send_whatever(request("GET", "/counts", close=True))
                answer = line.next_answer()
            if answer.status == 503:  # who was there before is still being counted
                return None
            counts = counts_of(answer.text)
            return counts if all(counts[k] - own.get(k, 0) == v for k, v in wanted.items()) else None

        try:
            return eventually(f"counts {wanted}", as_wanted, seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}, but they are {self.counts()}") from None

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def stop(self, seconds=None, signal_number=signal.SIGTERM):
        """SIGTERM, and all that a clean end has to show. How long it took."""
        begun = time.monotonic()
        if not self.stopped:
            self.stopped = True
            if self.process.poll() is None:
                self.process.send_signal(signal_number)
            try:
                self.process.wait(seconds or PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                raise AssertionError(f"it did not stop: {self.log()[-3000:]}") from None
            took = time.monotonic() - begun
            self._reader.join()
            self.check_reports()
            assert self.process.returncode == 0, f"{self.process.returncode} {self.log()[-3000:]}"
            if self.program.endswith("frame"):
                assert "left fibers=0" in self.output, self.output
            self.errors.close()
            return took
        return 0

    def check_reports(self):
        log = self.log()
        found = REPORTS.search(log)
        assert found is None, log[max(0, found.start() - 500):found.start() + 6000]

    def kill(self):
        """For one whose test has failed."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.stopped = True


# --- requests ---


def request(method, target, *fields, body=None, chunks=None, version="1.1", host="test", close=False):
    """A whole request, or with chunks=... a chunked one; bytes."""
    lines = [f"{method} {target} HTTP/{version}"]
    if host is not None:
        lines.append(f"Host: {host}")
    lines += fields
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    if chunks is not None:
        lines.append("Transfer-Encoding: chunked")
    if close:
        lines.append("Connection: close")
    head = "".join(line + "\r\n" for line in lines).encode("latin-1") + b"\r\n"
    if chunks is not None:
        return head + chunked(*chunks)
    return head + (body or b"")


def header(method, target, *fields, length=None, version="1.1"):
    """The header alone of a request whose body has so many bytes."""
    fields += () if length is None else (f"Content-Length: {length}",)
    return request(method, target, *fields, version=version)


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


def chunked(*pieces):
    return b"".join(chunk(piece) for piece in pieces) + b"0\r\n\r\n"


# --- lines ---


class Answer:
    def __init__(self, status, fields, body=b""):
        self.status, self.fields, self.body = status, fields, body

    def field(self, name):
        values = [v for n, v in self.fields if n.lower() == name.lower()]
        assert len(values) < 2, f"{name} came {len(values)} times"
        return values[0] if values else None

    @property
    def lasting(self):
        """The fields that a second answer to the same would have, too."""
        return [(n, v) for n, v in self.fields if n not in ("Date", "X-Request-ID")]

    @property
    def text(self):
        return self.body.decode("latin-1").removesuffix("\n")

    def __repr__(self):
        return f"{self.status} {self.fields} {self.body[:200]!r}"


class Line:
    """One connection, from the client's end. Nothing is sent or expected but what the test says."""

    def __init__(self, url, receive_buffer=None, send_buffer=None):
        unix = re.fullmatch(r"unix:(.*?)/?", url)
        internet = re.fullmatch(r"http://\[?(.*?)\]?:(\d+)(/.*)?", url)
        address = unix[1] if unix else (internet[1], int(internet[2]))
        family = socket.AF_UNIX if unix else socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        if send_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
        if not unix:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(address)
        self.received = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # what the client does

    def send(self, *pieces):
        self.socket.sendall(b"".join(pieces))
        return self

    def send_whatever(self, data):
        """Like send(), to a server that may have closed already."""
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            return False
        return True

    def stuff(self):
        """Sends until neither kernel takes any more; how much that was."""
        sent, block = 0, b"x" * 65536
        self.socket.setblocking(False)
        try:
            full = 0
            while full < 20:  # the other kernel may still make room
                try:
                    sent += self.socket.send(block)
                    full = 0
                except BlockingIOError:
                    full += 1
                    time.sleep(0.005)
        finally:
            self.socket.settimeout(PATIENCE)
        return sent

    def half_close(self):
        self.socket.shutdown(socket.SHUT_WR)
        return self

    def close(self):
        """FIN; RST when something had come that was not read."""
        self.socket.close()

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    # what must come back

    def _more(self, seconds=None):
        self.socket.settimeout(seconds or PATIENCE)
        try:
            got = self.socket.recv(65536)
        except socket.timeout:
            raise AssertionError(f"nothing came; so far: {self.received[:500]!r}") from None
        finally:
            self.socket.settimeout(PATIENCE)
        self.received += got
        return got

    def _until(self, end, seconds):
        while end not in self.received:
            assert self._more(seconds), f"closed in the middle of {self.received[:500]!r}"
        text, self.received = self.received.split(end, 1)
        return text

    def wait_for_bytes(self, count, seconds=None):
        """Until so many have come; they stay to be expected."""
        while len(self.received) < count:
            assert self._more(seconds), f"closed after {self.received[:500]!r}"

    def next_answer(self, method="GET", seconds=None):
        """The next answer, interim ones too, which must be well-formed."""
        head = self._until(b"\r\n\r\n", seconds).decode("latin-1").split("\r\n")
        status = re.fullmatch(r"HTTP/1\.[01] ([1-5]\d\d) [ -~]*", head[0])
        assert status, f"not a status line: {head[0]!r}"
        status = int(status[1])
        fields = []
        for line in head[1:]:
            field = re.fullmatch(r"([!#-'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*", line)
            assert field, f"not a field: {line!r}"
            fields.append((field[1], field[2]))
        answer = Answer(status, fields)
        if status < 200:
            assert answer.field("Content-Length") is None
            return answer
        length = answer.field("Content-Length")
        if status == 204 or status == 304:
            return answer
        assert length is not None and length.isdigit(), f"no length: {answer}"
        if method != "HEAD":
            while len(self.received) < int(length):
                assert self._more(seconds), f"closed in the middle of {answer} {self.received[:200]!r}"
            answer.body = self.received[:int(length)]
            self.received = self.received[int(length):]
        return answer

    def expect(self, status, text=None, method="GET", seconds=None):
        """The next final answer; interim ones before it are dropped."""
        while True:
            answer = self.next_answer(method, seconds)
            if answer.status >= 200 or answer.status == status:
                break
        assert answer.status == status, f"{status} expected, got {answer}"
        if text is not None:
            assert answer.text == text, answer
        return answer

    def expect_next(self, status, seconds=None):
        """The next answer of any kind."""
        answer = self.next_answer(seconds=seconds)
        assert answer.status == status, f"{status} expected, got {answer}"
        return answer

    def expect_closed(self, seconds=None, reset_too=False):
        """Nothing more comes, and then the end: FIN; or with reset_too RST as well."""
        try:
            while self._more(seconds):
                pass
        except ConnectionResetError:
            assert reset_too, f"reset; before: {self.received[:500]!r}"
        assert self.received == b"", f"more came: {self.received[:500]!r}"

    def read_until_closed(self, seconds=None):
        """Whatever comes until the connection is at its end."""
        try:
            while self._more(seconds):
                pass
        except ConnectionResetError:
            pass
        received, self.received = self.received, b""
        return received

    def is_quiet(self, seconds=0.0):
        """Whether nothing has come, and nothing comes for so long."""
        if self.received:
            return False
        self.socket.settimeout(seconds or 0.000001)
        try:
            self.received += self.socket.recv(65536)
            return False
        except (socket.timeout, BlockingIOError):
            return True
        finally:
            self.socket.settimeout(PATIENCE)

    # what the server's end looks like

    def server_unread(self):
        """How many bytes the server's kernel holds that the server has not read yet."""
        host, port = self.socket.getsockname()[:2]
        peer_host, peer_port = self.socket.getpeername()[:2]
        return socket_queue((peer_host, peer_port), (host, port))

    def wait_until_read(self):
        """Until the server has read all that was sent, or has closed."""
        poll = select.poll()
        poll.register(self.socket, select.POLLRDHUP)
        eventually("the server reads", lambda: poll.poll(0) or
                   not self.socket_outgoing() and not self.server_unread())
        return self

    def socket_outgoing(self):
        """What our kernel has not got rid of yet."""
        unsent = ctypes.c_int()
        _libc.ioctl(self.socket.fileno(), 0x5411, ctypes.byref(unsent))  # SIOCOUTQ
        return unsent.value


_diag = threading.local()


def socket_queue(local, remote):
    """The receive queue of an IPv4 TCP socket of this machine, in bytes; 0 when there is none (any
    more). sock_diag(7): one exact question, one answer."""
    if not hasattr(_diag, "socket"):
        _diag.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, 4)  # NETLINK_SOCK_DIAG
    ports = struct.pack("!HH", local[1], remote[1])
    addresses = socket.inet_aton(local[0]).ljust(16, b"\0") + socket.inet_aton(remote[0]).ljust(16, b"\0")
    body = (struct.pack("=BBBxI", socket.AF_INET, socket.IPPROTO_TCP, 0, 0xFFFFFFFF)
            + ports + addresses + struct.pack("=III", 0, 0xFFFFFFFF, 0xFFFFFFFF))
    _diag.socket.sendto(struct.pack("=IHHII", 16 + len(body), 20, 1, 0, 0) + body, (0, 0))
    answer = _diag.socket.recv(65536)
    if struct.unpack_from("=H", answer, 4)[0] != 20:
        return 0
    return struct.unpack_from("=I", answer, 16 + 4 + 48 + 4)[0]
