"""
The digest that a client states for a whole upload when it creates it, and the one that the server has kept

What is complete has the stated digest. Numbers in brackets are those of spec/tus.md; "Ours" there has the rest.
"""

import random
import subprocess

import pytest

from checksums import b64_of, checksum_is, digest, repr_digest, stated, told_digest
from conversation import SLOW, chunk, request
from endpoint import (OCTETS, VERSION, Upload, appends, endpoint, endpoints, length_is, pattern)

CONTENT = pattern(6_000_000)
SMALL = CONTENT[:1000]
MISMATCH = "the bytes have not the stated digest: start a new upload"
DAMAGED = "this upload is damaged: start a new one"
SYNTAX = "state one digest: metadata digest blake2b:HEX or sha256:HEX, or Repr-Digest: sha-256=:BASE64:"

WAYS = {
    "blake2b": lambda content: stated("blake2b", content),
    "sha256": lambda content: stated("sha256", content),
    "Repr-Digest": repr_digest,
}


def metadata(text):
    return f"Upload-Metadata: digest {b64_of(text.encode())}"


def expect_complete(upload, content):
    upload.expect(len(content), content)
    assert upload.look().field("Upload-Expires") is None, "it is not complete"


def expect_damaged(upload):
    """Nobody can go on with it; its bytes are kept for who wants to know; it can be deleted."""
    assert upload.endpoint.ask("PATCH", upload.path, *appends(0), body=b"", status=410).text == DAMAGED
    for answer in (upload.head(410), upload.look(410), upload.patch(1000, b"", status=410)):
        assert answer.field("Upload-Offset") is None
    with upload.endpoint.line() as line:
        answer = line.send(request("GET", upload.path, "Accept: application/octet-stream", close=True)).next_answer()
        assert answer.body[:100] != upload.bytes_on_disk()[:100], "it is served"


# --- at the end ---


@pytest.mark.parametrize("way", WAYS)
def test_bytes_that_have_the_stated_digest_complete_the_upload(endpoint, way):
    """In one request, in several, with the creation, in chunks; and an upload of nothing."""
    upload = endpoint.create(len(CONTENT), WAYS[way](CONTENT))
    for begin, end in ((0, 1), (1, 200_000), (200_000, 5_000_001), (5_000_001, len(CONTENT))):
        upload.patch(begin, CONTENT[begin:end])
    expect_complete(upload, CONTENT)
    expect_complete(endpoint.create(1000, OCTETS, WAYS[way](SMALL), body=SMALL), SMALL)
    expect_complete(endpoint.create(0, WAYS[way](b"")), b"")
    upload = endpoint.deferred(WAYS[way](SMALL))
    upload.patch_chunked(0, SMALL[:7], SMALL[7:])
    upload.patch(1000, b"", length_is(1000))
    expect_complete(upload, SMALL)


@pytest.mark.parametrize("way", WAYS)
def test_bytes_that_have_another_digest_damage_the_upload(endpoint, way):
    """422 when the last byte is there, then 410; never complete, never served."""
    upload = endpoint.create(1000, WAYS[way](SMALL))
    upload.patch(0, SMALL[:400])
    answer = upload.patch(400, b"x" * 600, status=422)
    assert answer.text == MISMATCH and answer.field("Upload-Offset") is None
    expect_damaged(upload)
    assert upload.bytes_on_disk() == SMALL[:400] + b"x" * 600
    upload.delete()


@pytest.mark.parametrize("way", WAYS)
def test_a_creation_whose_bytes_have_another_digest(endpoint, way):
    """With all its bytes, and of nothing."""
    for body in (b"x" * 1000, b""):
        answer = endpoint.ask("POST", "/files/", VERSION, OCTETS, length_is(len(body)), WAYS[way](SMALL), body=body,
                              status=422)
        assert answer.text == MISMATCH and answer.field("Upload-Offset") is None
        expect_damaged(Upload(endpoint, answer))


def test_a_length_that_is_stated_later_ends_the_upload_all_the_same(endpoint):
    upload = endpoint.deferred(stated("sha256", SMALL))
    upload.patch(0, SMALL[:999])
    assert upload.patch(999, b"", length_is(999), status=422).text == MISMATCH
    expect_damaged(upload)


def test_what_is_damaged_stays_so(endpoints):
    """Over a restart, and a crash; beside others."""
    endpoint = endpoints()
    damaged, other = endpoint.create(3, stated("sha256", b"abc")), endpoint.create(6, stated("sha256", b"abcdef"))
    other.patch(0, b"abc")
    damaged.patch(0, b"abd", status=422)
    for end in (endpoint.stop, endpoint.crash):
        end()
        endpoint.start()
        expect_damaged(damaged)
    other.patch(3, b"def")
    expect_complete(other, b"abcdef")


def break_behind_the_last_byte(endpoint, content):
    """All bytes came, the end of the request did not."""
    upload = endpoint.create(1000, stated("blake2b", SMALL))
    with endpoint.line() as line:
        line.send(request("PATCH", upload.path, *appends(0), "Transfer-Encoding: chunked"), chunk(content))
        upload.wait_for_bytes(1000)
        line.half_close()
        line.read_until_closed()
    return upload


def test_the_last_byte_of_a_broken_request_is_held_to_the_digest(endpoint):
    """[25, 51] It completes the upload or damages it as that of a whole request does."""
    upload = break_behind_the_last_byte(endpoint, SMALL)
    assert upload.head().field("Upload-Offset") == "1000"
    expect_complete(upload, SMALL)
    upload.patch(1000, b"")
    upload = break_behind_the_last_byte(endpoint, SMALL[:-1] + b"x")
    upload.head(410)
    expect_damaged(upload)


@pytest.mark.parametrize("way", WAYS)
def test_checksums_and_a_stated_digest(endpoint, way):
    """[69, 71] Each chunk and the whole; what a wrong checksum has discarded is no part of the digest."""
    upload = endpoint.create(len(CONTENT), WAYS[way](CONTENT))
    upload.patch(0, CONTENT[:1_000_000], checksum_is("sha1", CONTENT[:1_000_000]))
    upload.patch(1_000_000, b"x" * 1_000_000, checksum_is("sha1", b"y"), status=460)
    upload.patch(1_000_000, CONTENT[1_000_000:2_000_000])
    upload.patch(2_000_000, b"x" * 4_000_000, checksum_is("crc32", b"y"), status=460)
    upload.patch(2_000_000, CONTENT[2_000_000:], checksum_is("crc32", CONTENT[2_000_000:]))
    expect_complete(upload, CONTENT)


def test_a_right_checksum_and_a_wrong_digest(endpoint):
    """The bytes came as they were sent, and are not the file that was meant: 422, not 460."""
    upload = endpoint.create(1000, stated("sha256", SMALL))
    body = b"x" * 1000
    assert upload.patch(0, body, checksum_is("sha1", body), status=422).text == MISMATCH
    expect_damaged(upload)


# --- how it is stated ---


HEX = digest("sha256", SMALL).hex()
REPR = repr_digest(SMALL).removeprefix("Repr-Digest: ")


@pytest.mark.parametrize("fields", [
    (metadata(f"sha256:{HEX.upper()}"),), (f"Repr-Digest: sha-512=:AAAA:, {REPR}",), (f"repr-digest: {REPR};a=1, md5=:AA==:",),
    ("Repr-Digest: md5=:AA==:", f"Repr-Digest: {REPR}"), (stated("sha256", SMALL), repr_digest(SMALL)),
    (repr_digest(b"x"), f'Repr-Digest: {REPR}, a="b, {repr_digest(b"x")[13:]}"')],
    ids=["upper case", "behind another", "before another", "in two lines", "in both places", "as the last member"])
def test_a_digest_may_be_stated_so(endpoint, fields):
    upload = endpoint.create(1000, *fields)
    upload.patch(0, b"x" * 1000, status=422)
    upload = endpoint.create(1000, *fields)
    upload.patch(0, SMALL)
    expect_complete(upload, SMALL)


@pytest.mark.parametrize("fields", [
    ("Upload-Metadata: digest",), (metadata("sha256"),), (metadata(HEX),), (metadata(f"sha256:{HEX} "),),
    (metadata(f"SHA256:{HEX}"),), (metadata(f"sha-256:{HEX}"),), (metadata(f"sha256:{HEX[:-1]}"),),
    (metadata(f"sha256:{HEX}00"),), (metadata(f"blake2b:{HEX}"),), (metadata(f"sha256:{b64_of(digest('sha256', SMALL))}"),),
    (metadata(f"md5:{digest('md5', SMALL).hex()}"),), (metadata(f"sha1:{digest('sha1', SMALL).hex()}"),),
    (metadata("none:"),), (metadata("x" * 10_000),), ("Repr-Digest: sha-256=::",), ("Repr-Digest: sha-256=:AAAA:",),
    (f"Repr-Digest: {REPR[:-1]}",), ("Repr-Digest: sha-256=?1",), (f"Repr-Digest: {REPR}, md5=:x:",)], ids=lambda fields: fields[0][:40])
def test_a_digest_that_cannot_be_read_is_refused(endpoint, fields):
    """By the creation; other algorithms than those that are kept are no exception where we gave the key its meaning."""
    with endpoint.nothing_created():
        assert endpoint.ask("POST", "/files/", VERSION, length_is(1000), *fields, status=400).text == SYNTAX


@pytest.mark.parametrize("fields", [
    (stated("sha256", SMALL), repr_digest(b"x")), (stated("blake2b", SMALL), repr_digest(SMALL))],
    ids=["two values", "two algorithms"])
def test_two_digests_are_refused(endpoint, fields):
    with endpoint.nothing_created():
        assert endpoint.ask("POST", "/files/", VERSION, length_is(1000), *fields, status=400).text == SYNTAX


@pytest.mark.parametrize("field", ["Repr-Digest: sha-512=:AAAA:, md5=:AA==:", "Repr-Digest:", "Repr-Digest: unixsum=:AA==:",
                                   "Upload-Metadata: Digest Zm9v,digests Zm9v", "Content-Digest: sha-256=:AAAA:"])
def test_what_states_no_digest_that_is_kept_is_ignored(endpoint, field):
    """RFC 9530, 3, for fields; other keys of the metadata are not ours."""
    upload = endpoint.create(1000, field)
    upload.patch(0, SMALL)
    expect_complete(upload, SMALL)


def test_metadata_that_states_a_digest_is_echoed(endpoint):
    """[39]"""
    field = stated("sha256", SMALL)
    upload = endpoint.create(1000, field)
    assert upload.look().field("Upload-Metadata") == field.removeprefix("Upload-Metadata: ")


# --- interruptions ---


KILLS = 10 if SLOW else 100
PIECE = 20_000
TOOLS = {"blake2b": "b2sum", "sha256": "sha256sum"}


def interrupt(endpoint, uploads, content, chance):
    """Each goes on by some bytes, and is in the middle of the next ones, some with a checksum, when the server dies."""
    lines = []
    for upload in uploads:
        offset = int(upload.head().field("Upload-Offset"))
        end = offset + chance.randrange(PIECE)
        upload.patch(offset, content[offset:end])
        rest = content[end:]
        fields = (checksum_is("sha1", rest),) if chance.random() < 0.2 else ()
        line = endpoint.line()
        upload.begin(line, end, len(rest), rest[:chance.randrange(PIECE)], *fields)
        if chance.random() < 0.5:
            line.wait_until_read()
        lines.append(line)
    endpoint.crash()
    for line in lines:
        line.close()
    endpoint.start()


def test_an_upload_that_was_killed_a_hundred_times_has_its_digest(endpoints):
    """At random offsets, by SIGKILL. The digest that was kept meanwhile is that of hashlib and of the system's tool, be
    it stated or the server's own. Ten times where the build is slow."""
    endpoint = endpoints()
    chance = random.Random(6)
    content = CONTENT[:2 * KILLS * PIECE]
    uploads = {endpoint.create(len(content), stated("sha256", content)): "sha256",
               endpoint.create(len(content)): "blake2b"}
    for _ in range(KILLS):
        interrupt(endpoint, uploads, content, chance)
    for upload, algorithm in uploads.items():
        offset = int(upload.head().field("Upload-Offset"))
        assert offset > KILLS * PIECE / 4
        upload.patch(offset, content[offset:])
        expect_complete(upload, content)
        assert told_digest(upload.look()) == (algorithm, digest(algorithm, content))
        tool = subprocess.run([TOOLS[algorithm], upload.file], capture_output=True, text=True, check=True)
        assert tool.stdout.split()[0] == digest(algorithm, content).hex()
