"""A small tus 1.0.0 server that misbehaves on demand, for the tests of ferry.

    server = TusServer()
    server.faults.append(Fault("PATCH", cut=1000))    # the next PATCH is cut after 1000 bytes

    url = server.publish(b"bytes", etag='"1"')        # a file for GET, with ranges

Uploads are kept in memory, from `base` on: a test may pretend that gigabytes are there already. A server that
was stopped and started again listens on the same port and still has its uploads.
"""

import base64
import hashlib
import socket
import struct
import threading
import zlib

PIECE = 65536

ALGORITHMS = {name: lambda data, name=name: hashlib.new(name, data).digest()
              for name in ("sha1", "sha256", "sha512", "md5", "blake2b")}
ALGORITHMS["crc32"] = lambda data: zlib.crc32(data).to_bytes(4, "big")


def checksum(name, data):
    return base64.b64encode(ALGORITHMS[name](data)).decode()


class Fault:
    """What goes wrong, once, with the next request of this method.

    status   answer this, before the body when the client waits for 100 Continue
    cut      store so many bytes of the body, then cut the connection; of GET: send so many
    reset    cut by RST instead of FIN
    stall    store so many bytes of the body, then neither read nor answer
    mute     do what was asked, then cut the connection instead of answering
    offset   a function from the true offset to the one that the answer tells; None leaves it out
    fields   more fields of the answer
    body     text of the answer
    damage   change a byte of the body on its way into the upload
    joining  of POST: only of one that joins parts, or (False) only of one that does not; None: of any
    hook     called with the upload (or None) where the fault happens
    """

    def __init__(self, method, status=None, cut=None, reset=False, stall=None, mute=False,
                 offset=lambda offset: offset, fields=(), body="", damage=False, joining=None,
                 hook=lambda upload: None):
        self.method, self.status, self.cut, self.reset = method, status, cut, reset
        self.stall, self.mute, self.offset = stall, mute, offset
        self.fields, self.body, self.damage, self.hook = list(fields), body, damage, hook
        self.joining = joining

    def meets(self, request):
        joins = request.fields.get("upload-concat", "").startswith("final")
        return self.method == request.method and self.joining in (None, joins)


class Upload:
    def __init__(self, length, metadata, base=0):
        self.length, self.metadata, self.base = length, metadata, base
        self.concat = None  # Upload-Concat
        self.data = bytearray()

    @property
    def offset(self):
        return self.base + len(self.data)


class File:
    """What GET answers with; a test changes it as it likes."""

    def __init__(self, data, etag='"1"', ranges=True, fields=()):
        self.data, self.etag, self.ranges, self.fields = data, etag, ranges, list(fields)


class Request:
    def __init__(self, method, target, fields):
        self.method, self.target, self.fields = method, target, fields
        self.received = 0  # bytes of body
        self.sent = 0  # of the answer's body, by GET

    def number(self, name):
        return int(self.fields[name]) if name in self.fields else None


class Cut(Exception):
    pass


class Answered(Exception):
    pass


class TusServer:
    handler = property(lambda self: Handler)

    def __init__(self, location="absolute", context=None):
        self.location, self.context = location, context  # an ssl.SSLContext makes it https
        self.uploads, self.files, self.requests, self.faults = {}, {}, [], []
        self.keys = {}  # Idempotency-Key -> (what was asked, the upload that it made)
        self.changed = threading.Condition()
        self.version_wanted = True  # of HEAD too
        self.extensions, self.algorithms = "creation,checksum,checksum-trailer,concatenation", ",".join(ALGORITHMS)
        self.digest = None  # the algorithm whose digest HEAD tells
        self.listener = None
        self.connections = set()
        # holds the port while the server is away: nobody else gets it, and nobody answers
        self.reserved = socket.socket()
        self.reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self.reserved.bind(("127.0.0.1", 0))
        self.port = self.reserved.getsockname()[1]
        self.start()

    @property
    def url(self):
        return f"http{'s' if self.context else ''}://127.0.0.1:{self.port}/files/"

    def start(self):
        self.listener = socket.create_server(("127.0.0.1", self.port), backlog=64, reuse_port=True)
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()

    def stop(self):
        """Vanishes, connections and all; uploads stay for start()."""
        listener, self.listener = self.listener, None
        if listener is not None:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        with self.changed:
            connections = list(self.connections)
        for connection in connections:
            self._close(connection, reset=True)

    def wait(self, reached, seconds=60):
        """Waits until reached() after some change, under the lock."""
        with self.changed:
            assert self.changed.wait_for(reached, seconds), "the server never got there"

    def begin(self, length, base=0, data=b"", name="begun"):
        """An upload that somebody else began."""
        self.uploads[name] = Upload(length, "", base)
        self.uploads[name].data += data
        return self.url + name

    def publish(self, data, name="file", **options):
        """A file to download; its URL."""
        self.files[name] = File(data, **options)
        return self.url + name

    def methods(self):
        return [request.method for request in self.requests]

    def received(self):
        """Bytes of body over all requests."""
        return sum(request.received for request in self.requests)

    def joined(self):
        """The one upload that is no part."""
        (upload,) = [upload for upload in self.uploads.values() if upload.concat != "partial"]
        return upload

    def parts(self):
        return [upload for upload in self.uploads.values() if upload.concat == "partial"]

    def only_upload(self):
        (upload,) = self.uploads.values()
        return upload

    # one connection

    def _accept(self, listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with self.changed:
                self.connections.add(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _close(self, connection, reset=False):
        try:
            if reset:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            else:
                connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        with self.changed:
            self.connections.discard(connection)
            self.changed.notify_all()
        try:
            if reset:  # a reader in another thread holds the socket open: wake it
                connection.shutdown(socket.SHUT_RD)
        except OSError:
            pass
        connection.close()

    def _serve(self, connection):
        reset = False
        try:
            if self.context is not None:
                connection = self.context.wrap_socket(connection, server_side=True)
            reader = connection.makefile("rb", buffering=PIECE)
            while self._exchange(connection, reader):
                pass
        except Cut as cut:
            reset = bool(cut.args)
        except (OSError, ValueError):
            pass
        self._close(connection, reset)

    def _exchange(self, connection, reader):
        line = reader.readline().decode("latin-1").split()
        if len(line) != 3:
            return False
        fields = {}
        while True:
            field = reader.readline().decode("latin-1").strip()
            if not field:
                break
            name, _, value = field.partition(":")
            fields[name.lower()] = value.strip()

        request = Request(line[0], line[1], fields)
        with self.changed:
            self.requests.append(request)
            fault = next((f for f in self.faults if f.meets(request)), None)
            if fault is not None:
                self.faults.remove(fault)
            self.changed.notify_all()
        handler = self.handler(self, connection, reader, request, fault or Fault(request.method))
        try:
            handler.run()
        except Answered:
            pass
        return not handler.closing


class Handler:
    """One request."""

    version_field = "Tus-Resumable: 1.0.0"

    def __init__(self, server, connection, reader, request, fault):
        self.server, self.connection, self.reader = server, connection, reader
        self.request, self.fault = request, fault
        self.left = request.number("content-length") or 0
        self.chunked = request.fields.get("transfer-encoding", "").lower() == "chunked"
        self.waits = request.fields.get("expect", "").lower() == "100-continue"
        self.closing = False
        self.upload = server.uploads.get(request.target.rpartition("/")[2])

    def run(self):
        if self.fault.status is not None:
            self.fault.hook(self.upload)
            self.answer(self.fault.status, *self.fault.fields, body=self.fault.body)
        wanted = {"GET": False, "OPTIONS": False, "HEAD": self.server.version_wanted}.get(self.request.method, True)
        if wanted and self.request.fields.get("tus-resumable") != "1.0.0":
            self.answer(412, "Tus-Version: 1.0.0")
        getattr(self, "do_" + self.request.method.lower())()

    def answer(self, status, *fields, body=""):
        """Ends the request; what is left of its body is read first where the client sends it anyway."""
        if self.left > 0 or self.chunked:
            if self.waits:
                self.closing = True
            else:
                self.read_body(None)
        if self.fault.mute:
            raise Cut
        content = body.encode()
        lines = [f"HTTP/1.1 {status} Whatever", self.version_field, *fields]
        if status != 204:
            lines.append(f"Content-Length: {len(content)}")
        if self.closing:
            lines.append("Connection: close")
        if self.request.method == "HEAD":
            content = b""
        self.connection.sendall("\r\n".join(lines + ["", ""]).encode("latin-1") + content)
        raise Answered

    def read_chunk(self):
        """The next chunk's size to self.left; behind the last one the trailer."""
        size = int(self.reader.readline(), 16)
        if size > 0:
            self.left = size
            return
        self.chunked = False
        while field := self.reader.readline().decode("latin-1").strip():
            name, _, value = field.partition(":")
            assert name.lower() == self.request.fields["trailer"].lower()
            self.request.fields["trailer:" + name.lower()] = value.strip()

    def read_body(self, upload, most=None):
        """Reads the body, or so much of it, into the upload."""
        if self.waits:
            self.waits = False
            self.connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        while (self.left > 0 or self.chunked) and (most is None or most > 0):
            if self.left == 0:
                self.read_chunk()
                continue
            piece = self.reader.read1(min(PIECE, self.left, PIECE if most is None else most))
            if not piece:
                raise Cut
            self.left -= len(piece)
            if self.chunked and self.left == 0:
                self.reader.readline()
            most = None if most is None else most - len(piece)
            with self.server.changed:
                self.request.received += len(piece)
                if upload is not None:
                    upload.data += piece
                    if self.fault.damage:
                        upload.data[-1] ^= 1
                        self.fault.damage = False
                self.server.changed.notify_all()
            self.took(upload)

    def took(self, upload):
        """A piece of the body has come."""

    def misbehave(self, upload):
        if self.fault.cut is not None:
            self.read_body(upload, self.fault.cut)
            self.fault.hook(upload)
            raise Cut(*(["reset"] if self.fault.reset else []))
        if self.fault.stall is not None:
            self.read_body(upload, self.fault.stall)
            self.fault.hook(upload)
            while self.connection.recv(1, socket.MSG_PEEK) and self.connection in self.server.connections:
                with self.server.changed:
                    self.server.changed.wait(0.05)
            raise Cut

    def offset_field(self, upload):
        offset = self.fault.offset(upload.offset)
        return [] if offset is None else [f"Upload-Offset: {offset}"]

    def do_post(self):
        concat = self.request.fields.get("upload-concat")
        if concat is not None and concat != "partial":
            self.join(concat)
        length = self.request.number("upload-length")
        deferred = self.request.fields.get("upload-defer-length") == "1"
        if (length is None) != deferred:
            self.answer(400)
        name = f"{len(self.server.uploads):032x}"
        self.misbehave(None)
        with self.server.changed:
            self.server.uploads[name] = Upload(length, self.request.fields.get("upload-metadata", ""))
            self.server.uploads[name].concat = concat
        where = {"absolute": self.server.url + name, "path": "/files/" + name, "name": name}
        location = where.get(self.server.location, self.server.location)
        self.answer(201, f"Location: {location}", *self.fault.fields)

    def join(self, concat):
        """A final upload; the same again for who comes with the same key."""
        asked = concat, self.request.fields.get("upload-metadata", "")
        key = self.request.fields["idempotency-key"]
        assert len(key) >= 18 and key[0] == key[-1] == '"'
        assert concat.startswith("final;") and "upload-length" not in self.request.fields
        if key in self.server.keys and self.server.keys[key][0] != asked:
            self.answer(422, body="the key is that of another request")
        if key not in self.server.keys:
            parts = [self.server.uploads.get(url.rpartition("/")[2]) for url in concat.removeprefix("final;").split()]
            if None in parts:
                self.answer(404)
            if any(part.concat != "partial" or part.offset != part.length for part in parts):
                self.answer(400, body="a part is not complete")
            final = Upload(sum(part.length for part in parts), asked[1])
            final.data, final.concat = bytearray().join(part.data for part in parts), concat
            self.server.keys[key] = asked, f"{len(self.server.uploads):032x}"
            with self.server.changed:
                self.server.uploads[self.server.keys[key][1]] = final
        self.answer(201, f"Location: {self.server.url}{self.server.keys[key][1]}", *self.fault.fields)

    def do_head(self):
        if self.upload is None:
            self.answer(404)
        self.misbehave(self.upload)
        fields = self.offset_field(self.upload)
        if self.upload.length is None:
            fields.append("Upload-Defer-Length: 1")
        else:
            fields.append(f"Upload-Length: {self.upload.length}")
        fields += self.digest_fields(self.upload)
        if self.upload.metadata:
            fields.append(f"Upload-Metadata: {self.upload.metadata}")
        self.answer(200, *fields, "Cache-Control: no-store", *self.fault.fields)

    def do_patch(self):
        upload, length = self.upload, self.request.number("upload-length")
        if upload is None:
            self.answer(404)
        if self.request.fields.get("content-type") != "application/offset+octet-stream":
            self.answer(415)
        if self.request.number("upload-offset") != upload.offset:
            self.answer(409)
        if length is not None and upload.length is not None:
            self.answer(400, body="the length is known")  # as strict as tusd
        if upload.length is not None and self.left > upload.length - upload.offset:
            self.answer(413)
        if length is not None:
            upload.length = length
        if "trailer" in self.request.fields or "upload-checksum" in self.request.fields:
            self.read_checked(upload)
        self.misbehave(upload)
        self.read_body(upload)
        self.fault.hook(upload)
        self.answer(204, *self.offset_field(upload), *self.fault.fields)

    def read_checked(self, upload):
        """Nothing of it counts before all of it does."""
        held = Upload(upload.length, "", upload.offset)
        self.misbehave(held)
        self.read_body(held)
        stated = self.request.fields.get("trailer:upload-checksum") or self.request.fields.get("upload-checksum")
        if stated is None:
            self.answer(400, body="the checksum did not come")
        name, _, value = stated.partition(" ")
        if name not in self.server.algorithms.split(","):
            self.answer(400)
        if value != checksum(name, held.data):
            self.answer(460)
        upload.data += held.data

    def do_options(self):
        self.answer(204, "Tus-Version: 1.0.0", f"Tus-Extension: {self.server.extensions}",
                    f"Tus-Checksum-Algorithm: {self.server.algorithms}")

    def digest_fields(self, upload):
        if self.server.digest is None or upload.offset != upload.length:
            return []
        value = checksum(self.server.digest, upload.data)
        if self.server.digest in ("sha256", "sha512"):
            return [f"Repr-Digest: sha-{self.server.digest[3:]}=:{value}:"]
        return [f"Ferry-Digest: {self.server.digest}=:{value}:"]

    def do_get(self):
        file = self.server.files.get(self.request.target.rpartition("/")[2])
        if file is None:
            self.answer(404)
        begin, size = self.range_begin(file), len(file.data)
        if begin is not None and begin >= size:
            self.answer(416, f"Content-Range: bytes */{size}")
        status = 200 if begin is None else 206
        lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {size - (begin or 0)}", *file.fields,
                 *self.fault.fields]
        if file.etag is not None:
            lines.append(f"ETag: {file.etag}")
        if status == 206:
            lines.append(f"Content-Range: bytes {begin}-{size - 1}/{size}")
        self.connection.sendall("\r\n".join(lines + ["", ""]).encode("latin-1"))
        self.send_body(file.data[begin or 0:])

    def range_begin(self, file):
        """None: all of it."""
        wanted = self.request.fields.get("range", "")
        condition = self.request.fields.get("if-range")
        if not file.ranges or not wanted or (condition is not None and condition != file.etag):
            return None
        assert condition is not None and wanted.startswith("bytes=") and wanted.endswith("-")
        return int(wanted[6:-1])

    def send_body(self, data):
        most = len(data)
        for limit in (self.fault.cut, self.fault.stall):
            most = most if limit is None else min(most, limit)
        for at in range(0, most, PIECE):
            piece = data[at:min(at + PIECE, most)]
            self.connection.sendall(piece)
            with self.server.changed:
                self.request.sent += len(piece)
                self.server.changed.notify_all()
        self.fault.hook(None)
        if self.fault.stall is not None:
            while self.connection.recv(1, socket.MSG_PEEK) and self.connection in self.server.connections:
                pass
        if self.fault.stall is not None or self.fault.cut is not None:
            raise Cut(*(["reset"] if self.fault.reset else []))
        raise Answered

    def do_delete(self):
        if self.upload is None:
            self.answer(404)
        del self.server.uploads[self.request.target.rpartition("/")[2]]
        self.answer(204)


def metadata(header):
    """The decoded pairs of an Upload-Metadata field."""
    pairs = (pair.partition(" ") for pair in header.split(",") if pair)
    return {key: base64.b64decode(value) for key, _, value in pairs}
