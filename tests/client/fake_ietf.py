"""A small server of the IETF's resumable uploads, interop version 10, that misbehaves on demand.

    server = IetfServer()
    server.faults.append(Fault("POST", cut=1000))     # the next creation is cut after 1000 bytes

Faults are those of fake_tus.py; of a creation that is cut, the upload stays. Besides:

    announces    creations are told by 104
    version      the interop version of every answer
    progress     every piece of a body is told by 104; a function from the true offset to the one that is told,
                 with so many bytes more of header as verbose says
    replays      the final answer is repeated
    reticent     HEAD tells the offset and nothing else
    nameless     no answer tells where the upload is
    limits       Upload-Limit of every answer; append_max and size_max are enforced
    final        status and fields of the final answer
"""

import base64
import hashlib

from fake_tus import Handler, TusServer, Upload


class IetfServer(TusServer):
    handler = property(lambda self: IetfHandler)

    def __init__(self, **options):
        self.announces, self.version, self.progress, self.verbose = True, 10, None, 1
        self.replays, self.reticent, self.nameless = True, False, False
        self.limits, self.append_max, self.size_max = None, None, None
        self.final = (201, [])
        super().__init__(**options)


class IetfHandler(Handler):
    @property
    def version_field(self):
        return f"Upload-Draft-Interop-Version: {self.server.version}"

    def run(self):
        looks = self.request.method == "HEAD" and "upload-draft-interop-version" not in self.request.fields
        assert looks or self.request.fields["upload-draft-interop-version"] == "10"
        assert "tus-resumable" not in self.request.fields
        if self.fault.status is not None:
            self.fault.hook(self.upload)
            self.answer(self.fault.status, *self.fault.fields, body=self.fault.body)
        getattr(self, "do_" + self.request.method.lower())()

    def answer(self, status, *fields, body=""):
        if self.server.limits is not None:
            fields = (*fields, f"Upload-Limit: {self.server.limits}")
        super().answer(status, *fields, body=body)

    def interim(self, *fields):
        lines = ["HTTP/1.1 104 Upload Resumption Supported", self.version_field, *fields, "", ""]
        self.connection.sendall("\r\n".join(lines).encode())

    def took(self, upload):
        if self.server.progress is not None:
            self.interim(f"Upload-Offset: {self.server.progress(upload.offset)}", "X-Long: " + "x" * self.server.verbose)

    def location(self):
        return [] if self.server.nameless else [f"Location: {self.server.url}{self.name}"]

    def do_post(self):
        fields = self.request.fields
        assert fields["upload-complete"] in ("?0", "?1")
        length = self.request.number("upload-length")
        if self.server.size_max is not None and length is not None and length > self.server.size_max:
            self.answer(413, "Upload-Complete: ?0")
        self.check_size()
        self.name = f"{len(self.server.uploads):032x}"
        self.upload = Upload(length, fields.get("upload-metadata", ""))
        self.upload.complete = False
        with self.server.changed:
            self.server.uploads[self.name] = self.upload
        if self.server.announces and "content-digest" not in fields:
            self.interim(*self.location())
        self.take(*self.location())

    def do_head(self):
        upload = self.upload
        if upload is None:
            self.answer(404)
        self.misbehave(upload)
        fields = self.offset_field(upload)
        if not self.server.reticent:
            fields.append(f"Upload-Complete: ?{int(upload.complete)}")
            fields += [] if upload.length is None else [f"Upload-Length: {upload.length}"]
            fields += self.digest_fields(upload)
        self.answer(204, *fields, *self.fault.fields)

    def do_patch(self):
        upload, fields = self.upload, self.request.fields
        if upload is None:
            self.answer(404)
        assert fields["content-type"] == "application/partial-upload"
        assert fields["upload-complete"] in ("?0", "?1")
        offset = self.request.number("upload-offset")
        if upload.complete:
            if self.server.replays and offset == upload.offset and self.left == 0 and fields["upload-complete"] == "?1":
                self.answer_finally()
            self.answer(400, "Upload-Complete: ?0", body="it is complete")
        if offset != upload.offset:
            self.answer(409, f"Upload-Offset: {upload.offset}", "Upload-Complete: ?0")
        self.check_size()
        self.take()

    def check_size(self):
        if self.server.append_max is not None and self.left > self.server.append_max:
            self.answer(413, "Upload-Complete: ?0")

    def take(self, *fields):
        upload = self.upload
        if "content-digest" in self.request.fields:
            self.take_verified(*fields)
        else:
            self.misbehave(upload)
            self.read_body(upload)
        self.fault.hook(upload)
        assert upload.length is None or upload.offset <= upload.length
        if self.request.fields["upload-complete"] == "?1":
            assert upload.length in (None, upload.offset)
            upload.length, upload.complete = upload.offset, True
            self.answer_finally(*fields)
        self.answer(201 if self.request.method == "POST" else 204, "Upload-Complete: ?0", *self.offset_field(upload), *fields)

    def take_verified(self, *fields):
        held = Upload(None, "")
        self.misbehave(self.upload)
        self.read_body(held)
        name, _, value = self.request.fields["content-digest"].partition("=")
        digest = hashlib.new({"sha-256": "sha256", "sha-512": "sha512"}[name], held.data).digest()
        if value != f":{base64.b64encode(digest).decode()}:":
            self.answer(400, "Upload-Complete: ?0", *fields, body="the content is not what Content-Digest says")
        self.upload.data += held.data

    def answer_finally(self, *fields):
        status, more = self.server.final
        self.answer(status, "Upload-Complete: ?1", *self.offset_field(self.upload), *fields, *more)
