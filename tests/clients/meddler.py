"""What stands between a client and a server, and does not let HTTP be

    hold      requests go on to the server when their bodies are whole
    limit     a request with more body is answered 413 before it is read
    quiet     interim responses 104 are dropped
    locate    a function of Location, which is replaced by what it returns
    refuse    methods that are answered 405 here
    forget    names of fields that are dropped, from requests and answers
    answers   answers go on to the client when they are whole

One request per connection.
"""

import socket
import threading

PIECE = 65536


class Meddler:
    def __init__(self, url, hold=False, limit=None, quiet=False, locate=None, refuse=(), forget=(), answers=False):
        self.hold, self.limit, self.quiet, self.locate = hold, limit, quiet, locate
        self.refuse, self.forget, self.answers = refuse, forget, answers
        host, _, path = url.removeprefix("http://").partition("/")
        self.target = (host.rpartition(":")[0], int(host.rpartition(":")[2]))
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}/{path}"
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with client, socket.create_connection(self.target) as server:
            try:
                self._exchange(client, client.makefile("rb"), server)
            except (OSError, ValueError):
                pass

    def _keep(self, lines):
        kept = [line for line in lines if line.partition(b":")[0].decode().lower() not in self.forget]
        return kept + [b"Connection: close"]

    def _exchange(self, client, reader, server):
        first, *lines = read_header(reader)
        fields = dict(line.lower().split(b": ", 1) for line in lines)
        count = int(fields.get(b"content-length", 0))
        refusal = ("405 Not Here" if first.split()[0].decode() in self.refuse else
                   "413 Too Much" if self.limit is not None and count > self.limit else None)
        if refusal:
            client.sendall(f"HTTP/1.1 {refusal}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
            while client.recv(PIECE):  # so that the answer is not lost in a reset
                pass
            return
        if b"expect" in fields:
            client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        lines = [line for line in lines if not line.lower().startswith((b"expect:", b"connection:"))]
        header = b"\r\n".join([first, *self._keep(lines), b"", b""])
        if self.hold:
            body = reader.read(count)
            if len(body) == count:
                server.sendall(header + body)
        else:
            server.sendall(header)
            threading.Thread(target=self._down, args=(client, server), daemon=True).start()
            while count > 0 and (piece := reader.read1(min(PIECE, count))):
                server.sendall(piece)
                count -= len(piece)
            if count > 0:
                server.shutdown(socket.SHUT_WR)
            while client.recv(PIECE):
                pass
            return
        self._down(client, server)

    def _down(self, client, server):
        """The answer and what comes before it."""
        try:
            reader = server.makefile("rb")
            status = b"100"
            while status.startswith(b"1"):
                first, *lines = read_header(reader)
                status = first.split()[1]
                lines = [self._located(line) for line in lines if not line.lower().startswith(b"connection:")]
                if status == b"100" or self.quiet and status == b"104":
                    continue
                lines = lines if status.startswith(b"1") else self._keep(lines)
                client.sendall(b"\r\n".join([first, *lines, b"", b""]))
            if self.answers:
                client.sendall(reader.read())
            else:
                while piece := reader.read1(PIECE):
                    client.sendall(piece)
            client.shutdown(socket.SHUT_WR)
        except (OSError, ValueError):
            pass

    def _located(self, line):
        if self.locate and line.lower().startswith(b"location: "):
            return b"Location: " + self.locate(line[10:].decode()).encode()
        return line


def read_header(reader):
    lines = []
    while line := reader.readline().rstrip(b"\r\n"):
        lines.append(line)
    if not lines:
        raise ValueError("the connection has ended")
    return lines
