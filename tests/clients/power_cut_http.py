#!/usr/bin/python3
"""Power cuts under the real server: what ferryd has told its clients over HTTP survives

    tests/clients/power_cut_http.py BUILD [--fs ext4 xfs btrfs] [--points N] [--seed N]

The disk that keeps a tape is that of tests/crash. Here the driver is several tus clients at once and the
checker is one more; between them and the disk stands ferryd. What the clients mark is what they
were told, each mark after the answer and before the next request of that client:

    created ID LENGTH SEED   201; its bytes are those of SEED, see content()
    offset ID OFFSET         201, 204, or 200 of a HEAD
    deleting ID              about to ask
    deleted ID               204

Half of the points are on a second tape, of a disk that had a cut already and on which the clients went
on. After a cut every upload that the marks speak of is there with at least that offset, or gone if its
deletion was asked for; one whose deletion was acknowledged is gone. Every byte below every offset is
right, also of uploads that no mark speaks of. Then the server goes on: uploads are finished, made and
deleted.

Some requests carry a checksum. Of those, the ones that fail their verification or break before it bring
bytes that are wrong: should any of them ever count, it is seen as a wrong byte. For some uploads the
digest of the whole is stated, so they are finished only if the one that was kept is right, cut or not;
and the one that is told of a complete upload is right.
"""

import argparse
import base64
import functools
import hashlib
import pathlib
import random
import re
import sys
import tempfile
import threading
import time

FOLDER = pathlib.Path(__file__).resolve().parent
for sibling in "conversations", "crash":
    sys.path.insert(0, str(FOLDER.parent / sibling))

import checksums  # noqa: E402
import conversation  # noqa: E402
import power_cut  # noqa: E402
import taped_disk  # noqa: E402
from conversation import header, request  # noqa: E402

CLIENTS = 6
STEPS = 40  # of each client, in each run
SHARED = 12  # uploads that all clients work on
LONGEST = 400_000
FINISHED_AGAIN = 6

INVERTED = bytes(byte ^ 255 for byte in range(256))
TUS = "Tus-Resumable: 1.0.0"
OCTETS = "Content-Type: application/offset+octet-stream"


@functools.lru_cache(maxsize=64)
def content(seed, length):
    return hashlib.shake_256(seed.encode()).digest(length)


def metadata_of(seed):
    return f"seed {checksums.b64_of(seed.encode())}"


def digest_of(algorithm, whole):
    text = f"{algorithm}:{checksums.digest(algorithm, whole).hex()}"
    return f",digest {checksums.b64_of(text.encode())}"


class Violation(Exception):
    pass


class Endpoint:
    """Requests to a server, each on a connection of its own."""

    def __init__(self, server):
        self.server = server

    def ask(self, method, path, *fields, body=None):
        with self.server.line() as line:
            line.send(request(method, path, TUS, *fields, body=body, close=True))
            return final_answer(line, method)

    def append(self, path, offset, body, *fields, part=None):
        """The answer; None when a newer request has ended this one, or the line was to break."""
        with self.server.line() as line:
            line.send(header("PATCH", path, TUS, OCTETS, f"Upload-Offset: {offset}", "Connection: close", *fields,
                             length=len(body)))
            line.send_whatever(body[:part])
            if part is not None:
                return None
            try:
                return final_answer(line, "PATCH")
            except (ConnectionError, AssertionError):
                return None


def final_answer(line, method):
    while (answer := line.next_answer(method)).status < 200:
        pass
    return answer


# --- before the cut ---


class Marks:
    def __init__(self, path, kill_after, kill):
        self.lock = threading.Lock()
        self.file = open(path, "ab", buffering=0)
        self.left = kill_after
        self.kill = kill
        self.gone = False

    def __call__(self, *words):
        with self.lock:
            self.file.write((" ".join(map(str, words)) + "\n").encode())
            self.left -= 1
            if self.left == 0:
                self.gone = True
                self.kill()


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
                slot = self.chance.randrange(SHARED)
                upload = self.shared[slot]
                if upload is None:
                    self.create(slot)
                elif self.chance.random() < 0.08:
                    self.delete(slot, upload)
                else:
                    self.append(upload)
        except (Violation, OSError, AssertionError) as error:
            if isinstance(error, Violation) or not self.mark.gone:
                self.violation = repr(error)

    def create(self, slot):
        length = self.chance.choice([0, 1, self.chance.randrange(5000), self.chance.randrange(LONGEST)])
        seed = f"{self.chance.getrandbits(64):016x}"
        metadata = metadata_of(seed)
        if self.chance.random() < 0.4:
            metadata += digest_of(self.chance.choice(["blake2b", "sha256"]), content(seed, length))
        fields = [f"Upload-Length: {length}", f"Upload-Metadata: {metadata}"]
        body = b""
        if self.chance.random() < 0.4:
            fields.append(OCTETS)
            body = content(seed, length)[:self.chance.randrange(length + 1)]
            if self.chance.random() < 0.3:
                fields.append(self.checksum(body))
        answer = self.endpoint.ask("POST", "/files/", *fields, body=body)
        if answer.status != 201:
            raise Violation(f"POST: {answer}")
        path = answer.field("Location")
        upload = path.rpartition("/")[2]
        self.mark("created", upload, length, seed)
        offset = answer.field("Upload-Offset")
        if offset is not None:
            self.mark("offset", upload, offset)
        self.shared[slot] = (upload, path, length, seed)

    def checksum(self, body):
        return checksums.checksum_is(self.chance.choice(checksums.ALGORITHMS), body)

    def prepare(self, piece):
        """The bytes of an append, fields, how many bytes are sent before the line breaks, and whether it has to fail."""
        part = self.chance.randrange(len(piece) + 1) if self.chance.random() < 0.2 else None
        if self.chance.random() < 0.6:
            return piece, (), part, False
        wrong = piece.translate(INVERTED)
        if part is not None:
            return wrong, (self.checksum(wrong),), min(part, max(0, len(piece) - 1)), False
        mismatch = len(piece) > 0 and self.chance.random() < 0.4
        return wrong if mismatch else piece, (self.checksum(piece),), None, mismatch

    def append(self, what):
        upload, path, length, seed = what
        answer = self.endpoint.ask("HEAD", path)
        if answer.status in (404, 410):  # deleted, or lost in a cut before it was acknowledged
            self.shared[:] = [None if it == what else it for it in self.shared]
        if answer.status in (404, 410, 423):
            return
        if answer.status != 200:
            raise Violation(f"HEAD: {answer}")
        offset = int(answer.field("Upload-Offset"))
        self.mark("offset", upload, offset)

        piece = content(seed, length)[offset:offset + self.chance.randrange(1, 200_000)]
        body, fields, part, mismatch = self.prepare(piece)
        answer = self.endpoint.append(path, offset, body, *fields, part=part)
        if answer is None or answer.status in (404, 409, 410, 423):
            return
        if answer.status not in (460 if mismatch else 204, 413) and answer.status < 500:
            raise Violation(f"PATCH: {answer}")
        if answer.status == 204:
            self.mark("offset", upload, answer.field("Upload-Offset"))

    def delete(self, slot, what):
        upload, path = what[:2]
        self.mark("deleting", upload)
        answer = self.endpoint.ask("DELETE", path)
        if answer.status == 204:
            self.mark("deleted", upload)
            self.shared[slot] = None
        elif answer.status not in (404, 410, 423):
            raise Violation(f"DELETE: {answer}")


# --- after the cut ---


class Told:
    """What the marks say of one upload."""

    def __init__(self):
        self.length = self.seed = None
        self.offset = 0
        self.deleting = self.deleted = False


def read_marks(text):
    told = {}
    for line in text.splitlines():
        word, upload, *rest = line.split() + [None]
        if upload is None:  # where the tape of a disk that had a cut goes on
            continue
        entry = told.setdefault(upload, Told())
        if word == "created":
            entry.length, entry.seed = int(rest[0]), rest[1]
        elif word == "offset":
            entry.offset = max(entry.offset, int(rest[0]))
        elif word == "deleting":
            entry.deleting = True
        else:
            entry.deleted = True
    return told


def expect(right, what):
    if not right:
        raise Violation(what)


class Checker:
    def __init__(self, endpoint, data):
        self.endpoint, self.data = endpoint, data

    def path(self, upload):
        return f"/files/{upload}"

    def check_bytes(self, upload, answer):
        """Those below the offset; gives (offset, length, seed)."""
        offset, length = int(answer.field("Upload-Offset")), int(answer.field("Upload-Length"))
        seed = base64.b64decode(re.match("seed ([^,]*)", answer.field("Upload-Metadata"))[1]).decode()
        file = self.data / "files" / upload[:2] / upload
        found = file.read_bytes()[:offset] if offset else b""
        expect(found == content(seed, length)[:offset], f"{upload}: wrong bytes below {offset}")
        if told := checksums.told_digest(answer):
            right = checksums.digest(told[0], content(seed, length))
            expect(offset == length and told[1] == right, f"{upload}: a wrong digest: {answer}")
        return offset, length, seed

    def check_upload(self, upload, told, *fields):
        answer = self.endpoint.ask("HEAD", self.path(upload), *fields)
        if told.deleted:
            expect(answer.status in (404, 410), f"{upload}: deleted, and there again: {answer}")
        elif answer.status in (404, 410):
            expect(told.deleting, f"{upload}: gone, acknowledged {told.offset}: {answer}")
        else:
            expect(answer.status == 200, f"{upload}: {answer}")
            offset, length, seed = self.check_bytes(upload, answer)
            expect(offset >= told.offset, f"{upload}: offset {offset}, acknowledged {told.offset}")
            expect(told.seed in (None, seed) and told.length in (None, length), f"{upload}: {answer}")
            return offset, length, seed
        return None

    def check_unknown(self, known):
        for file in self.data.glob("files/??/*"):
            if file.name not in known and re.fullmatch("[0-9a-f]{32}", file.name):
                answer = self.endpoint.ask("HEAD", self.path(file.name))
                if answer.status == 200:
                    self.check_bytes(file.name, answer)

    def finish(self, upload, offset, length, seed):
        rest = content(seed, length)[offset:]
        answer = self.endpoint.append(self.path(upload), offset, rest)
        expect(answer and answer.status == 204, f"{upload}: cannot go on from {offset}: {answer}")
        answer = self.endpoint.ask("HEAD", self.path(upload))
        expect(self.check_bytes(upload, answer)[0] == length, f"{upload}: not finished: {answer}")

    def delete(self, upload):
        answer = self.endpoint.ask("DELETE", self.path(upload))
        expect(answer.status == 204, f"{upload}: cannot be deleted: {answer}")
        answer = self.endpoint.ask("HEAD", self.path(upload))
        expect(answer.status in (404, 410), f"{upload}: deleted, and still there: {answer}")

    def check(self, told):
        there = {}
        for upload, entry in told.items():
            if state := self.check_upload(upload, entry):
                there[upload] = state
        self.check_unknown(told)

        unfinished = [upload for upload, (offset, length, _) in there.items() if offset < length]
        for upload in unfinished[:FINISHED_AGAIN]:
            self.finish(upload, *there[upload])
        for upload in list(there)[:1]:
            self.delete(upload)
        answer = self.endpoint.ask("POST", "/files/", "Upload-Length: 5000",
                                   f"Upload-Metadata: {metadata_of('new')}", body=b"")
        expect(answer.status == 201, f"nothing can be created: {answer}")
        self.finish(answer.field("Location").rpartition("/")[2], 0, 5000, "new")


# --- the disk between them ---


class PowerCutOverHttp(power_cut.PowerCut):
    def __init__(self, build, fs, folder):
        super().__init__(build, fs, folder)
        self.folder = pathlib.Path(folder)

    def start(self):
        host = f"127.{random.randint(64, 127)}.{random.randint(1, 254)}.{random.randint(1, 254)}"
        return conversation.Server("server/ferryd", ["--data", str(self.mount / "data"), "--min-free", "0",
                                                     "--listen", f"{host}:0", "--log-level", "warning"],
                                   self.folder)

    def drive_once(self, seed, kill_after):
        """Clients go on with what the marks tell of; what they object to, or None."""
        chance = random.Random(seed)
        told = read_marks((self.fuse / "mark").read_text())
        alive = [(upload, f"/files/{upload}", entry.length, entry.seed)
                 for upload, entry in told.items() if not entry.deleting]
        shared = (alive[-SHARED:] + [None] * SHARED)[:SHARED]
        server = self.start()
        mark = Marks(self.fuse / "mark", kill_after, server.process.kill)
        try:
            clients = [Client(Endpoint(server), mark, shared, chance.getrandbits(64))
                       for _ in range(CLIENTS)]
            for client in clients:
                client.start()
            for client in clients:
                client.join()
            violations = [client.violation for client in clients if client.violation]
            if not mark.gone:
                server.stop()
            return violations[0] if violations else None
        finally:
            server.kill()
            mark.file.close()

    def look(self, told):
        server = None
        try:
            server = self.start()
            Checker(Endpoint(server), self.mount / "data").check(read_marks(told))
            server.stop()
        except (Violation, OSError, AssertionError) as error:
            return f"{error!r:.2000}"
        finally:
            if server:
                server.kill()
        return None


def try_power_cuts(build, fs, count, seed):
    chance = random.Random(f"{seed} {fs} http")
    report = power_cut.Report()
    begun = time.monotonic()
    while report.points < count:
        with tempfile.TemporaryDirectory(prefix="ferry-crash-") as folder:
            cut = PowerCutOverHttp(build, fs, folder)
            left = min(power_cut.POINTS_PER_PAIR, count - report.points)
            power_cut.check_pair(cut, chance, left, report, False, None)
    report.seconds = time.monotonic() - begun
    return report


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--fs", nargs="+", choices=taped_disk.MAKE, default=list(taped_disk.MAKE))
    parser.add_argument("--points", type=int, default=power_cut.POINTS_PER_PAIR)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    arguments = parser.parse_args()

    conversation.BUILD = arguments.build.resolve()
    print(f"seed {arguments.seed}")
    bad = 0
    for fs in arguments.fs:
        if reason := taped_disk.missing(fs, arguments.build):
            sys.exit(reason)
        report = try_power_cuts(arguments.build, fs, arguments.points, arguments.seed)
        print(f"{fs}: {report.line()}", *report.violations, sep="\n    ", flush=True)
        bad += len(report.violations)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
