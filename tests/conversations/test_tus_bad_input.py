"""
What no client should send

Tables of malformed fields, ids and targets. Each is refused in one line of text, changes nothing, and
the connection goes on or ends as the answer says. Numbers in brackets are those of spec/tus.md.
"""

import pytest

from conversation import header, request
from endpoint import (OCTETS, VERSION, appends, b64, check_general, endpoint, follow_up, length_is, offset_is,
                      pattern, upload)

NO_NUMBERS = {
    "negative": "-1", "minus nothing": "-0", "a sign": "+5", "a sign alone": "-", "nothing": "", "a blank": " ",
    "hexadecimal": "0x10", "hexadecimal digits": "a", "binary": "0b1", "an exponent": "1e3", "two numbers": "5 5",
    "two with a tab": "5\t5", "a list": "5,5", "a list of one": "5,", "a fraction": "5.0", "a point": "5.",
    "a parameter": "5;a=b", "quoted": '"5"', "separators": "1_000", "more separators": "1,000", "a unit": "5k",
    "not a number": "NaN", "infinite": "inf", "words": "five", "true": "true", "a question mark": "?1",
    "the first that is too large": "9223372036854775808", "the first beyond 64 bits": "18446744073709551616",
    "wrapping around to ten": "18446744073709551626", "wrapping around to ten twice": "36893488147419103242",
    "long": "1" * 4000, "Arabic digits": "١٠".encode().decode("latin-1"), "a wide digit": "\xb9",
    "an apostrophe": "1'0", "a star": "*", "a range": "0-10", "a percent": "%31%30", "a comment": "10 (ten)",
}
numbers = pytest.mark.parametrize("value", NO_NUMBERS.values(), ids=NO_NUMBERS.keys())


def refused(endpoint, method, target, *fields, status=400, body=b"abc"):
    """Answered as it must be, and the connection is as good as before."""
    with endpoint.line() as line:
        line.send(request(method, target, *fields, body=body))
        answer = check_general(line.expect(status, method=method), method)
        if answer.field("Connection") == "close":
            line.expect_closed()
        else:
            follow_up(line)
        return answer


@numbers
def test_an_offset_that_is_no_number(endpoint, upload, value):
    """[10, 21]"""
    with upload.unchanged():
        refused(endpoint, "PATCH", upload.path, *appends(value))


@numbers
def test_a_length_that_is_no_number(endpoint, value):
    """[10, 36]"""
    with endpoint.nothing_created():
        refused(endpoint, "POST", "/files/", VERSION, length_is(value))
        refused(endpoint, "POST", "/files/", VERSION, OCTETS, length_is(value))
        refused(endpoint, "POST", "/files/", VERSION, length_is(value), "Upload-Defer-Length: 1")


@numbers
def test_a_later_length_that_is_no_number(endpoint, upload, value):
    """[10, 47]"""
    deferred = endpoint.deferred()
    deferred.patch(0, b"0123456789")
    for one in (upload, deferred):
        with one.unchanged():
            refused(endpoint, "PATCH", one.path, *appends(10, length_is(value)))
            refused(endpoint, "PATCH", one.path, *appends(10, length_is(value)), body=b"")


@pytest.mark.parametrize("zeros", ["0", "000", "0" * 30])
def test_a_number_is_decimal_whatever_it_begins_with(endpoint, upload, zeros):
    """[10] Never octal. Whether such a number is taken is not said."""
    with endpoint.line() as line:
        line.send(request("PATCH", upload.path, *appends(f"{zeros}10"), body=b"abc"))
        status = check_general(line.next_answer()).status
    assert status in (204, 400)
    upload.expect(13 if status == 204 else 10, b"0123456789abc"[:13 if status == 204 else 10])


TWICE = {
    "Upload-Offset, the same": (offset_is(10), offset_is(10)),
    "Upload-Offset, another": (offset_is(10), offset_is(0)),
    "Upload-Offset, another first": (offset_is(0), offset_is(10)),
    "Upload-Offset in another case": (offset_is(10), "upload-offset: 10"),
    "Upload-Offset, empty": (offset_is(10), offset_is("")),
}


@pytest.mark.parametrize("fields", TWICE.values(), ids=TWICE.keys())
def test_two_offsets(endpoint, upload, fields):
    """[10]"""
    with upload.unchanged():
        refused(endpoint, "PATCH", upload.path, VERSION, OCTETS, *fields)


def test_two_lengths(endpoint, upload):
    """[10]"""
    with upload.unchanged(), endpoint.nothing_created():
        for one, other in ((3, 3), (3, 4), (100, 100), ("", 3)):
            refused(endpoint, "POST", "/files/", VERSION, length_is(one), length_is(other))
            refused(endpoint, "PATCH", upload.path, *appends(10, length_is(one), length_is(other)))


def test_two_deferrals(endpoint):
    """[45]"""
    with endpoint.nothing_created():
        refused(endpoint, "POST", "/files/", VERSION, "Upload-Defer-Length: 1", "Upload-Defer-Length: 1")
        refused(endpoint, "POST", "/files/", VERSION, "Upload-Defer-Length: 1", "Upload-Defer-Length: 0")


def test_two_versions(endpoint, upload):
    """[2] Even two good ones: 400, or 412 when one of them is another."""
    with upload.unchanged(), endpoint.nothing_created():
        refused(endpoint, "POST", "/files/", VERSION, VERSION, length_is(3))
        refused(endpoint, "HEAD", upload.path, VERSION, VERSION, body=None)
        refused(endpoint, "DELETE", upload.path, VERSION, VERSION)
        refused(endpoint, "PATCH", upload.path, VERSION, *appends(10))
        with endpoint.line() as line:
            line.send(request("DELETE", upload.path, VERSION, "Tus-Resumable: 0.2.2"))
            assert check_general(line.next_answer()).status in (400, 412)


def test_two_content_types(endpoint, upload):
    """[19]"""
    with upload.unchanged(), endpoint.nothing_created():
        for one, other in ((OCTETS, OCTETS), (OCTETS, "Content-Type: text/plain"), ("Content-Type: text/plain", OCTETS)):
            refused(endpoint, "PATCH", upload.path, VERSION, offset_is(10), one, other)
            refused(endpoint, "POST", "/files/", VERSION, length_is(3), one, other)


def test_two_fields_of_metadata(endpoint):
    """[41]"""
    with endpoint.nothing_created():
        for one, other in (("a YQ==", "a YQ=="), ("a YQ==", "b Yg=="), ("", "a YQ==")):
            refused(endpoint, "POST", "/files/", VERSION, length_is(3), f"Upload-Metadata: {one}",
                    f"Upload-Metadata: {other}")


METADATA = {
    "no base64": "a b", "a character too few": "a YQ=", "no padding": "a YQ", "too much padding": "a YQ===",
    "padding alone": "a ====", "padding in the middle": "a YQ==YQ==", "a blank in the middle": "a YW Jj",
    "two blanks": "a  YQ==", "a tab for the blank": "a\tYQ==", "URL's alphabet": "a -_-_", "bits behind the end": "a YR==",
    "more bits behind the end": "a YWF=", "a key twice": "a YQ==,a Yg==", "a key twice, not in a row": "a YQ==,b,a",
    "a key twice without values": "a,a", "a key twice, with blanks": "a YQ==, a Yg==", "an empty pair": "a YQ==,,b Yg==",
    "a comma alone": ",", "a comma first": ",a YQ==", "a comma last": "a YQ==,", "a blank pair": "a YQ==, ,b Yg==",
        "an empty key": " ,a YQ==", "two values": "a YQ== YQ==",
    "a semicolon": "a YQ==;b Yg==", "quoted": 'a "YQ=="', "latin": "a \xe9\xe9\xe9\xe9", "one digit": "a Y",
    "five digits": "a YWJjY", "a percent": "a YQ%3D%3D", "too many pairs": ",".join(f"k{n}" for n in range(1000)),
}


@pytest.mark.parametrize("value", METADATA.values(), ids=METADATA.keys())
def test_metadata_that_cannot_be_read(endpoint, value):
    """[40, 41, table E]"""
    with endpoint.nothing_created():
        refused(endpoint, "POST", "/files/", VERSION, length_is(3), f"Upload-Metadata: {value}")
        refused(endpoint, "POST", "/files/", VERSION, OCTETS, length_is(3), f"Upload-Metadata: {value}")


OVERRIDES = {"nothing": "", "a blank": " ", "two methods": "PATCH, DELETE", "two words": "PATCH DELETE",
             "a slash": "PATCH/1.1", "a colon": "PATCH:", "quoted": '"PATCH"', "latin": "P\xc4TCH", "brackets": "(PATCH)"}


@pytest.mark.parametrize("value", OVERRIDES.values(), ids=OVERRIDES.keys())
def test_an_override_that_is_no_method(endpoint, upload, value):
    """[9] 400: nobody knows what was meant, so not even the actual method is executed."""
    with upload.unchanged(), endpoint.nothing_created():
        for actual in ("POST", "PATCH", "DELETE"):
            refused(endpoint, actual, upload.path, *appends(10), f"X-HTTP-Method-Override: {value}")
        refused(endpoint, "POST", "/files/", VERSION, length_is(3), f"X-HTTP-Method-Override: {value}")


@pytest.mark.parametrize("value", ["patch", "Delete", "FOO", "PUT", "CONNECT", "X" * 1000])
def test_an_override_by_a_method_that_is_unknown_here(endpoint, upload, value):
    """[9, 12] 405, whatever the actual one is."""
    with upload.unchanged():
        for actual in ("POST", "PATCH", "DELETE"):
            answer = refused(endpoint, actual, upload.path, *appends(10), f"X-HTTP-Method-Override: {value}", status=405)
            assert "PATCH" in answer.field("Allow")


def test_two_overrides(endpoint, upload):
    """[9] Of two values, a proxy in front may have taken the other."""
    with upload.unchanged():
        for one, other in (("PATCH", "DELETE"), ("DELETE", "PATCH"), ("PATCH", "PATCH"), ("PATCH", "")):
            refused(endpoint, "POST", upload.path, *appends(10), f"X-HTTP-Method-Override: {one}",
                    f"X-HTTP-Method-Override: {other}")


# --- what is no upload ---

TARGETS = ["/files/{ID}", "/files/{id}/", "/files/{id}/x", "/files/{id}0", "/files/{id:.31}", "/files/{id}%20",
           "/files/{id}.", "/files/{id};a", "/files/+{id:.31}", "/files/0x{id:.30}", "/files//{id}", "//files/{id}",
           "/files/./{id}", "/files/../files/{id}", "/files/{id:.2}/{id}", "/FILES/{id}", "/files%2f{id}", "/{id}",
           "/files/..", "/files/.", "/files/../ferry.db", "/files/..%2fferry.db", "/files/%2e%2e/ferry.db",
           "/files/....//....//etc/passwd", "/files/%00", "/files/{id}%00", "/files/%", "/files/%zz", "/files/*",
           "/files/-", "/files/ferry.db", "/files/lock", "/files/" + 4000 * "a", "/files", "/", "/files/{id}{id}",
           "/files/\\..\\ferry.db", "/files/{id:.16}%0d%0a{id:.14}", "/files/" + 32 * "g", "/files/" + 32 * "%30"]


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target[:40])
def test_a_target_that_is_no_upload(endpoint, upload, target):
    """[11, 24] 404 or a refusal of the message; whatever is near to it stays as it is."""
    target = target.format(id=upload.id, ID=upload.id.upper())
    with upload.unchanged(), endpoint.nothing_created():
        for method, fields in (("HEAD", ()), ("HEAD", (VERSION,)), ("PATCH", appends(10)), ("DELETE", (VERSION,))):
            with endpoint.line() as line:
                line.send(request(method, target, *fields, body=None if method == "HEAD" else b"abc"))
                answer = line.next_answer(method)
                assert answer.status in (400, 404, 405), (method, answer)
                assert answer.field("Upload-Offset") is None
                assert method == "HEAD" or len(answer.body.splitlines()) == 1
                if answer.field("Connection") == "close":
                    line.expect_closed()
                else:
                    follow_up(line)


@pytest.mark.parametrize("target", ["http://test{path}", "http://test:80{path}", "HTTP://TEST{path}?a", "https://test{path}"])
def test_a_target_may_be_in_absolute_form(endpoint, upload, target):
    """RFC 9112, 3.2.2: "a server MUST accept the absolute-form in requests"."""
    host = "test:80" if ":80/" in target else "test"
    with endpoint.line() as line:
        line.send(request("PATCH", target.format(path=upload.path), *appends(10), body=b"abc", host=host))
        assert check_general(line.next_answer()).status == 204
        follow_up(line)
    upload.expect(13, b"0123456789abc")


@pytest.mark.parametrize("target", ["test:80", "files/", "*", "http://", "http:///files/", "ftp://test/files/", "//test/files/",
                                    "http://a b/files/", "/files/#a", "mailto:a@b"])
def test_a_creation_somewhere_else(endpoint, target):
    with endpoint.nothing_created(), endpoint.line() as line:
        line.send(request("POST", target, VERSION, length_is(3)))
        answer = line.next_answer()
        assert answer.status in (400, 404, 405), answer
        assert len(answer.body.splitlines()) == 1
        if answer.field("Connection") == "close":
            line.expect_closed()
        else:
            follow_up(line)


# --- what is too much ---


@pytest.mark.parametrize("name", ["Upload-Metadata", "Upload-Offset", "X-Anything", "Tus-Resumable"])
@pytest.mark.parametrize("size", [100_000, 200_000, 2_000_000])
def test_a_field_that_is_too_long(endpoint, upload, name, size):
    """Taken or refused; never silence, and nothing happens by halves."""
    before = endpoint.rows()
    with upload.unchanged(), endpoint.line() as line:
        line.send_whatever(request("POST", "/files/", VERSION, length_is(3), f"{name}: {'a' * size}"))
        answer = line.next_answer()
        assert answer.status in (201, 400, 412, 413, 431), answer
        assert answer.status == 201 or endpoint.rows() == before


@pytest.mark.parametrize("count", [500, 5_000, 50_000])
def test_fields_that_are_too_many(endpoint, upload, count):
    before = endpoint.rows()
    with upload.unchanged(), endpoint.line() as line:
        line.send_whatever(request("POST", "/files/", VERSION, length_is(3), *(f"X-{n}: a" for n in range(count))))
        answer = line.next_answer()
        assert answer.status in (201, 400, 413, 431), answer
        assert answer.status == 201 or endpoint.rows() == before


def test_a_target_that_is_too_long(endpoint):
    with endpoint.nothing_created(), endpoint.line() as line:
        line.send_whatever(request("POST", "/files/" + "a" * 1_000_000, VERSION, length_is(3)))
        answer = line.next_answer()
        assert answer.status in (400, 404, 414, 431), answer


@pytest.mark.parametrize("message", [
    request("POST", "/files/", VERSION, length_is(3), f"Upload-Metadata: {'a' * 200_000}"),
    request("POST", "/files/", VERSION, length_is(3), *(f"X-{n}: a" for n in range(50_000))),
    request("POST", "/files/" + "a" * 1_000_000, VERSION, length_is(3))], ids=["a field", "fields", "a target"])
def test_what_is_too_long_is_refused_and_creates_nothing(endpoint, message):
    """[1] libmicrohttpd answers by itself, before it asks us: with the status, without the version."""
    with endpoint.nothing_created(), endpoint.line() as line:
        line.send_whatever(message)
        assert line.next_answer().status in (414, 431)
        line.read_until_closed()


def test_long_metadata_that_is_taken_comes_back_whole(endpoint):
    """[39] The longest that is taken can be told, too."""
    for size in (10_000, 20_000, 30_000, 40_000, 50_000, 60_000, 80_000, 90_000):
        metadata = "a " + b64("x" * (size // 4 * 3))
        with endpoint.line() as line:
            line.send(request("POST", "/files/", VERSION, length_is(3), f"Upload-Metadata: {metadata}"))
            answer = line.next_answer()
        if answer.status != 201:
            assert size > 30_000, answer
            continue
        told = endpoint.ask("HEAD", answer.field("Location"), VERSION, status=200)
        assert told.field("Upload-Metadata") == metadata
        with endpoint.line() as line:
            line.send(request("PATCH", answer.field("Location"), *appends(0), body=b"abc"))
            line.expect(204)


# --- what the body should not be ---


@pytest.mark.parametrize("method, target", [("HEAD", "{path}"), ("DELETE", "/files/" + 32 * "0"), ("OPTIONS", "/files/"),
                                            ("GET", "{path}")])
def test_a_body_where_none_is_expected(endpoint, upload, method, target):
    with upload.unchanged(), endpoint.line() as line:
        line.send(request(method, target.format(path=upload.path), VERSION, body=pattern(1000)))
        line.next_answer(method)
        follow_up(line)


@pytest.mark.parametrize("broken", [b"5\r\nabcdefg\r\n0\r\n\r\n", b"x\r\nabc\r\n0\r\n\r\n", b"-3\r\nabc\r\n0\r\n\r\n",
                                    b"0x3\r\nabc\r\n0\r\n\r\n", b"\r\nabc\r\n", b"ffffffffffffffffff\r\nabc\r\n"])
def test_chunks_that_are_broken(endpoint, upload, broken):
    """[27] What stood before them is kept, what is broken is not."""
    with endpoint.line() as line:
        line.send(request("PATCH", upload.path, *appends(10), "Transfer-Encoding: chunked"), b"3\r\nabc\r\n", broken)
        line.half_close()
        line.read_until_closed()
    answer = upload.head()
    offset = int(answer.field("Upload-Offset"))
    assert 10 <= offset <= 18
    upload.expect(offset, b"0123456789abcabcde"[:offset])
    assert answer.field("Upload-Length") == "100"


def test_a_body_that_is_longer_than_it_says_is_the_next_request(endpoint, upload):
    """Which is none: it is refused as such, and the append before it counts."""
    with endpoint.line() as line:
        line.send(header("PATCH", upload.path, *appends(10), length=3), b"abcdef\r\n\r\n")
        line.expect(204)
        line.read_until_closed()
    upload.expect(13, b"0123456789abc")
