"""
Idempotency-Key: a creation that is sent again makes no second upload

draft-ietf-httpapi-idempotency-key-header; the words in brackets are those of spec/tus.md, "Ours".
"""

import uuid

import pytest

import ietf
from checksums import checksum_is as checksum
from concat import PARTIAL, final, part, words
from conversation import eventually, header, request
from endpoint import OCTETS, VERSION, Upload, appends, check_general, endpoint, endpoints, follow_up, length_is, pattern


def new_key():
    return f'Idempotency-Key: "{uuid.uuid4()}"'


@pytest.fixture
def key():
    return new_key()


CREATIONS = [
    (length_is(10),),
    ("Upload-Defer-Length: 1",),
    (length_is(10), "Upload-Metadata: filename YQ=="),
    (length_is(10), PARTIAL),
    (length_is(0),),
]


@pytest.mark.parametrize("fields", CREATIONS, ids=lambda fields: " ".join(fields))
def test_a_creation_that_is_repeated_finds_the_upload(endpoint, key, fields):
    """201 with the same Location, and where the upload ends by now."""
    upload = endpoint.create(None, *fields, key)
    with endpoint.nothing_created():
        again = endpoint.create(None, *fields, key)
    assert again.path == upload.path
    assert again.answer.field("Upload-Offset") == "0"
    if length_is(0) in fields:
        return
    upload.patch(0, b"abc")
    with endpoint.nothing_created():
        again = endpoint.create(None, *fields, key)
    assert (again.path, again.answer.field("Upload-Offset")) == (upload.path, "3")
    assert again.answer.field("Upload-Expires")


def test_without_a_key_each_request_makes_an_upload(endpoint):
    assert endpoint.create(10).path != endpoint.create(10).path


def test_another_key_makes_another_upload(endpoint):
    uploads = [endpoint.create(10, f'Idempotency-Key: "0123456789abcde{last}"') for last in "fFg"]
    assert len({upload.id for upload in uploads}) == 3


def test_parameters_do_not_make_another_key(endpoint):
    upload = endpoint.create(10, 'Idempotency-Key: "parameters-of-strings"')
    assert endpoint.create(10, 'Idempotency-Key: "parameters-of-strings";a=1').path == upload.path


OTHERS = [
    (length_is(11),),
    ("Upload-Defer-Length: 1",),
    (length_is(10), "Upload-Metadata: filename YQ=="),
    (length_is(10), PARTIAL),
    (length_is(10), "Repr-Digest: sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:"),
]


@pytest.mark.parametrize("fields", OTHERS, ids=lambda fields: " ".join(fields))
def test_another_request_with_the_same_key_is_refused(endpoint, key, fields):
    """422, nothing created, and the first one's upload is as it was."""
    upload = endpoint.create(10, key)
    with endpoint.nothing_created():
        answer = endpoint.ask("POST", "/files/", VERSION, *fields, key, status=422)
    assert "Idempotency-Key" in answer.text
    assert answer.field("Location") is None
    assert endpoint.create(10, key).path == upload.path


WRONG = ["", "0123456789abcdef", '"0123456789abcde"', '"' + 256 * "a" + '"', '"0123456789abcdef', "5",
         ":MDEyMzQ1Njc4OWFiY2RlZg==:", '"0123456789abc\xe4"', '"0123456789abcdef", "0123456789abcdef"', "?1"]


@pytest.mark.parametrize("value", WRONG, ids=lambda value: value[:40])
def test_what_is_no_key_is_refused(endpoint, value):
    """400: who relies on it must hear that it does not count."""
    one = part(endpoint, b"abc")
    with endpoint.nothing_created():
        for fields in ((length_is(10),), (f"Upload-Concat: {words(one)}",)):
            answer = endpoint.ask("POST", "/files/", VERSION, *fields, f"Idempotency-Key: {value}", status=400)
            assert "Idempotency-Key" in answer.text


def test_two_keys_are_refused(endpoint, key):
    with endpoint.nothing_created():
        endpoint.ask("POST", "/files/", VERSION, length_is(10), key, key, status=400)


@pytest.mark.parametrize("count", [16, 255])
def test_the_shortest_and_the_longest_key(endpoint, count):
    key = f'Idempotency-Key: "{count * "k"}"'
    assert endpoint.create(10, key).path == endpoint.create(10, key).path


def test_keys_are_remembered_by_the_disk(endpoints, key):
    """After SIGKILL, too."""
    endpoint = endpoints()
    upload = endpoint.create(10, key)
    endpoint.crash()
    endpoint.start()
    assert endpoint.create(10, key).path == upload.path
    endpoint.ask("POST", "/files/", VERSION, length_is(11), key, status=422)


def test_of_requests_at_once_one_makes_the_upload(endpoint):
    """There is no moment in between."""
    for _ in range(10):
        key = new_key()
        before = endpoint.rows()
        with endpoint.line() as a, endpoint.line() as b, endpoint.line() as c:
            for line in (a, b, c):
                line.send(request("POST", "/files/", VERSION, length_is(10), key))
            assert len({line.expect(201).field("Location") for line in (a, b, c)}) == 1
        assert len(endpoint.rows() - before) == 1


def test_the_upload_is_gone_for_who_repeats_its_creation(endpoint, key):
    """The key leads to it, as its URL does: no second one is made."""
    upload = endpoint.create(10, key)
    upload.delete()
    with endpoint.nothing_created():
        endpoint.ask("POST", "/files/", VERSION, length_is(10), key, status=410)


def test_a_damaged_upload_is_told_as_such(endpoints, key):
    endpoint = endpoints()
    upload = endpoint.create(10, OCTETS, key, body=b"abc")
    endpoint.stop()
    upload.file.write_bytes(b"")
    endpoint.start()
    answer = endpoint.ask("POST", "/files/", VERSION, OCTETS, length_is(10), key, body=b"abc", status=410)
    assert answer.field("Upload-Offset") is None


# --- creations with upload ---


def begin(endpoint, line, *fields, content):
    """A creation with all the content, of which 40000 bytes are sent; what has come of it."""
    before = endpoint.rows()
    line.send(header("POST", "/files/", *fields, length=len(content)), content[:40_000])
    upload = Upload(endpoint, path="/files/" + eventually("it is there", lambda: endpoint.rows() - before).pop())
    upload.wait_for_bytes(40_000)
    return upload


@pytest.mark.parametrize("size", [3, 100_000, 3_000_000])
def test_a_body_that_is_repeated_is_not_stored_again(endpoint, key, size):
    """The client hears where to go on, even if it sends much; the connection goes on, if it is short."""
    content = pattern(size)
    upload = endpoint.create(size + 5, OCTETS, key, body=content)
    with endpoint.nothing_created(), endpoint.line() as line:
        line.send(header("POST", "/files/", VERSION, OCTETS, length_is(size + 5), key, length=size), content)
        answer = check_general(line.expect(201))
        assert answer.field("Location") == upload.path
        assert answer.field("Upload-Offset") == str(size)
        if size < 100:
            follow_up(line)
    upload.expect(size, content)
    upload.patch(size, b"abcde")
    again = endpoint.create(size + 5, OCTETS, key, body=content[:3])
    assert again.answer.field("Upload-Offset") == str(size + 5)
    upload.expect(size + 5, content + b"abcde")


def test_chunks_that_are_repeated_are_not_stored_again(endpoint, key):
    upload = endpoint.create(10, OCTETS, key, body=b"abc")
    answer = endpoint.ask("POST", "/files/", VERSION, OCTETS, length_is(10), key, chunks=[b"abc", b"def"], status=201)
    assert (answer.field("Location"), answer.field("Upload-Offset")) == (upload.path, "3")
    upload.expect(3, b"abc")


def test_who_asks_first_is_told_to_send_nothing(endpoint, key):
    """With Expect: 100-continue the answer comes instead of 100."""
    upload = endpoint.create(10, OCTETS, key, body=b"abc")
    with endpoint.line() as line:
        line.send(header("POST", "/files/", VERSION, OCTETS, length_is(10), key, "Expect: 100-continue", length=10))
        answer = line.next_answer()
        if answer.status == 100:
            line.send(b"0123456789")
            answer = line.next_answer()
        assert (answer.status, answer.field("Location"), answer.field("Upload-Offset")) == (201, upload.path, "3")
    upload.expect(3, b"abc")


def test_a_creation_that_broke_off_goes_on(endpoint, key):
    """What makes the key worth having: the client learns the URL of the bytes that it has sent."""
    content = pattern(100_000)
    with endpoint.line() as line:
        upload = begin(endpoint, line, VERSION, OCTETS, length_is(100_000), key, content=content)
    again = endpoint.create(100_000, OCTETS, key, body=content)
    assert (again.path, again.answer.field("Upload-Offset")) == (upload.path, "40000")
    again.patch(40_000, content[40_000:])
    again.expect(100_000, content)


def test_a_repeat_takes_over_from_the_first_request(endpoint, key):
    """Which still hangs, perhaps on a dead connection: the offset that is told is accepted."""
    content = pattern(100_000)
    with endpoint.line() as line:
        upload = begin(endpoint, line, VERSION, OCTETS, length_is(100_000), key, content=content)
        again = endpoint.create(100_000, OCTETS, key, body=content)
        assert again.path == upload.path
        assert again.answer.field("Upload-Offset") == "40000"
        line.read_until_closed()
    upload.patch(40_000, content[40_000:])
    upload.expect(100_000, content)


def test_a_checksum_that_does_not_match_leaves_an_empty_upload(endpoint, key):
    """460; the key leads to it: the same request again is not refused for ever, and no upload is made twice."""
    wrong, right = checksum("sha1", b"abd"), checksum("sha1", b"abc")
    answer = endpoint.ask("POST", "/files/", VERSION, OCTETS, length_is(10), key, wrong, body=b"abc", status=460)
    assert answer.field("Location") is None
    with endpoint.nothing_created():
        again = endpoint.create(10, OCTETS, key, right, body=b"abc")
    assert again.answer.field("Upload-Offset") == "0"
    again.patch(0, b"abc", right)
    again.expect(3, b"abc")


# --- final uploads ---


def test_a_concatenation_that_is_repeated_finds_the_upload(endpoint, key):
    """With a key it is found even when it was not the same but for that: 422 then."""
    one, two = part(endpoint, b"abc"), part(endpoint, b"def")
    upload = final(endpoint, one, two, fields=(key,))
    with endpoint.nothing_created():
        assert final(endpoint, one, two, fields=(key,)).path == upload.path
        final(endpoint, two, one, fields=(key,), status=422)
        endpoint.ask("POST", "/files/", VERSION, length_is(6), key, status=422)
    upload.expect_complete(b"abcdef")


def test_a_creation_is_no_concatenation(endpoint, key):
    one = part(endpoint, b"abcdef")
    endpoint.create(6, key)
    with endpoint.nothing_created():
        final(endpoint, one, fields=(key,), status=422)


# --- the IETF's protocol ---


@pytest.fixture(scope="module")
def ietf_endpoint(module_servers, tmp_path_factory):
    return ietf.IetfEndpoint(module_servers, tmp_path_factory.mktemp("ietf"))


CONTENT = pattern(100_000)


@ietf.every_version
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_resumable_upload_that_is_repeated(ietf_endpoint, key, version, method):
    """The final response again, and the same upload announced."""
    def create():
        return ietf_endpoint.say(version, method, "/files/", *ietf.creates(version, True, key), body=CONTENT, status=201)
    first = create()
    with ietf_endpoint.nothing_created():
        again = create()
    assert again.lasting == first.lasting
    for interim in again.interim:
        assert interim.field("Location") == first.field("Location")
    ietf.IetfUpload(ietf_endpoint, version, first).expect_at(100_000, True, CONTENT)


@ietf.every_version
def test_a_careful_creation_that_is_repeated(ietf_endpoint, key, version):
    upload = ietf_endpoint.make(version, False, "Upload-Length: 100000", key, body=b"")
    upload.append(0, CONTENT[:40_000])
    again = ietf_endpoint.make(version, False, "Upload-Length: 100000", key, body=b"")
    assert again.path == upload.path
    assert again.answer.field("Upload-Offset") == "40000"
    assert ietf.told_complete(again.answer, version) is False
    upload.append(40_000, CONTENT[40_000:], True)
    again = ietf_endpoint.make(version, False, "Upload-Length: 100000", key, body=b"")
    assert (again.path, again.answer.field("Upload-Offset")) == (upload.path, "100000")
    assert ietf.told_complete(again.answer, version) is True


@ietf.every_version
def test_a_creation_that_broke_off_and_is_repeated(ietf_endpoint, key, version):
    """Without the announcement, which a client of the RFC does not get: 201, incomplete, and where to go on."""
    with ietf_endpoint.line() as line:
        begun = begin(ietf_endpoint, line, *ietf.creates(version, True, key), content=CONTENT)
    upload = ietf_endpoint.make(version, True, key, body=CONTENT)
    assert upload.path == begun.path
    assert ietf.told_complete(upload.answer, version) is False
    assert upload.answer.field("Upload-Offset") == "40000"
    upload.append(40_000, CONTENT[40_000:], True)
    upload.expect_at(100_000, True, CONTENT)


@ietf.every_version
def test_another_resumable_upload_with_the_same_key_is_refused(ietf_endpoint, key, version):
    ietf_endpoint.make(version, True, key, body=CONTENT)
    with ietf_endpoint.nothing_created():
        answer = ietf_endpoint.say(version, "POST", "/files/", *ietf.creates(version, True, key), body=CONTENT[1:],
                                   status=422)
        assert "Idempotency-Key" in answer.text
        answer = ietf_endpoint.say(version, "POST", "/files/", *ietf.creates(version, True, 'Idempotency-Key: "short"'),
                                   body=CONTENT, status=400)
        assert "Idempotency-Key" in answer.text


def test_a_key_is_for_one_protocol(ietf_endpoint, key):
    """The same key and the same bytes, but not the same request."""
    ietf_endpoint.make(6, True, key, body=b"abc")
    with ietf_endpoint.nothing_created():
        ietf_endpoint.ask("POST", "/files/", VERSION, OCTETS, length_is(3), key, body=b"abc", status=422)


def test_pages_may_send_a_key(endpoint):
    with endpoint.line() as line:
        line.send(request("OPTIONS", "/files/", "Origin: https://app.example", "Access-Control-Request-Method: POST"))
        assert "Idempotency-Key" in line.expect(200).field("Access-Control-Allow-Headers").split(", ")
