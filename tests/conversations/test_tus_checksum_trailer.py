"""
tus 1.0.0, "Checksum", of trailers: a client that reads its file once knows the checksum at its end

Numbers in brackets are those of spec/tus.md.
"""

import pytest

from checksums import ALGORITHMS, MALFORMED, UNKNOWN, checksum, checksum_is
from conversation import chunk, header, request
from endpoint import (OCTETS, VERSION, Upload, appends, check_general, endpoint, endpoints, length_is, pattern,
                      upload)

CONTENT = pattern(20_000_000)
REST = CONTENT[10:100]
MIB = 1024 * 1024
ANNOUNCED = "Trailer: Upload-Checksum"

SYNTAX = "Upload-Checksum: algorithm, blank, base64 of the digest; a trailer must not contradict the header"
MISSING = "Upload-Checksum was announced and not sent: nothing was kept"


def trailers(*lines):
    """The end of a chunked body."""
    return b"0\r\n" + b"".join(line if isinstance(line, bytes) else line.encode() + b"\r\n" for line in lines) + b"\r\n"


def patch(upload, offset, body, *lines, fields=(ANNOUNCED,), status=204):
    """A chunked PATCH; lines are its trailers."""
    with upload.endpoint.line() as line:
        line.send(request("PATCH", upload.path, *appends(offset, *fields), "Transfer-Encoding: chunked"),
                  *([chunk(body)] if body else []), trailers(*lines))
        answer = check_general(line.expect(status))
        line.expect_closed()
        return answer


def expect_rest_goes_on(upload):
    upload.expect(10, b"0123456789")
    patch(upload, 10, REST, checksum_is("sha1", REST))
    upload.expect(100, b"0123456789" + REST)


# --- one in the trailer ---


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_right_trailer_is_acknowledged(endpoint, algorithm):
    """[69, 76] Of every algorithm, at the beginning and at the end, and of nothing [74]."""
    upload = endpoint.create(300_000)
    assert patch(upload, 0, CONTENT[:1000], checksum_is(algorithm, CONTENT[:1000])).field("Upload-Offset") == "1000"
    assert patch(upload, 1000, b"", checksum_is(algorithm, b"")).field("Upload-Offset") == "1000"
    rest = CONTENT[1000:300_000]
    assert patch(upload, 1000, rest, checksum_is(algorithm, rest)).field("Upload-Offset") == "300000"
    upload.expect(300_000, CONTENT[:300_000])
    assert upload.look().field("Upload-Expires") is None, "it is not complete"


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_wrong_trailer_discards_the_bytes(upload, algorithm):
    """[62, 71, 76, 78]"""
    with upload.unchanged():
        answer = patch(upload, 10, b"x" * 90, checksum_is(algorithm, REST), status=460)
        assert answer.field("Upload-Offset") == "10" and answer.field("Upload-Expires") is not None
        patch(upload, 10, b"", checksum_is(algorithm, REST), status=460)
    expect_rest_goes_on(upload)


@pytest.mark.parametrize("value", MALFORMED.values(), ids=list(MALFORMED))
def test_a_malformed_trailer_is_refused(upload, value):
    """[72, 77]"""
    with upload.unchanged():
        assert patch(upload, 10, REST, f"Upload-Checksum: {value}", status=400).text == SYNTAX
    expect_rest_goes_on(upload)


@pytest.mark.parametrize("value", UNKNOWN.values(), ids=list(UNKNOWN))
def test_an_unknown_algorithm_in_the_trailer_is_refused(upload, value):
    """[70, 77]"""
    with upload.unchanged():
        patch(upload, 10, REST, f"Upload-Checksum: {value}", status=400)
    expect_rest_goes_on(upload)


def test_a_trailer_that_comes_in_single_bytes(upload):
    """[76]"""
    with upload.endpoint.line() as line:
        line.send(request("PATCH", upload.path, *appends(10, ANNOUNCED), "Transfer-Encoding: chunked"), chunk(REST))
        for byte in trailers(checksum_is("sha1", REST)):
            line.send(bytes([byte])).wait_until_read()
        line.expect(204)
    upload.expect(100, b"0123456789" + REST)


def test_a_client_that_half_closes_behind_the_trailer_hears_the_answer(endpoint):
    """[76]"""
    for _ in range(10):
        upload = endpoint.create(1000)
        with endpoint.line() as line:
            line.send(request("PATCH", upload.path, *appends(0, ANNOUNCED), "Transfer-Encoding: chunked"),
                      chunk(CONTENT[:1000]), trailers(checksum_is("sha1", CONTENT[:1000])))
            line.half_close()
            assert line.expect(204).field("Upload-Offset") == "1000"


# --- how it is announced ---


@pytest.mark.parametrize("fields", [("Trailer: upload-checksum",), ("TRAILER: UPLOAD-CHECKSUM",),
                                    ("Trailer: Expires, Upload-Checksum",), ("Trailer: Upload-Checksum,X-A",),
                                    ("Trailer: ,, Upload-Checksum ,",), ("Trailer: X-A", "Trailer: Upload-Checksum")],
                         ids=lambda fields: " ".join(fields))
def test_an_announcement_is_a_list(upload, fields):
    """[76] RFC 9110, 6.6.2; and a wrong one of it is found."""
    with upload.unchanged():
        patch(upload, 10, REST, checksum_is("sha1", b"x"), fields=fields, status=460)
        patch(upload, 10, REST, fields=fields, status=400)
    patch(upload, 10, REST, checksum_is("sha1", REST), fields=fields)
    upload.expect(100, b"0123456789" + REST)


def test_a_trailer_that_does_not_come_is_missed(upload):
    """[77, 78] Whatever else is there."""
    with upload.unchanged():
        assert patch(upload, 10, REST, status=400).text == MISSING
        patch(upload, 10, REST, "X-A: a", "Upload-Checksums: x", status=400)
        patch(upload, 10, REST, fields=(ANNOUNCED, checksum_is("sha1", REST)), status=400)
    expect_rest_goes_on(upload)


def test_an_announcement_without_chunks_is_refused_before_the_body(upload):
    """[77] There is no place for a trailer."""
    for fields in ((ANNOUNCED,), (ANNOUNCED, checksum_is("sha1", REST))):
        with upload.endpoint.line() as line:
            line.send(header("PATCH", upload.path, *appends(10, *fields), "Expect: 100-continue", length=len(REST)))
            assert line.expect_next(400).text == MISSING
    expect_rest_goes_on(upload)


@pytest.mark.parametrize("fields", [(), ("Trailer: X-A",), ("Trailer: Upload-Checksums",), ("TE: trailers",)],
                         ids=lambda fields: " ".join(fields))
def test_a_trailer_that_was_not_announced_is_not_looked_at(endpoint, fields):
    """[76] tus has it announced. Bytes that nobody announced to verify count as they come, and may have been
    told already when the trailer is there: it is too late to take them back, and RFC 9110, 6.5.1, lets it be
    ignored."""
    upload = endpoint.create(1000)
    for value in (checksum("sha1", b"x"), "nonsense", checksum("sha1", b"ab")):
        offset = upload.offset()
        patch(upload, offset, b"ab", f"Upload-Checksum: {value}", fields=fields)
    upload.expect(6, b"ababab")
    patch(upload, 6, b"cd", checksum_is("sha1", b"x"), fields=(*fields, checksum_is("sha1", b"cd")))
    upload.expect(8, b"abababcd")


# --- header and trailer [77] ---


def test_the_same_in_header_and_trailer(upload):
    patch(upload, 10, REST[:30], checksum_is("sha1", REST[:30]), fields=(ANNOUNCED, checksum_is("sha1", REST[:30])))
    with upload.unchanged():
        patch(upload, 40, REST[30:], checksum_is("sha1", REST), fields=(ANNOUNCED, checksum_is("sha1", REST)), status=460)


def test_header_and_trailer_that_contradict_each_other(upload):
    """[77] 400, whichever is right: the client is confused, its bytes are not taken."""
    right, wrong = checksum_is("sha1", REST), checksum_is("sha1", b"x")
    with upload.unchanged():
        assert patch(upload, 10, REST, wrong, fields=(ANNOUNCED, right), status=400).text == SYNTAX
        patch(upload, 10, REST, right, fields=(ANNOUNCED, wrong), status=400)
        patch(upload, 10, REST, "Upload-Checksum: sha1", fields=(ANNOUNCED, right), status=400)
    expect_rest_goes_on(upload)


@pytest.mark.parametrize("first, second", [("sha1", "crc32"), ("crc32", "sha1"), ("blake2b", "sha256"), ("md5", "sha512")])
def test_header_and_trailer_of_two_algorithms_both_hold(upload, first, second):
    """[77]"""
    with upload.unchanged():
        patch(upload, 10, REST, checksum_is(second, b"x"), fields=(ANNOUNCED, checksum_is(first, REST)), status=460)
        patch(upload, 10, REST, checksum_is(second, REST), fields=(ANNOUNCED, checksum_is(first, b"x")), status=460)
    patch(upload, 10, REST, checksum_is(second, REST), fields=(ANNOUNCED, checksum_is(first, REST)))
    upload.expect(100, b"0123456789" + REST)


# --- odd trailers ---


RIGHT = checksum_is("sha1", REST)


@pytest.mark.parametrize("lines", [
    ("X-A: a", RIGHT), (RIGHT, "X-A: a"), (RIGHT.lower().replace("upload-checksum", "UPLOAD-checksum", 1)[:17] + RIGHT[17:],),
    (RIGHT.replace(": ", ":"),), (RIGHT.replace(": ", ": \t ") + " \t",),
    ("Upload-Offset: 0", "Upload-Length: 5", RIGHT), ("Content-Length: 5", "Transfer-Encoding: gzip", "Host: h", RIGHT),
    ("Tus-Resumable: 9.9.9", "X-HTTP-Method-Override: DELETE", "Trailer: x", RIGHT),
    tuple(f"X-{n}: {n}" for n in range(200)) + (RIGHT,), ("X-A: " + "a" * 60_000, RIGHT)],
    ids=["another before", "another behind", "in other case", "no blank", "blanks", "of this protocol", "forbidden",
         "for a header", "many", "a long one"])
def test_other_trailers_do_not_matter(upload, lines):
    """[76] RFC 9110, 6.5.1: what belongs into the header means nothing in a trailer."""
    patch(upload, 10, REST, *lines)
    upload.expect(100, b"0123456789" + REST)


@pytest.mark.parametrize("lines", [
    (RIGHT, RIGHT), (RIGHT, checksum_is("crc32", REST)), (RIGHT, checksum_is("sha1", b"x")),
    (RIGHT.replace("sha1 ", "sha1\r\n "),), (RIGHT.replace("Checksum:", "Checksum :"),),
    (" " + RIGHT,), (b"X-A: a\r\n " + RIGHT.encode() + b"\r\n",),
    (RIGHT.encode() + b"\0x\r\n",), (RIGHT.encode() + b"\x01\r\n",),
    (RIGHT.encode() + b"\r" + b"x\r\n",), (b"\xef\xbb\xbf" + RIGHT.encode() + b"\r\n",)],
    ids=["twice", "of two algorithms", "contradicting", "folded", "a blank before the colon", "a blank before the name",
         "in the line before", "NUL", "a control character", "CR", "a byte order mark"])
def test_what_is_no_field_is_no_trailer(upload, lines):
    """[77] Each 400: there is none that could be read."""
    with upload.unchanged():
        patch(upload, 10, REST, *lines, status=400)
    expect_rest_goes_on(upload)


@pytest.mark.parametrize("line, status", [(b"Upload-Checksum\r\n", 400), (b"X" * 300_000, 431),
                                          (b"X: y\r\n" * 30_000, 431)],
                         ids=["no colon", "no end", "too many"])
def test_trailers_that_the_library_refuses(upload, line, status):
    """[77] Though the right one comes first."""
    with upload.unchanged():
        with upload.endpoint.line() as one:
            one.send(request("PATCH", upload.path, *appends(10, ANNOUNCED), "Transfer-Encoding: chunked"), chunk(REST))
            one.send_whatever(trailers(RIGHT, line))
            assert one.next_answer().status == status
            one.read_until_closed()
        upload.head()
    expect_rest_goes_on(upload)


# --- lengths and interruptions ---


def test_a_length_is_stated_by_a_right_trailer_alone(endpoint):
    """[47, 78]"""
    upload = endpoint.deferred()
    with upload.unchanged():
        patch(upload, 0, b"abd", checksum_is("sha1", b"abc"), fields=(ANNOUNCED, length_is(3)), status=460)
        patch(upload, 0, b"abc", fields=(ANNOUNCED, length_is(3)), status=400)
    patch(upload, 0, b"abc", checksum_is("sha1", b"abc"), fields=(ANNOUNCED, length_is(3)))
    upload.expect(3, b"abc")
    assert upload.look().field("Upload-Expires") is None, "it is not complete"


def test_a_body_beyond_the_length_is_refused_as_a_whole(upload):
    """[29, 78]"""
    with upload.unchanged():
        patch(upload, 10, REST + b"x", checksum_is("sha1", REST + b"x"), status=413)
    expect_rest_goes_on(upload)


def begin(upload, line, body, end):
    line.send(request("PATCH", upload.path, *appends(0, ANNOUNCED), "Transfer-Encoding: chunked"), chunk(body), end)
    line.wait_until_read()


@pytest.mark.parametrize("cut", ["before the end", "before the trailer", "in the trailer", "before the last line"])
@pytest.mark.parametrize("count", [1000, 3_000_000])
def test_a_request_that_breaks_before_its_trailer_has_ended_keeps_nothing(endpoint, cut, count):
    """[73, 78]"""
    end = trailers(checksum_is("sha1", CONTENT[:count]))
    end = {"before the end": b"", "before the trailer": b"0\r\n", "in the trailer": end[:30],
           "before the last line": end[:-2]}[cut]
    upload = endpoint.create(len(CONTENT))
    with endpoint.line() as line:
        begin(upload, line, CONTENT[:count], end)
        line.half_close()
        line.read_until_closed()
    assert upload.head().field("Upload-Offset") == "0"
    upload.expect(0, b"")


def test_of_a_request_that_sigkill_ends_before_its_trailer_nothing_counts(endpoints):
    """[73, 78]"""
    endpoint = endpoints()
    upload = endpoint.create(len(CONTENT))
    line = endpoint.line()
    begin(upload, line, CONTENT[:-1], b"0\r\n")
    upload.wait_for_bytes(len(CONTENT) - 1)
    assert upload.offset() == 0
    endpoint.crash()
    line.close()
    endpoint.start()
    assert upload.head().field("Upload-Offset") == "0"
    upload.expect(0, b"")
    patch(upload, 0, CONTENT, checksum_is("sha1", CONTENT))
    upload.expect(len(CONTENT), CONTENT)


@pytest.mark.parametrize("algorithm", ["sha1", "blake2b"])
def test_a_chunk_with_a_trailer_may_be_longer_than_memory(endpoints, algorithm):
    """[71, 78] 64 MiB with 4 MiB of buffers; its algorithm is known when all bytes are there."""
    endpoint = endpoints("--buffer-memory", "4M")
    content = pattern(64 * MIB)
    upload = endpoint.create(len(content))
    patch(upload, 0, content, checksum_is(algorithm, content[:-1]), status=460)
    upload.expect(0, b"")
    patch(upload, 0, content, checksum_is(algorithm, content))
    upload.expect(len(content), content)


# --- creation with upload [60] ---


def create(endpoint, body, *lines, length, status, fields=(ANNOUNCED,)):
    with endpoint.line() as line:
        line.send(request("POST", "/files/", VERSION, OCTETS, length, *fields, "Transfer-Encoding: chunked"),
                  *([chunk(body)] if body else []), trailers(*lines))
        return check_general(line.expect(status))


def test_a_creation_may_have_a_trailer(endpoint):
    """[60, 76]"""
    for body, length in ((b"abc", length_is(10)), (b"abc", length_is(3)), (b"", length_is(0)),
                         (CONTENT[:700_000], "Upload-Defer-Length: 1")):
        answer = create(endpoint, body, checksum_is("sha1", body), length=length, status=201)
        assert answer.field("Upload-Offset") == str(len(body))
        Upload(endpoint, answer).expect(len(body), body)


def test_a_creation_whose_trailer_is_wrong_creates_nothing(endpoint):
    """[60, 77]"""
    right, wrong = checksum_is("sha1", b"abc"), checksum_is("sha1", b"x")
    with endpoint.nothing_left():
        for lines, fields, status in (((wrong,), (), 460), ((), (), 400), (("Upload-Checksum: sha1",), (), 400),
                                      (("Upload-Checksum: sha3 AA==",), (), 400), ((right, right), (), 400),
                                      ((wrong,), (right,), 400), ((checksum_is("md5", b"x"),), (right,), 460)):
            answer = create(endpoint, b"abc", *lines, length=length_is(3), fields=(ANNOUNCED, *fields), status=status)
            assert answer.field("Location") is None
