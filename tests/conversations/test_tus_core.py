"""
tus 1.0.0, "Core Protocol": version, HEAD, PATCH, X-HTTP-Method-Override

Numbers in brackets are those of spec/tus.md.
"""

import pytest

from conversation import chunk, header, request
from endpoint import (OCTETS, VERSION, appends, check_general, endpoint, follow_up,
                      length_is, offset_is, pattern, upload)

UNKNOWN = "/files/" + 32 * "0"


# --- the version [1-4] ---


@pytest.mark.parametrize("method, target, fields, status", [
    ("POST", "/files/", (VERSION, length_is(3)), 201),
    ("POST", "/files/", (VERSION,), 400),
    ("POST", "/files/", (length_is(3),), 412),
    ("HEAD", UNKNOWN, (VERSION,), 404),
    ("PATCH", UNKNOWN, appends(0), 404),
    ("DELETE", UNKNOWN, (VERSION,), 404),
    ("PUT", UNKNOWN, (VERSION,), 405),
    ("PUT", "/files/", (VERSION,), 405),
    ("POST", "/files/a/b", (VERSION,), 404),
    ("PATCH", "/files/%00", (VERSION, OCTETS, offset_is(0)), 404),
    ("POST", "/files/", (VERSION, length_is(3), "Expect: a-miracle"), 417),
])
def test_every_answer_names_the_version(endpoint, method, target, fields, status):
    """[1] Answers and refusals alike; test_tus_bad_input has more of them."""
    endpoint.ask(method, target, *fields, status=status)  # which checks it


def test_an_answer_to_what_is_no_message_names_the_version(endpoint):
    """[1] Raised before there is a path to be routed by."""
    with endpoint.line() as line:
        line.send(b"POST /files/ HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\n"
                  b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
        check_general(line.expect(400))
        line.expect_closed()


def test_every_answer_about_an_upload_names_the_version(endpoint, upload):
    """[1]"""
    check_general(upload.patch(10, b"abc"))
    check_general(upload.head())
    check_general(upload.patch(10, b"abc", status=409))
    check_general(upload.delete())


WRONG_VERSIONS = ["0.2.2", "2.0.0", "1.0.1", "1.0", "1", "1.0.0.0", "v1.0.0", "1.0.0, 1.0.0", "01.0.0",
                  "1.0.00", "0.2.2, 1.0.0", '"1.0.0"', "", "*"]


@pytest.mark.parametrize("version", WRONG_VERSIONS)
def test_another_version_is_refused_and_nothing_happens(endpoint, upload, version):
    """[2] 412 and Tus-Version on every method, whatever else is right or wrong."""
    field = f"Tus-Resumable: {version}"
    with upload.unchanged(), endpoint.nothing_created():
        endpoint.ask("POST", "/files/", field, length_is(3), status=412)
        endpoint.ask("POST", "/files/", field, length_is(3), OCTETS, body=b"abc", status=412)
        endpoint.ask("HEAD", upload.path, field, status=412)
        endpoint.ask("PATCH", upload.path, field, OCTETS, offset_is(10), body=b"abc", status=412)
        endpoint.ask("PATCH", upload.path, field, body=b"abc", status=412)
        endpoint.ask("DELETE", upload.path, field, status=412)
        endpoint.ask("POST", upload.path, field, OCTETS, offset_is(10), "X-HTTP-Method-Override: PATCH",
                     body=b"abc", status=412)
        endpoint.ask("PATCH", UNKNOWN, field, OCTETS, offset_is(10), status=412)


def test_a_request_without_a_version_is_refused_and_nothing_happens(endpoint, upload):
    """[3] POST, PATCH and DELETE."""
    with upload.unchanged(), endpoint.nothing_created():
        endpoint.ask("POST", "/files/", length_is(3), status=412)
        endpoint.ask("POST", "/files/", length_is(3), OCTETS, body=b"abc", status=412)
        endpoint.ask("PATCH", upload.path, OCTETS, offset_is(10), body=b"abc", status=412)
        endpoint.ask("DELETE", upload.path, status=412)
        endpoint.ask("POST", upload.path, "X-HTTP-Method-Override: DELETE", status=412)


def test_looking_at_an_upload_needs_no_version(upload):
    """[3, table A]"""
    assert upload.look().field("Upload-Offset") == "10"


def test_the_name_of_a_field_may_be_in_any_case(endpoint, upload):
    """[table A] One deployed client sends TUS-Resumable."""
    endpoint.ask("PATCH", upload.path, "TUS-RESUMABLE: 1.0.0", "content-type: application/offset+octet-stream",
                 "upload-offset: 10", body=b"abc", status=204)
    assert upload.offset() == 13


# --- HEAD [11, 13-18] ---


def test_head_tells_the_offset_at_the_beginning_in_the_middle_and_at_the_end(endpoint):
    """[13, 14, 15, 16] Always Upload-Offset and, as the length is known, Upload-Length; 200, not cached."""
    upload = endpoint.create(10)
    for offset, body in ((0, b"abc"), (3, b"defghij"), (10, b"")):
        answer = upload.head()
        assert answer.field("Upload-Offset") == str(offset)
        assert answer.field("Upload-Length") == "10"
        assert answer.field("Upload-Defer-Length") is None
        assert answer.field("Cache-Control") == "no-store"
        assert answer.field("Content-Length") == ("10" if offset == 10 else "0")  # as a GET would have
        assert upload.patch(offset, body).field("Upload-Offset") == str(offset + len(body))


def test_head_tells_no_length_as_long_as_nobody_knows_it(endpoint):
    """[14]"""
    answer = endpoint.deferred().head()
    assert answer.field("Upload-Length") is None
    assert answer.field("Upload-Offset") == "0"


def test_head_tells_a_looking_client_the_same(upload):
    """[13-16]"""
    assert upload.look().lasting == upload.head().lasting


NOT_THERE = [UNKNOWN, "/files/nothing", "/files/" + 31 * "0", "/files/" + 33 * "0"]


@pytest.mark.parametrize("target", NOT_THERE)
@pytest.mark.parametrize("method", ["HEAD", "PATCH", "DELETE"])
def test_an_upload_that_is_not_there_is_404(endpoint, method, target):
    """[11, 17, 24] Without Upload-Offset, which one client takes for success; not cached either."""
    answer = endpoint.ask(method, target, *appends(0), status=404)
    assert answer.field("Upload-Offset") is None
    assert answer.field("Upload-Length") is None
    assert answer.field("Cache-Control") == "no-store"


def test_the_offset_that_head_tells_is_accepted_by_the_next_append(endpoint):
    """[18] Whole and broken appends in turn."""
    upload = endpoint.create(1000)
    content = pattern(1000)
    offset = 0
    for round in range(10):
        with endpoint.line() as line:
            upload.begin(line, offset, 100, content[offset:offset + 37])
            upload.wait_for_bytes(offset + 37)
        offset = int(upload.head().field("Upload-Offset"))
        upload.patch(offset, content[offset:offset + 13])
        offset += 13
    upload.expect(offset, content[:offset])
    assert offset == 10 * (37 + 13)


# --- methods [9, 12] ---


def test_another_method_is_refused_and_the_answer_names_those_that_work(endpoint, upload):
    """[12]"""
    with upload.unchanged(), endpoint.nothing_created():
        for method in ("PUT", "POST", "TRACE", "PROPFIND", "patch", "Head"):
            allow = endpoint.ask(method, upload.path, *appends(10), status=405).field("Allow")
            assert {"HEAD", "PATCH", "DELETE", "OPTIONS"} <= set(allow.split(", "))
        for method in ("PUT", "PATCH", "DELETE", "HEAD", "post"):
            allow = endpoint.ask(method, "/files/", *appends(0), status=405).field("Allow")
            assert {"POST", "OPTIONS"} <= set(allow.split(", "))
            assert "PATCH" not in allow


@pytest.mark.parametrize("actual", ["POST", "PUT", "GET", "PATCH", "DELETE", "HEAD"])
def test_the_method_of_the_override_is_the_one_that_counts(endpoint, actual):
    """[9, table B] The actual one is ignored, whatever it is."""
    upload = endpoint.create(20)

    def override(method, *fields, status, body=None):
        with endpoint.line() as line:
            line.send(request(actual, upload.path, VERSION, f"X-HTTP-Method-Override: {method}", *fields,
                              body=body))
            answer = check_general(line.expect(status, method=actual), method=actual)
            follow_up(line)
            return answer

    answer = override("PATCH", OCTETS, offset_is(0), body=b"0123456789", status=204)
    assert answer.field("Upload-Offset") == "10"
    assert override("PATCH", OCTETS, offset_is(0), body=b"abc", status=409)
    assert override("PATCH", offset_is(10), body=b"abc", status=415)
    answer = override("HEAD", status=200)
    assert answer.field("Upload-Offset") == "10" and answer.field("Upload-Length") == "20"
    assert answer.body == b""
    upload.expect(10, b"0123456789")
    override("DELETE", status=204)
    with endpoint.line() as line:
        line.send(request("HEAD", upload.path))
        assert line.next_answer("HEAD").status in (404, 410)


def test_an_override_creates_and_tells_what_there_is_too(endpoint):
    """[9]"""
    answer = endpoint.ask("PUT", "/files/", VERSION, length_is(3), "X-HTTP-Method-Override: POST", status=201)
    assert answer.field("Location")
    answer = endpoint.ask("POST", "/files/", "X-HTTP-Method-Override: OPTIONS", status=200)
    assert answer.field("Tus-Version") == "1.0.0"


# --- PATCH [19-32] ---


@pytest.mark.parametrize("content_type", [
    None, "", "application/octet-stream", "application/offset+octet-strea", "application/offset+octet-streams",
    "text/plain", "application/offset octet-stream", "application/partial-upload",
    "text/plain; application/offset+octet-stream", "application/offset+octet-stream, text/plain", "*/*"])
def test_other_content_is_refused_and_nothing_happens(endpoint, upload, content_type):
    """[19, table J]"""
    fields = (VERSION, offset_is(10)) + (() if content_type is None else (f"Content-Type: {content_type}",))
    with upload.unchanged():
        endpoint.ask("PATCH", upload.path, *fields, body=b"abc", status=415)


@pytest.mark.parametrize("content_type", [
    "Application/OFFSET+octet-Stream", "application/offset+octet-stream; charset=binary",
    "application/offset+octet-stream;charset=utf-8", "application/offset+octet-stream ; a=b",
    'application/offset+octet-stream; a="b; c"'])
def test_case_and_parameters_of_the_content_type_do_not_matter(endpoint, upload, content_type):
    """[20]"""
    endpoint.ask("PATCH", upload.path, VERSION, offset_is(10), f"Content-Type: {content_type}", body=b"abc",
                 status=204)
    upload.expect(13, b"0123456789abc")


def test_an_append_without_an_offset_is_refused(endpoint, upload):
    """[21, table K] Wrong ones: test_tus_bad_input."""
    with upload.unchanged():
        endpoint.ask("PATCH", upload.path, VERSION, OCTETS, body=b"abc", status=400)


@pytest.mark.parametrize("offset", [0, 9, 11, 99, 100, 101, 2**63 - 1])
@pytest.mark.parametrize("body", [b"", b"abc"])
def test_an_append_elsewhere_is_refused_and_nothing_happens(upload, offset, body):
    """[22] And the answer tells where the upload ends."""
    with upload.unchanged():
        answer = upload.patch(offset, body, status=409)
        assert answer.field("Upload-Offset") == "10"


def test_an_append_is_acknowledged_by_the_new_offset(endpoint):
    """[23] 204, no body, no length; and the bytes are there."""
    upload = endpoint.create(30)
    content = b""
    for piece in (b"a", b"bc", b"", b"0123456789", b"\0\xff\r\n\r\n0\r\n\r\n", b"rest"):
        answer = upload.patch(len(content), piece)
        content += piece
        assert answer.field("Upload-Offset") == str(len(content))
        assert answer.field("Content-Length") is None and answer.body == b""
        assert answer.field("Content-Type") is None
        assert upload.bytes_on_disk()[:len(content)] == content
    upload.expect(len(content), content)


@pytest.mark.parametrize("chunks", [
    (b"abc",), (b"a", b"b", b"c"), (b"",)[:0], tuple(bytes([n]) for n in range(90)),
    (pattern(30), pattern(30), pattern(30))])
def test_an_append_may_be_chunked(upload, chunks):
    """[27, table I]"""
    content = b"".join(chunks)
    answer = upload.patch_chunked(10, *chunks)
    assert answer.field("Upload-Offset") == str(10 + len(content))
    upload.expect(10 + len(content), b"0123456789" + content)


def test_a_long_append_may_be_chunked(endpoint):
    """[27] As one client always sends them."""
    content = pattern(3_000_000)
    upload = endpoint.create(len(content))
    upload.patch_chunked(0, *(content[i:i + 65537] for i in range(0, len(content), 65537)))
    upload.expect(len(content), content)


def test_a_client_that_asks_first_is_told_to_go_on(endpoint, upload):
    """[28] 100 once the append is accepted, never before."""
    with endpoint.line() as line:
        line.send(header("PATCH", upload.path, *appends(10), "Expect: 100-continue", length=5))
        line.expect_next(100)
        line.send(b"abcde")
        assert line.expect_next(204).field("Upload-Offset") == "15"
        follow_up(line)
    upload.expect(15, b"0123456789abcde")


def test_a_client_that_asks_first_may_send_chunks(endpoint, upload):
    """[27, 28]"""
    with endpoint.line() as line:
        line.send(request("PATCH", upload.path, *appends(10), "Expect: 100-continue",
                          "Transfer-Encoding: chunked"))
        line.expect_next(100)
        line.send(chunk(b"abc"), chunk(b"de"), b"0\r\n\r\n")
        assert line.expect_next(204).field("Upload-Offset") == "15"
    upload.expect(15, b"0123456789abcde")


REFUSED_APPENDS = [
    ("another version", ("Tus-Resumable: 2.0.0", OCTETS, offset_is(10)), 412),
    ("no version", (OCTETS, offset_is(10)), 412),
    ("other content", (VERSION, offset_is(10), "Content-Type: text/plain"), 415),
    ("no offset", (VERSION, OCTETS), 400),
    ("a wrong offset", appends(-1), 400),
    ("an offset below", appends(3), 409),
    ("an offset above", appends(11), 409),
    ("another length", appends(10, length_is(99)), 400),
    ("a length that is none", appends(10, length_is("x")), 400),
]
REFUSAL_IDS = [row[0] for row in REFUSED_APPENDS]


@pytest.mark.parametrize("why, fields, status", REFUSED_APPENDS, ids=REFUSAL_IDS)
@pytest.mark.parametrize("framing", ["a length", "chunks"])
def test_a_refused_client_that_asks_first_is_not_told_to_go_on(endpoint, upload, why, fields, status, framing):
    """[28]"""
    with upload.unchanged(), endpoint.line() as line:
        if framing == "chunks":
            line.send(request("PATCH", upload.path, *fields, "Expect: 100-continue", "Transfer-Encoding: chunked"))
        else:
            line.send(header("PATCH", upload.path, *fields, "Expect: 100-continue", length=50))
        check_general(line.expect_next(status))
        line.expect_closed()


@pytest.mark.parametrize("why, fields, status", REFUSED_APPENDS, ids=REFUSAL_IDS)
def test_after_a_refusal_the_connection_goes_on(endpoint, upload, why, fields, status):
    """What follows in the same breath is answered, too."""
    with upload.unchanged(), endpoint.line() as line:
        line.send(request("PATCH", upload.path, *fields, body=b"abc") * 3)
        for _ in range(3):
            check_general(line.expect(status))
        follow_up(line)


@pytest.mark.parametrize("why, fields, status", REFUSED_APPENDS, ids=REFUSAL_IDS)
@pytest.mark.parametrize("size", [200_000, 3_000_000])
def test_a_refusal_reaches_a_client_that_sends_much(endpoint, why, fields, status, size):
    """One that listens only when it has sent all: it is not reset before it has heard why."""
    upload = endpoint.create(5_000_000)
    upload.patch(0, b"0123456789")
    with upload.unchanged(), endpoint.line() as line:
        line.send(header("PATCH", upload.path, *fields, length=size), pattern(size))
        check_general(line.expect(status))


@pytest.mark.parametrize("why, fields, status", REFUSED_APPENDS, ids=REFUSAL_IDS)
def test_after_a_refused_chunked_append_the_connection_ends(endpoint, upload, why, fields, status):
    with upload.unchanged(), endpoint.line() as line:
        line.send(request("PATCH", upload.path, *fields, chunks=[b"abc", b"def"]))
        check_general(line.expect(status))
        line.expect_closed()


def test_what_is_wrong_is_said_in_the_order_of_the_checks(endpoint, upload):
    """[6.9 of the requirements] Version, content type, syntax, existence, offset, lengths."""
    with upload.unchanged():
        endpoint.ask("PATCH", UNKNOWN, status=412)
        endpoint.ask("PATCH", UNKNOWN, VERSION, status=415)
        endpoint.ask("PATCH", UNKNOWN, VERSION, OCTETS, status=400)
        endpoint.ask("PATCH", UNKNOWN, *appends(7, length_is(3)), body=b"abc", status=404)
        endpoint.ask("PATCH", upload.path, *appends(7, length_is(3)), body=bytes(200), status=409)
        endpoint.ask("PATCH", upload.path, *appends(10, length_is(3)), body=bytes(200), status=400)
        endpoint.ask("PATCH", upload.path, *appends(10, length_is(100)), body=bytes(200), status=413)


@pytest.mark.parametrize("size", [91, 200, 100_000])
def test_an_append_that_states_to_be_too_long_is_refused_whole(upload, size):
    """[29, table H] Nothing of it is stored."""
    with upload.unchanged():
        upload.patch(10, bytes(size), status=413)


def test_an_append_that_is_too_long_is_refused_before_its_body(endpoint, upload):
    """[28, 29]"""
    with upload.unchanged(), endpoint.line() as line:
        line.send(header("PATCH", upload.path, *appends(10), "Expect: 100-continue", length=91))
        check_general(line.expect_next(413))


@pytest.mark.parametrize("chunks", [(bytes(91),), (bytes(90), b"x"), (bytes(50), bytes(50)), (pattern(2000),)])
def test_of_chunks_that_are_too_many_those_that_fit_are_stored(upload, chunks):
    """[29, table H] Then 413, and the upload is complete."""
    answer = upload.patch_chunked(10, *chunks, status=413)
    assert answer.field("Upload-Offset") == "100"
    upload.expect(100, b"0123456789" + b"".join(chunks)[:90])
    upload.patch(100)


def test_very_many_chunks_too_many_are_refused(endpoint):
    """[29]"""
    content = pattern(1_500_000)
    upload = endpoint.create(1_000_000)
    with endpoint.line() as line:
        line.send(request("PATCH", upload.path, *appends(0), "Transfer-Encoding: chunked"))
        line.send_whatever(b"".join(chunk(content[i:i + 50_000]) for i in range(0, len(content), 50_000))
                           + b"0\r\n\r\n")
        check_general(line.expect(413))
    upload.expect(1_000_000, content[:1_000_000])


def test_an_append_of_nothing_changes_nothing(upload):
    """[30] 204 with the offset, with a length of 0, without any length, and chunked."""
    with upload.unchanged():
        assert upload.patch(10, b"").field("Upload-Offset") == "10"
        assert upload.patch(10, None).field("Upload-Offset") == "10"
        assert upload.patch_chunked(10).field("Upload-Offset") == "10"


def test_nothing_can_be_appended_to_a_complete_upload(endpoint):
    """[31, table M] Nothing but nothing: an empty append is 204."""
    upload = endpoint.create(5)
    upload.patch(0, b"abcde")
    with upload.unchanged():
        assert upload.patch(5).field("Upload-Offset") == "5"
        assert upload.patch(5, b"", length_is(5)).field("Upload-Offset") == "5"
        assert upload.patch_chunked(5).field("Upload-Offset") == "5"
        upload.patch(5, b"f", status=413)
        upload.patch_chunked(5, b"f", status=413)
        upload.patch(4, b"e", status=409)
        upload.patch(6, b"", status=409)
        upload.patch(0, b"", status=409)
    upload.expect(5, b"abcde")


def test_appends_follow_each_other_on_one_connection(endpoint):
    """All sent at once, answered in order."""
    content = pattern(1000)
    upload = endpoint.create(1000)
    with endpoint.line() as line:
        line.send(*(request("PATCH", upload.path, *appends(i), body=content[i:i + 50])
                    for i in range(0, 1000, 50)),
                  request("HEAD", upload.path, VERSION))
        for i in range(0, 1000, 50):
            assert line.expect(204).field("Upload-Offset") == str(i + 50)
        assert line.expect(200, method="HEAD").field("Upload-Offset") == "1000"
        follow_up(line)
    upload.expect(1000, content)


def test_an_http_1_0_client_can_append(endpoint, upload):
    with endpoint.line() as line:
        line.send(request("PATCH", upload.path, *appends(10), body=b"abc", version="1.0"))
        assert line.expect(204).field("Upload-Offset") == "13"
        line.expect_closed()
    upload.expect(13, b"0123456789abc")


def test_uploads_do_not_touch_each_other(endpoint):
    uploads = [endpoint.create(20) for _ in range(8)]
    for step in range(4):
        for number, upload in enumerate(uploads):
            upload.patch(5 * step, bytes([65 + number]) * 5)
    for number, upload in enumerate(uploads):
        upload.expect(20, bytes([65 + number]) * 20)


@pytest.mark.parametrize("query", ["?", "?a=b", "?/files/"])
def test_a_query_does_not_matter(endpoint, upload, query):
    endpoint.ask("PATCH", upload.path + query, *appends(10), body=b"abc", status=204)
    assert endpoint.ask("HEAD", upload.path + query, status=200).field("Upload-Offset") == "13"
