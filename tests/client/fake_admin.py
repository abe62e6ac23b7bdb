"""What ferryd tells its operator, and who watches, told by a script

    server = AdminServer(uploads=[...])            # on TCP; with socket=PATH on a unix socket
    server.stream(Stream("id: 1\\nevent: progress\\ndata: {...}\\n\\n"), ...)    # one per connection, in order
"""

import http.server
import json
import socketserver
import threading
import urllib.parse


def upload(name, state="receiving", writing=False, offset=0, length=100, **more):
    return {"id": name, "url": f"/files/{name}", "state": state, "writing": writing, "offset": offset, "length": length,
            "created": "2026-11-28T12:00:00Z", "last_byte": None, "expires": None, "metadata": {}, **more}


class Stream:
    """What a watcher gets; then the connection ends, or (held) stays as long as the client does."""

    def __init__(self, text="", status=200, held=False, kind="text/event-stream"):
        self.text, self.status, self.held, self.kind = text, status, held, kind


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        server = self.server.owner
        target = urllib.parse.urlsplit(self.path)
        query = urllib.parse.parse_qs(target.query, keep_blank_values=True, strict_parsing=bool(target.query))
        with server.changed:
            server.asked.append((target.path, {name: value for name, (value,) in query.items()}, dict(self.headers)))
            server.changed.notify_all()
        if server.token and self.headers["Authorization"] != f"Bearer {server.token}":
            self.answer(401, "a token is wanted\n", "text/plain")
        elif server.busy > 0:
            server.busy -= 1
            self.answer(503, "busy\n", "text/plain")
        elif target.path == "/api/uploads":
            self.list(query)
        elif target.path == "/api/stats":
            self.answer(200, json.dumps(server.stats))
        elif target.path.startswith("/files/"):
            self.watch()
        else:
            self.answer(404, "no such thing\n", "text/plain")

    def do_HEAD(self):
        told = self.server.owner.heads
        offset, length = told.pop(0) if len(told) > 1 else told[0]
        self.send_response(404 if offset is None else 200)
        for name, value in ("Upload-Offset", offset), ("Upload-Length", length):
            if value is not None:
                self.send_header(name, str(value))
        self.send_header("Upload-Metadata", "filename aG9saWRheS5tcDQ=")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def answer(self, status, text, kind="application/json"):
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def list(self, query):
        server = self.server.owner
        first = int(query.get("cursor", ["0"])[0])
        count = min(int(query["limit"][0]), server.page)
        state = query.get("state", [None])[0]
        uploads = [one for one in server.uploads
                   if state not in ("active", "stalled") or one["writing"] == (state == "active")]
        more = first + count < len(uploads)
        self.answer(200, json.dumps({"uploads": uploads[first:first + count],
                                     "next": str(first + count) if more else None}))

    def watch(self):
        server = self.server.owner
        stream = server.streams.pop(0) if server.streams else Stream(status=404, kind="text/plain")
        self.close_connection = True
        self.send_response(stream.status)
        self.send_header("Content-Type", stream.kind)
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(stream.text.encode())
        self.wfile.flush()
        if stream.held:
            self.rfile.read(1)


class UnixServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True

    def get_request(self):
        connection, _ = super().get_request()
        return connection, ("here", 0)


class TcpServer(http.server.ThreadingHTTPServer):
    daemon_threads = True


class AdminServer:
    def __init__(self, uploads=(), token=None, socket=None, page=1000):
        self.uploads, self.token, self.page = list(uploads), token, page
        self.stats = {"uploads": {"receiving": 2, "complete": 3}, "writing": 1, "uptime_s": 90, "version": "1.2.3"}
        self.busy = 0  # so many requests are answered 503
        self.streams, self.heads, self.asked = [], [], []
        self.changed = threading.Condition()
        self.server = UnixServer(str(socket), Handler) if socket else TcpServer(("127.0.0.1", 0), Handler)
        self.server.owner = self
        self.url = None if socket else f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def wait(self, reached, seconds=60):
        with self.changed:
            assert self.changed.wait_for(reached, seconds), "ferry never asked"
