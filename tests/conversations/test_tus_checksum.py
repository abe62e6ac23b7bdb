"""
tus 1.0.0, "Checksum": a request whose bytes count only when they are those that the client meant

Numbers in brackets are those of spec/tus.md.
"""

import ctypes
import json
import os
import subprocess
import tempfile

import pytest

from checksums import ALGORITHMS, MALFORMED, UNKNOWN, checksum, checksum_is
from conversation import SLOW, WRAPPER, bound, chunk, eventually, header, request
from endpoint import (OCTETS, VERSION, Upload, appends, check_general, endpoint, endpoints, follow_up, length_is,
                      pattern, upload)

CONTENT = pattern(20_000_000)
REST = CONTENT[10:100]
MIB = 1024 * 1024

SYNTAX = "Upload-Checksum: algorithm, blank, base64 of the digest; a trailer must not contradict the header"
UNKNOWN_HERE = "Upload-Checksum: see Tus-Checksum-Algorithm for those that are known"
MISMATCH = "Upload-Checksum: the bytes have another one: nothing was kept"


def wrong(algorithm="sha1"):
    return checksum_is(algorithm, b"other bytes")


@pytest.fixture
def fresh(endpoint):
    """One of which nothing is there."""
    return endpoint.create(len(CONTENT))


def expect_nothing_kept(upload):
    """A client that goes on finds it as if the request had never been: the rest can be sent, and is right."""
    assert upload.head().field("Upload-Offset") == "0"
    upload.expect(0, b"")
    upload.patch(0, CONTENT[:1000], checksum_is("sha1", CONTENT[:1000]))
    upload.expect(1000, CONTENT[:1000])


# --- what is announced ---


def test_checksums_are_announced(endpoint):
    """[8, 68] With algorithms in lower case, sha1 among them and first, without blanks."""
    with endpoint.line() as line:
        answer = line.send(request("OPTIONS", "/files/")).expect(200)
    assert {"checksum", "checksum-trailer"} <= set(answer.field("Tus-Extension").split(","))
    assert answer.field("Tus-Checksum-Algorithm") == ",".join(ALGORITHMS)


# --- right ones ---


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_right_checksum_is_acknowledged(endpoint, algorithm):
    """[68, 69] Of every algorithm, with a length and in chunks, at the beginning and at the end."""
    upload = endpoint.create(300_000)
    answer = upload.patch(0, CONTENT[:1000], checksum_is(algorithm, CONTENT[:1000]))
    assert answer.field("Upload-Offset") == "1000"
    assert answer.field("Upload-Expires") is not None
    piece = CONTENT[1000:200_000]
    answer = upload.patch_chunked(1000, piece[:7], piece[7:], fields=(checksum_is(algorithm, piece),))
    assert answer.field("Upload-Offset") == "200000"
    assert upload.look().field("Upload-Expires") is not None
    piece = CONTENT[200_000:300_000]
    assert upload.patch(200_000, piece, checksum_is(algorithm, piece)).field("Upload-Offset") == "300000"
    assert upload.look().field("Upload-Expires") is None, "it is not complete"
    upload.expect(300_000, CONTENT[:300_000])


def test_the_example_of_the_specification(endpoint):
    """[69]"""
    upload = endpoint.create(11)
    answer = upload.patch(0, b"hello world", "Upload-Checksum: sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=")
    assert answer.field("Upload-Offset") == "11"
    upload.expect(11, b"hello world")


def test_a_checksum_is_of_one_request_alone(upload):
    """[69] Not of the upload so far; requests with one and without follow each other."""
    upload.patch(10, REST[:20], checksum_is("md5", REST[:20]))
    upload.patch(30, REST[20:40])
    upload.patch(50, REST[40:], checksum_is("sha256", REST[40:]))
    upload.expect(100, b"0123456789" + REST)


def test_a_connection_goes_on_after_checksums(upload):
    """[69, 71] Right, wrong, right on one line."""
    with upload.endpoint.line() as line:
        for offset, fields, status in ((10, checksum_is("sha1", b"ab"), 204), (12, wrong(), 460),
                                       (12, checksum_is("crc32", b"ab"), 204)):
            line.send(request("PATCH", upload.path, *appends(offset, fields), body=b"ab"))
            check_general(line.expect(status))
        follow_up(line)
    upload.expect(14, b"0123456789abab")


def test_a_client_that_asks_first_is_told_to_go_on(upload):
    """[28, 69]"""
    with upload.endpoint.line() as line:
        line.send(header("PATCH", upload.path, *appends(10, checksum_is("sha1", REST)), "Expect: 100-continue",
                         length=len(REST)))
        line.expect_next(100)
        line.send(REST).expect(204)
    upload.expect(100, b"0123456789" + REST)


def test_an_overridden_method_has_its_checksum_verified(upload):
    """[9, 71] As clients do that cannot send PATCH."""
    for fields, status in ((wrong(), 460), (checksum_is("sha1", REST), 204)):
        upload.endpoint.ask("POST", upload.path, "X-HTTP-Method-Override: PATCH", *appends(10, fields), body=REST,
                            status=status)
    upload.expect(100, b"0123456789" + REST)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_checksum_of_nothing(endpoint, upload, algorithm):
    """[74] At any offset, of an upload without bytes, and of a complete one."""
    right, others = checksum_is(algorithm, b""), checksum_is(algorithm, b"x")
    empty, complete = endpoint.create(0), endpoint.create(3)
    complete.patch(0, b"abc")
    for one, offset in ((upload, 10), (endpoint.create(10), 0), (empty, 0), (complete, 3)):
        with one.unchanged():
            assert one.patch(offset, b"", right).field("Upload-Offset") == str(offset)
            one.patch_chunked(offset, fields=(right,))
            one.patch(offset, b"", others, status=460)
            one.patch_chunked(offset, fields=(others,), status=460)


# --- wrong ones ---


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_wrong_checksum_discards_the_bytes(upload, algorithm):
    """[22, 62, 71] 460; the next append at the same offset works, and its bytes are those that are there."""
    with upload.unchanged():
        answer = upload.patch(10, b"x" * 90, checksum_is(algorithm, REST), status=460)
        assert answer.text == MISMATCH
        assert answer.field("Upload-Offset") == "10"
        assert answer.field("Upload-Expires") is not None
        upload.patch_chunked(10, b"x" * 20, b"y" * 20, fields=(checksum_is(algorithm, REST),), status=460)
    upload.expect(10, b"0123456789")
    upload.patch(10, REST, checksum_is(algorithm, REST))
    upload.expect(100, b"0123456789" + REST)


def test_a_single_bit_is_enough(endpoint, fresh):
    """[71]"""
    content = bytearray(CONTENT[:70_000])
    right = checksum_is("crc32", bytes(content))
    for place in (0, 35_000, 69_999):
        content[place] ^= 1
        fresh.patch(0, bytes(content), right, status=460)
        content[place] ^= 1
    fresh.patch(0, bytes(content), right)
    fresh.expect(70_000, bytes(content))


@pytest.mark.parametrize("value", MALFORMED.values(), ids=list(MALFORMED))
def test_a_malformed_checksum_is_refused(upload, value):
    """[72]"""
    with upload.unchanged():
        assert upload.patch(10, REST, f"Upload-Checksum: {value}", status=400).text == SYNTAX
        upload.patch_chunked(10, REST, fields=(f"Upload-Checksum: {value}",), status=400)


@pytest.mark.parametrize("value", UNKNOWN.values(), ids=list(UNKNOWN))
def test_an_unknown_algorithm_is_refused(upload, value):
    """[70]"""
    with upload.unchanged():
        assert upload.patch(10, REST, f"Upload-Checksum: {value}", status=400).text == UNKNOWN_HERE
        upload.patch_chunked(10, REST, fields=(f"Upload-Checksum: {value}",), status=400)


def test_two_checksums_are_refused(upload):
    """[72] Right ones, too, and of two algorithms: another reader takes the other one."""
    with upload.unchanged():
        for other in ("sha1", "crc32"):
            upload.patch(10, REST, checksum_is("sha1", REST), checksum_is(other, REST), status=400)


def test_what_is_wrong_with_the_header_is_said_before_the_body(upload):
    """[28, 70, 72]"""
    for value in (MALFORMED["two blanks"], UNKNOWN["newer"]):
        with upload.endpoint.line() as line:
            line.send(header("PATCH", upload.path, *appends(10, f"Upload-Checksum: {value}"),
                             "Expect: 100-continue", length=90))
            line.expect_next(400)
            line.expect_closed()
    upload.expect(10, b"0123456789")


def test_other_refusals_come_first(upload):
    """[17, 19, 22] A checksum changes nothing of them."""
    right = checksum_is("sha1", REST)
    with upload.unchanged():
        assert upload.patch(9, REST, right, status=409).field("Upload-Offset") == "10"
        upload.endpoint.ask("PATCH", upload.path, VERSION, "Upload-Offset: 10", right, body=REST, status=415)
        upload.endpoint.ask("PATCH", "/files/" + 32 * "0", *appends(0, right), body=REST, status=404)


def test_the_reason_of_460(upload):
    """[75] It is libmicrohttpd's; the number says it all."""
    with upload.endpoint.line() as line:
        line.send(request("PATCH", upload.path, *appends(10, wrong()), body=REST, close=True))
        assert line.read_until_closed().startswith(b"HTTP/1.1 460 ")


# --- lengths ---


def test_a_body_beyond_the_length_is_refused_as_a_whole(upload):
    """[29, 58, 71] Before its first byte when its length is known; of chunks nothing is kept either, whether their
    checksum is right or that of the part that fits."""
    beyond = REST + b"x"
    with upload.unchanged():
        with upload.endpoint.line() as line:
            line.send(header("PATCH", upload.path, *appends(10, checksum_is("sha1", beyond)), "Expect: 100-continue",
                             length=len(beyond)))
            line.expect_next(413)
        for content in (beyond, REST):
            upload.patch_chunked(10, REST, b"x", fields=(checksum_is("sha1", content),), status=413)
    upload.patch(10, REST, checksum_is("sha1", REST))
    upload.expect(100, b"0123456789" + REST)


def test_a_complete_upload_takes_no_bytes(upload):
    """[31]"""
    upload.patch(10, REST)
    with upload.unchanged():
        upload.patch(100, b"x", checksum_is("sha1", b"x"), status=413)
        upload.patch_chunked(100, b"x", fields=(checksum_is("sha1", b"x"),), status=413)


def test_a_length_is_stated_by_a_right_checksum_alone(endpoint):
    """[47, 71] A request that leaves nothing behind leaves no length behind either."""
    upload = endpoint.deferred()
    upload.patch(0, b"abc")
    right = checksum_is("sha1", b"def")
    with upload.unchanged():
        upload.patch(3, b"xyz", right, length_is(10), status=460)
        upload.patch(3, b"", right, length_is(3), status=460)
        upload.patch_chunked(3, b"defghijk", fields=(right, length_is(10)), status=413)
        upload.patch(3, b"def", "Upload-Checksum: sha1", length_is(10), status=400)
        upload.patch(3, b"def", right, length_is(5), status=413)
        with endpoint.line() as line:
            upload.begin(line, 3, 3, b"de", right, length_is(10))
            line.wait_until_read()
        upload.head()
    assert upload.head().field("Upload-Defer-Length") == "1"
    upload.patch(3, b"def", right, length_is(10))
    answer = upload.head()
    assert (answer.field("Upload-Length"), answer.field("Upload-Offset")) == ("10", "6")
    upload.patch(6, b"ghij", checksum_is("md5", b"ghij"), length_is(10))
    upload.expect(10, b"abcdefghij")
    assert upload.look().field("Upload-Expires") is None, "it is not complete"


def test_a_deferred_upload_is_completed_by_a_right_checksum(endpoint):
    """[51] With all its bytes, and with none."""
    for content in (b"abc", b""):
        upload = endpoint.deferred()
        upload.patch(0, content, checksum_is("sha256", content), length_is(len(content)))
        upload.expect(len(content), content)
        assert upload.look().field("Upload-Expires") is None, "it is not complete"


# --- interruptions ---


@pytest.mark.parametrize("framing", ["a length", "chunks"])
@pytest.mark.parametrize("end", ["FIN", "RST"])
@pytest.mark.parametrize("count", [1, 100, 70_000, 3_000_000, len(CONTENT) - 1])
def test_a_broken_request_keeps_nothing(fresh, count, end, framing):
    """[73] Though the bytes that came have the checksum that was sent."""
    right = checksum_is("sha1", CONTENT[:count])
    with fresh.endpoint.line() as line:
        if framing == "chunks":
            line.send(request("PATCH", fresh.path, *appends(0, right), "Transfer-Encoding: chunked"),
                      chunk(CONTENT[:count]))
        else:
            fresh.begin(line, 0, len(CONTENT), CONTENT[:count], right)
        line.wait_until_read()
        if end == "RST":
            line.reset()
        else:
            line.half_close()
            line.read_until_closed()
    expect_nothing_kept(fresh)


def test_a_stalled_client_keeps_nothing(endpoints):
    """[26, 73]"""
    endpoint = endpoints("--idle-timeout", "1")
    upload = endpoint.create(len(CONTENT))
    with endpoint.line() as line:
        upload.begin(line, 0, len(CONTENT), CONTENT[:5000], checksum_is("sha1", CONTENT[:5000]))
        line.read_until_closed(seconds=20)
    expect_nothing_kept(upload)


@pytest.mark.parametrize("count", [5000, len(CONTENT) - 1])
def test_of_a_request_that_sigkill_ends_nothing_counts(endpoints, count):
    """[73]"""
    endpoint = endpoints()
    upload = endpoint.create(len(CONTENT))
    upload.patch(0, CONTENT[:1000])
    line = endpoint.line()
    upload.begin(line, 1000, len(CONTENT) - 1000, CONTENT[1000:count], checksum_is("sha1", CONTENT[1000:count]))
    line.wait_until_read()
    if count > MIB:
        upload.wait_for_bytes(MIB)
    endpoint.crash()
    line.close()
    endpoint.start()
    assert upload.head().field("Upload-Offset") == "1000"
    upload.expect(1000, CONTENT[:1000])
    upload.patch(1000, CONTENT[1000:], checksum_is("sha1", CONTENT[1000:]))
    upload.expect(len(CONTENT), CONTENT)


def test_of_a_request_that_sigterm_ends_nothing_counts(endpoints):
    """[73]"""
    endpoint = endpoints()
    upload = endpoint.create(len(CONTENT))
    line = endpoint.line()
    upload.begin(line, 0, len(CONTENT), CONTENT[:3_000_000], checksum_is("sha1", CONTENT[:3_000_000]))
    line.wait_until_read()
    assert endpoint.stop() < bound(5)
    line.close()
    endpoint.start()
    expect_nothing_kept(upload)


@pytest.mark.parametrize("newer", ["HEAD", "PATCH"])
def test_a_request_that_is_taken_over_keeps_nothing(fresh, newer):
    """[32, 73] The newer one finds the upload as it was."""
    with fresh.endpoint.line() as line:
        fresh.begin(line, 0, len(CONTENT), CONTENT[:3_000_000], checksum_is("sha1", CONTENT))
        fresh.wait_for_bytes(MIB)
        if newer == "HEAD":
            assert fresh.head().field("Upload-Offset") == "0"
        answer = fresh.patch(0, CONTENT[:1000], checksum_is("sha1", CONTENT[:1000]))
        assert answer.field("Upload-Offset") == "1000"
        line.read_until_closed()
    fresh.expect(1000, CONTENT[:1000])


def test_a_client_that_does_not_wait_for_the_answer(endpoint):
    """[73] All was sent: the bytes count, or they do not, but never some of them. More than one read."""
    for _ in range(20):
        upload = endpoint.create(300_000)
        line = endpoint.line()
        line.send(request("PATCH", upload.path, *appends(0, checksum_is("sha1", CONTENT[:300_000])),
                          body=CONTENT[:300_000])).wait_until_read()
        line.close()
        offset = int(upload.head().field("Upload-Offset"))
        assert offset in (0, 300_000)
        upload.expect(offset, CONTENT[:offset])


def test_a_client_that_has_sent_all_and_half_closes_hears_the_answer(endpoint):
    """[69]"""
    for _ in range(10):
        upload = endpoint.create(1000)
        with endpoint.line() as line:
            line.send(request("PATCH", upload.path, *appends(0, checksum_is("sha1", CONTENT[:1000])),
                              body=CONTENT[:1000]))
            line.half_close()
            assert line.expect(204).field("Upload-Offset") == "1000"


# --- what others see meanwhile ---


def told_offsets(upload):
    """By everything that tells one without disturbing."""
    told = {upload.look().field("Upload-Offset")}
    with upload.endpoint.line() as line:
        answer = line.send(request("GET", upload.path, "Accept: application/json", close=True)).next_answer()
        if answer.status == 200:
            told.add(str(json.loads(answer.body)["offset"]))
    return told


@pytest.mark.parametrize("framing", ["a length", "chunks"])
def test_nothing_is_visible_before_it_was_verified(endpoint, framing):
    """[71, 73] More is sent than is otherwise committed by size, all of it lies in the file, and one byte is
    missing: the offset has not moved. With that byte it moves at once."""
    upload = endpoint.create(len(CONTENT))
    upload.patch(0, CONTENT[:1000])
    right = checksum_is("blake2b", CONTENT[1000:])
    with endpoint.line() as line:
        if framing == "chunks":
            line.send(request("PATCH", upload.path, *appends(1000, right), "Transfer-Encoding: chunked"),
                      chunk(CONTENT[1000:-1]))
        else:
            upload.begin(line, 1000, len(CONTENT) - 1000, CONTENT[1000:-1], right)
        upload.wait_for_bytes(len(CONTENT) - 1)
        assert told_offsets(upload) == {"1000"}
        line.send(chunk(CONTENT[-1:]) + b"0\r\n\r\n" if framing == "chunks" else CONTENT[-1:])
        line.expect(204)
        assert told_offsets(upload) == {str(len(CONTENT))}
    upload.expect(len(CONTENT), CONTENT)


# --- bounds ---


def peak_mib(endpoint):
    with open(f"/proc/{endpoint.server.process.pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024


@pytest.mark.parametrize("algorithm", ["sha1", "blake2b"])
def test_a_chunk_may_be_longer_than_memory(endpoints, algorithm):
    """[71] 64 MiB with 4 MiB of buffers: right, and wrong in its last byte."""
    endpoint = endpoints("--buffer-memory", "4M")
    content = pattern(64 * MIB)
    upload = endpoint.create(len(content))
    right = checksum_is(algorithm, content)
    upload.patch(0, content[:-1] + bytes([content[-1] ^ 1]), right, status=460)
    upload.expect(0, b"")
    upload.patch(0, content, right)
    upload.expect(len(content), content)
    if not SLOW:
        assert peak_mib(endpoint) < 48


def small_disk(folder, mib):
    """For a child: a file system of its own over the folder; None where that may not be mounted."""
    libc = ctypes.CDLL(None, use_errno=True)

    def mount():
        for failed in (libc.unshare(0x20000),  # CLONE_NEWNS
                       libc.mount(b"none", b"/", None, 1 << 18 | 1 << 14, None),  # MS_PRIVATE, MS_REC
                       libc.mount(b"none", os.fsencode(folder), b"tmpfs", 0, f"size={mib}m".encode())):
            if failed:
                raise OSError(ctypes.get_errno(), "mount")

    with tempfile.TemporaryDirectory() as nowhere:
        try:
            subprocess.run(["true"], preexec_fn=mount, check=True)
        except (OSError, subprocess.SubprocessError):
            return None
    return mount


@pytest.mark.skipif(bool(WRAPPER), reason="the wrapper writes files of its own")
def test_a_full_disk_keeps_nothing_of_a_request_with_a_checksum(endpoints, tmp_path):
    """[71] 507, and what the answer says of it is true; a request that fits works afterwards."""
    (tmp_path / "data").mkdir()
    mount = small_disk(tmp_path / "data", 32)
    if mount is None:
        pytest.skip("may not mount")
    endpoint = endpoints("--min-free", "0", prepare=mount)
    upload = endpoint.create(len(CONTENT))
    with endpoint.line() as line:
        line.send_whatever(request("PATCH", upload.path, *appends(0, checksum_is("sha1", CONTENT)), body=CONTENT))
        answer = check_general(line.expect(507))
    assert answer.field("Upload-Offset") == "0"
    assert answer.text == "the server's disk is full: what Upload-Offset counts is kept"
    assert upload.head().field("Upload-Offset") == "0"
    upload.patch(0, CONTENT[:MIB], checksum_is("sha1", CONTENT[:MIB]))
    assert upload.offset() == MIB


# --- creation with upload [60] ---


def create(endpoint, body, *fields, status, chunked=False):
    kind = {"chunks": (body,)} if chunked else {"body": body}
    return endpoint.ask("POST", "/files/", VERSION, OCTETS, *fields, status=status, **kind)


@pytest.mark.parametrize("chunked", [False, True])
def test_a_creation_may_bring_verified_bytes(endpoint, chunked):
    """[53, 60] The first ones, all of them, none; with a length or without."""
    for body, length in ((b"abc", length_is(10)), (b"abc", length_is(3)), (b"", length_is(10)), (b"", length_is(0)),
                         (b"abc", "Upload-Defer-Length: 1"), (CONTENT[:700_000], length_is(700_000))):
        answer = create(endpoint, body, length, checksum_is("sha1", body), status=201, chunked=chunked)
        assert answer.field("Upload-Offset") == str(len(body))
        upload = Upload(endpoint, answer)
        upload.expect(len(body), body)
        assert (upload.look().field("Upload-Expires") is None) == (length == length_is(len(body)))


@pytest.mark.parametrize("chunked", [False, True])
def test_a_creation_with_a_wrong_checksum_creates_nothing(endpoint, chunked):
    """[60]"""
    with endpoint.nothing_left():
        for body, length in ((b"abc", length_is(10)), (b"abc", length_is(3)), (b"", length_is(0)),
                             (CONTENT[:700_000], "Upload-Defer-Length: 1")):
            answer = create(endpoint, body, length, wrong(), status=460, chunked=chunked)
            assert answer.field("Location") is None and answer.field("Upload-Offset") is None
        for value in (*MALFORMED.values(), *UNKNOWN.values()):
            create(endpoint, b"abc", length_is(3), f"Upload-Checksum: {value}", status=400, chunked=chunked)
        create(endpoint, b"abcd", length_is(3), checksum_is("sha1", b"abcd"), status=413, chunked=chunked)


def test_an_interrupted_creation_with_a_checksum_keeps_no_bytes(endpoints):
    """[59, 60, 73]"""
    endpoint = endpoints()
    with endpoint.line() as line:
        line.send(header("POST", "/files/", VERSION, OCTETS, length_is(1000), checksum_is("sha1", b"abc"), length=1000),
                  b"abc")
        line.wait_until_read()
        eventually("it is there", endpoint.rows)
    endpoint.stop()
    endpoint.start()
    for id in endpoint.rows():
        upload = Upload(endpoint, path=f"/files/{id}")
        assert upload.head().field("Upload-Offset") == "0"
        upload.expect(0, b"")


def test_the_checksum_of_a_body_that_is_ignored_is_ignored(endpoint):
    """[55] What is not stored is not verified."""
    answer = endpoint.ask("POST", "/files/", VERSION, "Content-Type: text/plain", length_is(10), wrong(),
                          body=b"abc", status=201)
    Upload(endpoint, answer).expect(0, b"")
