"""
tus 1.0.0, "Creation" and "Creation With Upload"

Numbers in brackets are those of spec/tus.md.
"""

import pytest

from conversation import eventually, header, request
from endpoint import (OCTETS, VERSION, Endpoint, Upload, b64, check_general, endpoint, endpoints, follow_up,
                      length_is, pattern)

LONGEST = 2**63 - 1


# --- creation [34-43] ---


@pytest.mark.parametrize("length", [1, 2, 10, 2**31, 2**32, 2**53 + 1, LONGEST])
def test_a_creation_is_acknowledged_with_the_place_of_the_upload(endpoint, length):
    """[34, 35] 201 and Location; there is the upload, empty, of the length that was told."""
    upload = endpoint.create(length)
    assert upload.answer.field("Content-Length") == "0"
    answer = upload.head()
    assert answer.field("Upload-Offset") == "0"
    assert answer.field("Upload-Length") == str(length)
    assert answer.field("Upload-Defer-Length") is None
    assert answer.field("Upload-Metadata") is None
    assert upload.patch(0, b"a").field("Upload-Offset") == "1"
    assert upload.head().field("Upload-Length") == str(length)


def test_no_two_uploads_have_the_same_place(endpoint):
    assert len({endpoint.create(1).path for _ in range(50)}) == 50


def test_the_place_is_below_the_configured_path(endpoints):
    """[34] And is used as it is told."""
    endpoint = endpoints("--base-path", "/a/b/", base_path="/a/b/")
    upload = endpoint.create(3)
    assert upload.path.startswith("/a/b/")
    upload.patch(0, b"abc")
    upload.expect(3, b"abc")
    with endpoint.line() as line:
        line.send(request("POST", "/files/", VERSION, length_is(3)))
        line.expect(404)


def test_no_length_at_all_and_two_at_once_are_refused(endpoint):
    """[36]"""
    with endpoint.nothing_created():
        endpoint.ask("POST", "/files/", VERSION, status=400)
        endpoint.ask("POST", "/files/", VERSION, OCTETS, body=b"abc", status=400)
        endpoint.ask("POST", "/files/", VERSION, length_is(3), "Upload-Defer-Length: 1", status=400)
        endpoint.ask("POST", "/files/", VERSION, length_is(0), "Upload-Defer-Length: 1", status=400)


@pytest.mark.parametrize("fields", [(), (OCTETS,)])
def test_an_upload_of_nothing_is_complete_at_once(endpoint, fields):
    """[37, table S] Without an append; an empty one does no harm."""
    upload = endpoint.create(0, *fields)
    answer = upload.head()
    assert answer.field("Upload-Offset") == "0" and answer.field("Upload-Length") == "0"
    assert answer.field("Upload-Expires") is None, "it is not complete"
    assert upload.patch(0).field("Upload-Offset") == "0"
    upload.patch(0, b"a", status=413)
    upload.expect(0, b"")


def test_a_larger_upload_than_the_server_takes_is_refused(endpoints):
    """[38]"""
    endpoint = endpoints("--max-size", "1000")
    with endpoint.nothing_created():
        for length in (1001, 10**6, LONGEST):
            endpoint.ask("POST", "/files/", VERSION, length_is(length), status=413)
            endpoint.ask("POST", "/files/", VERSION, OCTETS, length_is(length), body=b"abc", status=413)
    upload = endpoint.create(1000)
    upload.patch(0, bytes(1000))
    upload.expect(1000, bytes(1000))


METADATA = [
    "filename d29ybGRfZG9taW5hdGlvbl9wbGFuLnBkZg==,is_confidential",
    "filename d29ybGRfZG9taW5hdGlvbl9wbGFuLnBkZg==,is_confidential ,a YQ==",
    "a", "a ,b", "b YQ==,a Yg==", "A YQ==,a YQ==", "key-with.odd_chars!? YQ==",
    "filename " + b64("ünï \r\n\0/../etc/passwd"),
    "a " + b64("x" * 3000), ",".join(f"key{n} YQ==" for n in range(100)),
    "a YQ==, b Yg==",
]


@pytest.mark.parametrize("metadata", METADATA, ids=lambda metadata: metadata[:30])
def test_metadata_comes_back_as_it_was_sent(endpoint, metadata):
    """[39, 40, 42, table E] To the byte, also when the upload is under way and when it is complete."""
    upload = endpoint.create(6, f"Upload-Metadata: {metadata}")
    assert upload.head().field("Upload-Metadata") == metadata
    upload.patch(0, b"abc")
    assert upload.head().field("Upload-Metadata") == metadata
    upload.patch(3, b"def")
    assert upload.look().field("Upload-Metadata") == metadata


def test_a_blank_behind_the_last_key_is_lost_at_most(endpoint):
    """[40] "The value MAY be empty": the blank is legal there; HTTP lets nobody see it at the end."""
    upload = endpoint.create(6, "Upload-Metadata: a YQ==,is_confidential ")
    assert upload.head().field("Upload-Metadata").rstrip() == "a YQ==,is_confidential"


@pytest.mark.parametrize("value", ["", " ", "\t"])
def test_empty_metadata_is_none(endpoint, value):
    """[41] Two deployed clients send that."""
    upload = endpoint.create(3, f"Upload-Metadata:{value}")
    assert not upload.head().field("Upload-Metadata")


def test_metadata_never_becomes_a_field_or_a_path(endpoint):
    """[42] What is decoded is not used; what is encoded cannot break out."""
    before = endpoint.files()
    upload = endpoint.create(3, "Upload-Metadata: filename " + b64("../../x\r\nX-Evil: 1"))
    upload.patch(0, b"abc")
    assert upload.head().field("X-Evil") is None
    assert endpoint.files() - before == {upload.id}


def test_a_creation_without_room_on_the_disk_is_refused(endpoints):
    """[43] 507 and nothing created: test_starting has what goes on working."""
    endpoint = endpoints("--min-free", "1000T")
    with endpoint.nothing_created():
        answer = endpoint.ask("POST", "/files/", VERSION, length_is(3), status=507)
        assert answer.field("Location") is None


def test_creations_follow_each_other_on_one_connection(endpoint):
    with endpoint.line() as line:
        line.send(*(request("POST", "/files/", VERSION, length_is(n)) for n in range(20)))
        for n in range(20):
            upload = Upload(endpoint, line.expect(201))
            assert upload.head().field("Upload-Length") == str(n)
        follow_up(line)


# --- creation with upload [53-60] ---


@pytest.mark.parametrize("body", [b"a", b"0123456789", pattern(100)])
def test_a_creation_may_bring_the_first_bytes(endpoint, body):
    """[53, 56] 201, Location, and Upload-Offset is what was stored."""
    upload = endpoint.create(100, OCTETS, body=body)
    assert upload.answer.field("Upload-Offset") == str(len(body))
    assert upload.head().field("Upload-Length") == "100"
    upload.expect(len(body), body)
    if len(body) < 100:
        upload.patch(len(body), bytes(100 - len(body)))
    upload.expect(100, body.ljust(100, b"\0"))
    assert upload.look().field("Upload-Expires") is None, "it is not complete"


def test_a_creation_may_bring_a_large_upload_whole(endpoint):
    """[53]"""
    content = pattern(5_000_000)
    upload = endpoint.create(len(content), OCTETS, body=content)
    upload.expect(len(content), content)


def test_a_creation_may_bring_chunks(endpoint):
    """[53]"""
    content = pattern(1000)
    answer = endpoint.ask("POST", "/files/", VERSION, OCTETS, length_is(2000),
                          chunks=[content[:1], content[1:600], content[600:]], status=201)
    assert answer.field("Upload-Offset") == "1000"
    Upload(endpoint, answer).expect(1000, content)


@pytest.mark.parametrize("body, chunks", [(b"", None), (None, None), (None, [])])
def test_a_creation_may_bring_nothing(endpoint, body, chunks):
    """[54] Upload-Offset is told nevertheless: a client reads it."""
    answer = endpoint.ask("POST", "/files/", VERSION, OCTETS, length_is(3), body=body, chunks=chunks, status=201)
    assert answer.field("Upload-Offset") == "0"
    Upload(endpoint, answer).patch(0, b"abc")


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/octet-stream", ""])
@pytest.mark.parametrize("size", [3, 100_000, 3_000_000])
def test_a_body_of_another_type_is_ignored(endpoint, content_type, size):
    """[55] The upload is empty, and the client hears so even if it sends much, even more than the length."""
    fields = () if content_type is None else (f"Content-Type: {content_type}",)
    with endpoint.line() as line:
        line.send(header("POST", "/files/", VERSION, length_is(100), *fields, length=size), pattern(size))
        upload = Upload(endpoint, check_general(line.expect(201)))
    assert upload.answer.field("Upload-Offset") in (None, "0")
    upload.expect(0, b"")


def test_a_small_body_of_another_type_does_not_end_the_connection(endpoint):
    """[55]"""
    with endpoint.line() as line:
        line.send(request("POST", "/files/", VERSION, length_is(3), body=b"abc"))
        line.expect(201)
        follow_up(line)


def test_a_client_that_asks_first_is_told_to_go_on(endpoint):
    """[57]"""
    with endpoint.line() as line:
        line.send(header("POST", "/files/", VERSION, OCTETS, length_is(5), "Expect: 100-continue", length=5))
        line.expect_next(100)
        line.send(b"abcde")
        upload = Upload(endpoint, line.expect_next(201))
        follow_up(line)
    upload.expect(5, b"abcde")


REFUSED = [
    ("another version", ("Tus-Resumable: 0.2", OCTETS, length_is(5)), 412),
    ("no version", (OCTETS, length_is(5)), 412),
    ("no length", (VERSION, OCTETS), 400),
    ("a wrong length", (VERSION, OCTETS, length_is(-1)), 400),
    ("a wrong deferral", (VERSION, OCTETS, "Upload-Defer-Length: 2"), 400),
    ("both lengths", (VERSION, OCTETS, length_is(5), "Upload-Defer-Length: 1"), 400),
    ("wrong metadata", (VERSION, OCTETS, length_is(5), "Upload-Metadata: a b"), 400),
    ("a larger upload", (VERSION, OCTETS, length_is(100_000_001)), 413),
    ("a longer body", (VERSION, OCTETS, length_is(4)), 413),
    ("a longer body for nothing", (VERSION, OCTETS, length_is(0)), 413),
]
REFUSAL_IDS = [row[0] for row in REFUSED]


@pytest.fixture(scope="module")
def bounded(module_servers, tmp_path_factory):
    return Endpoint(module_servers, tmp_path_factory.mktemp("bounded"), "--max-size", "100000000")


@pytest.mark.parametrize("why, fields, status", REFUSED, ids=REFUSAL_IDS)
def test_a_refused_client_that_asks_first_is_not_told_to_go_on(bounded, why, fields, status):
    """[57] And nothing is created."""
    with bounded.nothing_created(), bounded.line() as line:
        line.send(header("POST", "/files/", *fields, "Expect: 100-continue", length=5))
        answer = check_general(line.expect_next(status))
        assert answer.field("Location") is None
        line.expect_closed()


@pytest.mark.parametrize("why, fields, status", REFUSED, ids=REFUSAL_IDS)
def test_after_a_refusal_the_connection_goes_on(bounded, why, fields, status):
    with bounded.nothing_created(), bounded.line() as line:
        line.send(request("POST", "/files/", *fields, body=b"abcde") * 2)
        check_general(line.expect(status))
        check_general(line.expect(status))
        follow_up(line)


@pytest.mark.parametrize("why, fields, status", REFUSED, ids=REFUSAL_IDS)
def test_a_refusal_reaches_a_client_that_sends_much(bounded, why, fields, status):
    with bounded.nothing_created(), bounded.line() as line:
        line.send(header("POST", "/files/", *fields, length=2_000_000), pattern(2_000_000))
        check_general(line.expect(status))


def test_of_chunks_that_are_too_many_those_that_fit_are_stored(endpoint):
    """[58] The place is told with the refusal: the upload is there, and complete."""
    answer = endpoint.ask("POST", "/files/", VERSION, OCTETS, length_is(5), chunks=[b"abc", b"defgh"], status=413)
    upload = Upload(endpoint, answer)
    assert answer.field("Upload-Offset") == "5"
    upload.expect(5, b"abcde")


def test_chunks_for_an_upload_of_nothing_are_refused(endpoint):
    """[37, 58]"""
    answer = endpoint.ask("POST", "/files/", VERSION, OCTETS, length_is(0), chunks=[b"abc"], status=413)
    Upload(endpoint, answer).expect(0, b"")


@pytest.mark.parametrize("deferred", [False, True])
def test_an_interrupted_creation_leaves_an_upload(endpoint, deferred):
    """[59] Nobody knows where it is, but it is complete in itself, and will expire."""
    before = endpoint.rows()
    content = pattern(40_000)
    length = "Upload-Defer-Length: 1" if deferred else length_is(100_000)
    with endpoint.line() as line:
        line.send(header("POST", "/files/", VERSION, OCTETS, length, length=100_000), content)
    created = eventually("a new upload", lambda: endpoint.rows() - before)
    upload = Upload(endpoint, path="/files/" + created.pop())
    eventually("all bytes count", lambda: upload.offset() == len(content))
    upload.expect(len(content), content)
    assert upload.head().field("Upload-Expires")


def test_metadata_and_bytes_may_come_together(endpoint):
    """[39, 53]"""
    upload = endpoint.create(3, OCTETS, "Upload-Metadata: a YQ==", body=b"abc")
    assert upload.head().field("Upload-Metadata") == "a YQ=="
    upload.expect(3, b"abc")
