"""
Clients of all kinds, several at once and on the same uploads, who write down what they are told

Plain uploads of tus and of the IETF, parts and finals. Some requests break, some carry a checksum, and of those the
ones that fail their verification or break before it bring bytes that are wrong: should any of them ever count, it is
seen as a wrong byte. Not so by the IETF's protocol, where what breaks off counts: there the digest is wrong. For some
uploads the digest of the whole is stated, so that they are complete only if the one that was kept is right, cut or not.
"""

import random
import threading

import checksums
from acknowledged import FINAL, IETF, PART, TUS, Upload, content
from conversation import Line, header, request

STEPS = 40  # of each client, in each run
SHARED = 12  # uploads that all clients work on
LONGEST = 400_000

INVERTED = bytes(byte ^ 255 for byte in range(256))
OCTETS = "Content-Type: application/offset+octet-stream"
PARTIAL_UPLOAD = "Content-Type: application/partial-upload"
SPEAKS = {IETF: "Upload-Draft-Interop-Version: 8"}  # all others are of tus
SPEAKS_TUS = "Tus-Resumable: 1.0.0"
LOST = (404, 410)
BUSY = (423, 503)  # a newer request has the upload, to clients of tus and of the IETF


class Violation(Exception):
    pass


class Endpoint:
    """Requests to a server, each on a connection of its own."""

    def __init__(self, server, data):
        self.server, self.data = server, data

    def say(self, method, path, *fields, body=None):
        with self.server.line() as line:
            line.send(request(method, path, *fields, body=body, close=True))
            return final_answer(line, method)

    def ask(self, method, upload, *fields):
        return self.say(method, upload.path, SPEAKS.get(upload.kind, SPEAKS_TUS), *fields)

    def append(self, upload, offset, body, *fields, part=None):
        """The answer; None when a newer request has ended this one, or the line was to break."""
        told = [SPEAKS.get(upload.kind, SPEAKS_TUS), OCTETS]
        if upload.kind == IETF:
            last = offset + len(body) == len(upload.content)
            told = [SPEAKS[IETF], PARTIAL_UPLOAD, f"Upload-Complete: ?{int(last)}"]
        with self.server.line() as line:
            line.send(header("PATCH", upload.path, *told, f"Upload-Offset: {offset}", "Connection: close", *fields,
                             length=len(body)))
            line.send_whatever(body[:part])
            if part is not None:
                return None
            try:
                return final_answer(line, "PATCH")
            except (ConnectionError, AssertionError):
                return None

    def expire(self, upload):
        """Asks the operator's listener."""
        with Line(f"unix:{self.data / 'admin.sock'}") as line:
            line.send(request("POST", f"/api/uploads/{upload.id}/expire", host="localhost", body=b"", close=True))
            return line.next_answer("POST")


def final_answer(line, method):
    while (answer := line.next_answer(method)).status < 200:
        pass
    return answer


def metadata_is(recipe, digest=None):
    """For a client of tus: the name of the file, and a digest of the whole that is stated."""
    value = f"filename {checksums.b64_of(recipe.encode())}"
    if digest is not None:
        text = f"{digest}:{checksums.digest(digest, content(recipe)).hex()}"
        value += f",digest {checksums.b64_of(text.encode())}"
    return f"Upload-Metadata: {value}"


def created(answer, kind, recipe, parts=()):
    return Upload(answer.field("Location").rpartition("/")[2], kind, recipe, tuple(parts))


def told_complete(upload, answer):
    if upload.kind == IETF:
        return answer.field("Upload-Complete") == "?1"
    return answer.field("Upload-Offset") == str(len(upload.content))


class Client(threading.Thread):
    """Some clients share uploads, so they end each other's requests all the time."""

    def __init__(self, endpoint, mark, shared, seed):
        super().__init__()
        self.endpoint, self.mark, self.shared = endpoint, mark, shared
        self.chance = random.Random(seed)
        self.violation = None

    def run(self):
        try:
            for _ in range(STEPS):
                self.step()
        except (Violation, OSError, AssertionError) as error:
            if isinstance(error, Violation) or not self.mark.gone:
                self.violation = repr(error)

    def step(self):
        slot = self.chance.randrange(SHARED)
        upload = self.shared[slot]
        if upload is None:
            self.create(slot)
        elif self.chance.random() < 0.08:
            self.remove(upload)
        else:
            self.append(upload)

    # --- new ones ---

    def create(self, slot):
        parts = [upload for upload in self.shared if upload and upload.kind == PART]
        if parts and self.chance.random() < 0.3:
            self.shared[slot] = self.concatenate(self.chance.choices(parts, k=self.chance.randint(1, 4)))
            return
        length = self.chance.choice([0, 1, self.chance.randrange(5000), self.chance.randrange(LONGEST)])
        recipe = f"{self.chance.getrandbits(64):016x}:{length}"
        kind = self.chance.choice([TUS, PART, PART, IETF])
        self.shared[slot] = self.make_ietf(recipe) if kind == IETF else self.make_tus(kind, recipe)

    def digest(self):
        return self.chance.choice(["blake2b", "sha256"]) if self.chance.random() < 0.4 else None

    def beginning(self, recipe):
        whole = content(recipe)
        return whole[:self.chance.randrange(len(whole) + 1)]

    def make_tus(self, kind, recipe):
        fields = [SPEAKS_TUS, f"Upload-Length: {len(content(recipe))}", metadata_is(recipe, self.digest())]
        body = b""
        if kind == PART:
            fields.append("Upload-Concat: partial")
        if self.chance.random() < 0.4:
            fields.append(OCTETS)
            body = self.beginning(recipe)
            if self.chance.random() < 0.3:
                fields.append(self.checksum(body))
        return self.make(kind, recipe, (), *fields, body=body)

    def make_ietf(self, recipe):
        fields = [SPEAKS[IETF], "Upload-Complete: ?0", f"Upload-Length: {len(content(recipe))}",
                  f'Content-Disposition: attachment; filename="{recipe}"']
        if self.chance.random() < 0.4:
            fields.append(checksums.repr_digest(content(recipe)))
        body = self.beginning(recipe) if self.chance.random() < 0.4 else b""
        return self.make(IETF, recipe, (), *fields, body=body)

    def concatenate(self, parts):
        recipe = "+".join(part.recipe for part in parts)
        return self.make(FINAL, recipe, [part.id for part in parts], SPEAKS_TUS, metadata_is(recipe, self.digest()),
                         "Upload-Concat: final;" + " ".join(part.path for part in parts), body=b"")

    def make(self, kind, recipe, parts, *fields, body):
        """The new upload; None where a part was deleted meanwhile."""
        answer = self.endpoint.say("POST", "/files/", *fields, body=body)
        if parts and 400 <= answer.status < 500:
            return None
        if answer.status != 201:
            raise Violation(f"POST of {kind}: {answer}")
        upload = created(answer, kind, recipe, parts)
        self.mark.created(upload)
        self.acknowledge(upload, answer)
        return upload

    def acknowledge(self, upload, answer):
        offset = answer.field("Upload-Offset")
        if offset is not None:
            self.mark("offset", upload.id, offset)
            if told_complete(upload, answer):
                self.mark("complete", upload.id)

    # --- going on ---

    def checksum(self, body, kind=TUS):
        if kind == IETF:
            return checksums.repr_digest(body).replace("Repr-", "Content-")
        return checksums.checksum_is(self.chance.choice(checksums.ALGORITHMS), body)

    def prepare(self, piece, kind):
        """The bytes of an append, its fields, after how many bytes the line breaks, and whether it has to fail."""
        part = self.chance.randrange(len(piece) + 1) if self.chance.random() < 0.2 else None
        if self.chance.random() < 0.6:
            return piece, (), part, False
        wrong = piece.translate(INVERTED)
        if kind == IETF:
            mismatch = len(piece) > 0 and self.chance.random() < 0.4
            return piece, (self.checksum(wrong if mismatch else piece, kind),), part, mismatch
        if part is not None:
            return wrong, (self.checksum(wrong),), min(part, max(0, len(piece) - 1)), False
        mismatch = len(piece) > 0 and self.chance.random() < 0.4
        return wrong if mismatch else piece, (self.checksum(piece),), None, mismatch

    def append(self, upload):
        offset = self.look(upload)
        if offset is None or upload.kind == FINAL:
            return
        piece = upload.content[offset:offset + self.chance.randrange(1, 200_000)]
        body, fields, part, mismatch = self.prepare(piece, upload.kind)
        answer = self.endpoint.append(upload, offset, body, *fields, part=part)
        if answer is None or answer.status in (*LOST, 409, *BUSY) or b"#completed-upload" in answer.body:
            return
        wanted = ((400,) if upload.kind == IETF else (460,)) if mismatch else (201, 204)
        if answer.status not in (*wanted, 413) and answer.status < 500:
            raise Violation(f"PATCH of {upload.kind}: {answer}")
        if answer.status in (201, 204):
            self.acknowledge(upload, answer)

    def look(self, upload):
        """The offset; None when there is none, or nothing can be said about it now."""
        answer = self.endpoint.ask("HEAD", upload)
        if answer.status in LOST:  # deleted, or lost in a cut before it was acknowledged
            self.forget(upload)
        if answer.status in (*LOST, *BUSY):
            return None
        if answer.status not in (200, 204):
            raise Violation(f"HEAD of {upload.kind}: {answer}")
        self.acknowledge(upload, answer)
        offset = answer.field("Upload-Offset")
        return None if offset is None else int(offset)

    def forget(self, upload):
        self.shared[:] = [None if it == upload else it for it in self.shared]

    def remove(self, upload):
        self.mark("deleting", upload.id)
        expires = self.chance.random() < 0.3
        answer = self.endpoint.expire(upload) if expires else self.endpoint.ask("DELETE", upload)
        if answer.status == 204:
            self.mark("deleted", upload.id)
        elif answer.status not in (*LOST, *BUSY, *(409,) * expires):
            raise Violation(f"{'expiry' if expires else 'DELETE'} of {upload.kind}: {answer}")
        if answer.status in (204, *LOST):
            self.forget(upload)
