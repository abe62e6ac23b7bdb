"""A line between clients and a server that breaks where a test says

The proxy passes bytes on, counts them, and reads so much of HTTP that it knows the bytes of request
bodies from the rest. A script says after how many body bytes, counted over all connections, what is
to happen; exactly so many have been passed on to the server then.

    fin      the server sees a clean end (FIN) behind the last byte, and when it has, the client's
             connection is cut
    reset    both connections are reset (RST): what lies in socket buffers is lost
    vanish   the client's connection is cut; the server hears nothing, ever: the phone has lost its
             network
    stall    both connections stay and nothing passes any more, in either direction
    deaf     bytes go on to the server; its next answer does not come through, and both ends are reset
    mute     the same, but both connections stay: the client waits for ever
    pause    nothing passes for PAUSE_S in either direction, then everything goes on
    f        a function: it is called, and the connection goes on as far as it can
"""

import ctypes
import fcntl
import socket
import struct
import threading
import time

import conversation

PIECE = 65536
SEND_BUFFER = 128 * 1024  # of the socket towards the server; Linux doubles it
PAUSE_S = 1.3  # longer than the second after which ferryd commits what it has
SIOCOUTQ = 0x5411


class Framing:
    """Tells body bytes from others in the requests of one connection."""

    def __init__(self, on_request):
        self.on_request = on_request
        self.head = b""
        self.left = 0  # bytes of a body, of a chunk, or of what ends a chunk
        self.state = "head"

    def split(self, data):
        """Yields (bytes, whether they are of a body); all of data, in order."""
        while data:
            if self.state == "head":
                taken = self._take_until(data, b"\r\n\r\n")
                yield data[:taken], False
                data = data[taken:]
            elif self.state == "size":
                taken = self._take_until(data, b"\r\n")
                yield data[:taken], False
                data = data[taken:]
            else:
                taken = min(self.left, len(data))
                body = self.state != "chunk end"
                self.left -= taken
                if self.left == 0:
                    self.state = {"body": "head", "chunk": "chunk end", "chunk end": "size"}[self.state]
                    self.left = 2
                yield data[:taken], body
                data = data[taken:]

    def _take_until(self, data, end):
        before = len(self.head)
        self.head += data
        found = self.head.find(end)
        if found < 0:
            return len(data)
        text, self.head = self.head[:found], b""
        if self.state == "head":
            self._begin(text)
        else:
            self._begin_chunk(int(text.split(b";")[0], 16))
        return found + len(end) - before

    def _begin(self, text):
        lines = text.decode("latin-1").split("\r\n")
        fields = dict((name.lower(), value.strip())
                      for name, _, value in (line.partition(":") for line in lines[1:]) if name)
        if fields.get("transfer-encoding"):
            self.state = "size"
        else:
            self.left = int(fields.get("content-length", 0))
            self.state = "body" if self.left else "head"
        if lines[0]:  # not the empty line behind the last chunk
            self.on_request(lines[0].split(" ")[0], fields)

    def _begin_chunk(self, count):
        self.left = count
        self.state = "chunk" if count else "head"
        self.head = b"" if count else b"\r\n"  # the trailer's end looks like a header's then


class Answers:
    """Changes header fields of the answers of one connection, whose client sends one request at a time."""

    def __init__(self, connection, edit):
        self.connection, self.edit = connection, edit
        self.waiting = b""  # a header that has not come to its end
        self.left = 0  # bytes of a body

    def pass_on(self, data):
        """What the client is to get of it by now."""
        passed = b""
        self.waiting += data
        while self.waiting:
            if self.left == 0:
                head, end, behind = self.waiting.partition(b"\r\n\r\n")
                if not end:
                    break
                passed += self._edited(head.decode("latin-1").split("\r\n"))
                self.waiting = behind
            body = self.waiting[:self.left]
            passed, self.waiting, self.left = passed + body, self.waiting[len(body):], self.left - len(body)
        return passed

    def _edited(self, lines):
        status = int(lines[0].split(" ")[1])
        fields = [tuple(line.split(": ", 1)) for line in lines[1:]]
        lengths = [int(value) for name, value in fields if name.lower() == "content-length"]
        method = self.connection.request.method if self.connection.request else None
        if lengths and method != "HEAD" and status != 304:
            self.left = lengths[0]
        lines[1:] = [f"{name}: {value}" for name, value in self.edit(method, status, fields)]
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"


class Request:
    """One request as it went by."""

    def __init__(self, method, fields):
        self.method, self.fields = method, fields
        offset = fields.get("upload-offset", "")
        self.offset = int(offset) if offset.isdigit() else None
        self.taken = 0  # body bytes that the client sent
        self.passed = 0  # and those that went on to the server
        self.end = None  # what happened to it: a name from the script

    def __repr__(self):
        return f"{self.method} offset={self.offset} taken={self.taken} passed={self.passed} {self.end or ''}"


class Interruption:
    def __init__(self, name, request, held):
        self.name, self.request = name, request
        self.held = held  # what socket buffers held between proxy and server, at most


class Connection:
    def __init__(self, proxy, client):
        self.proxy, self.client = proxy, client
        self.server = None
        self.request = None
        self.framing = Framing(self._on_request)
        self.answers = Answers(self, proxy.edit) if proxy.edit else None
        self.silent = False  # nothing from the server passes
        self.deaf = None
        self.going = threading.Event()  # cleared while paused
        self.going.set()
        self.server_ended = threading.Event()  # it has closed its end

    def _on_request(self, method, fields):
        self.request = Request(method, fields)
        with self.proxy.lock:
            self.proxy.requests.append(self.request)

    def run(self):
        try:
            self.server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            self.server.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
            self.server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.server.connect(self.proxy.target)
        except OSError:  # the server is down just now
            self.server_ended.set()
            close_with_reset(self.client)
            return
        threading.Thread(target=self._down, daemon=True).start()
        try:
            self._up()
        except OSError:
            close_with_reset(self.client)
            close_with_reset(self.server)
        except BaseException as error:  # of the test: for whoever waits for the client
            self.proxy.failure = error
            self.proxy.stalled.set()
            raise

    def _up(self):
        while True:
            data = self.client.recv(PIECE)
            if not data:
                self.server.shutdown(socket.SHUT_WR)
                return
            with self.proxy.lock:
                self.proxy.taken += len(data)
            for piece, body in self.framing.split(data):
                if body:
                    self.request.taken += len(piece)
                    if not self._pass_body(piece):
                        return
                else:
                    self.server.sendall(piece)

    def _pass_body(self, piece):
        """False when the script says that nothing more goes on here."""
        while piece:
            event, piece, now = self.proxy.next_event(piece)
            self.server.sendall(now)
            self.request.passed += len(now)
            if event is not None and not self._happen(event, piece):
                return False
        return True

    def _happen(self, event, behind):
        name = event if isinstance(event, str) else event.__name__
        self.request.end = name
        interruption = Interruption(name, self.request, self.held())
        goes_on = True
        if event == "fin":
            self.silent, goes_on = True, False
            self.server.shutdown(socket.SHUT_WR)
            self.server_ended.wait(conversation.PATIENCE)
            close_with_reset(self.client)
        elif event == "reset":
            close_with_reset(self.server)
            close_with_reset(self.client)
            goes_on = False
        elif event == "vanish":
            self.silent, goes_on = True, False
            close_with_reset(self.client)
        elif event == "stall":
            self.silent, goes_on = True, False
        elif event in ("deaf", "mute"):
            self.deaf = event
        elif event == "pause":
            self.going.clear()
            time.sleep(PAUSE_S)
            self.going.set()
        else:
            event()
        self.proxy.happened(interruption)
        return goes_on

    def held(self):
        """What the kernels hold of what was sent to the server: unacknowledged, or not yet read."""
        waiting = ctypes.c_int.from_buffer_copy(fcntl.ioctl(self.server, SIOCOUTQ, struct.pack("i", 0)))
        unread = conversation.socket_queue(self.server.getpeername(), self.server.getsockname())
        return waiting.value + unread

    def _down(self):
        try:
            while data := self.server.recv(PIECE):
                self.going.wait()
                if self.deaf == "mute":
                    self.silent = True
                    self.proxy.stalled.set()
                elif self.deaf:
                    close_with_reset(self.client)
                    close_with_reset(self.server)
                    return
                if self.answers:
                    data = self.answers.pass_on(data)
                if not self.silent:
                    self.client.sendall(data)
                    with self.proxy.lock:
                        self.proxy.answered += len(data)
            if not self.silent:
                self.client.shutdown(socket.SHUT_WR)
        except OSError:
            if not self.silent:
                close_with_reset(self.client)
        finally:
            self.server_ended.set()

    def close(self):
        for end in self.client, self.server:
            if end is not None:
                close_with_reset(end)


def close_with_reset(end):
    """RST; a thread that waits in recv() wakes up."""
    try:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        end.shutdown(socket.SHUT_RD)
    except OSError:
        pass
    end.close()


class Proxy:
    """With edit, a function of (method, status, fields), answers get the fields that it returns."""

    def __init__(self, url, edit=None):
        self.edit = edit
        host, _, port = url.removeprefix("http://").split("/")[0].rpartition(":")
        self.target = (host, int(port))
        self.path = "/" + url.removeprefix("http://").partition("/")[2]
        self.lock = threading.Lock()
        self.script = []  # (body bytes, event), in order
        self.passed = 0  # body bytes, over all connections
        self.taken = 0  # every byte that clients sent
        self.answered = 0  # every byte that clients got
        self.requests = []
        self.interruptions = []
        self.stalled = threading.Event()  # nothing will come of the client any more: kill it
        self.failure = None  # of a function in the script
        self.connections = []
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}{self.path}"
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            connection = Connection(self, client)
            self.connections.append(connection)
            threading.Thread(target=connection.run, daemon=True).start()

    def next_event(self, piece):
        """(event or None, what comes after it, what goes on before it)"""
        with self.lock:
            if self.script and self.script[0][0] <= self.passed + len(piece):
                at, event = self.script.pop(0)
                now, behind = piece[:at - self.passed], piece[at - self.passed:]
            else:
                event, now, behind = None, piece, b""
            self.passed += len(now)
            return event, behind, now

    def happened(self, interruption):
        with self.lock:
            self.interruptions.append(interruption)
        if interruption.name == "stall":
            self.stalled.set()

    def wait_until_read(self):
        """Until the server has seen the ends of all connections that clients have ended."""
        for connection in self.connections:
            if not connection.silent:
                connection.server_ended.wait(conversation.PATIENCE)

    def wait_until_taken(self):
        """Until the server has read all that went on to it."""
        for connection in self.connections:
            if connection.server is not None and connection.server.fileno() >= 0:
                conversation.eventually("the server reads", lambda: not connection.held())

    def close(self):
        self.listener.close()
        for connection in self.connections:
            connection.close()
