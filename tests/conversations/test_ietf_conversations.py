"""
Resumable uploads of the IETF: the conversations that there are, each in every version

Numbers in brackets are those of spec/ietf-resumable-upload.md.
"""

import pytest

from conversation import header, request
from endpoint import pattern
from ietf import (VERSIONS, UNKNOWN, IetfUpload, age, check_answer, creates, endpoint, endpoints, every_version,
                  interrupted, limits, told_complete)

CONTENT = pattern(100_000)


@every_version
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_an_upload_in_one_go(endpoint, version, method):
    """[R11-R13, R17, R18] One request with everything: announced, stored, complete."""
    answer = endpoint.say(version, method, "/files/", *creates(version, True), body=CONTENT, status=201)
    upload = IetfUpload(endpoint, version, answer)
    assert told_complete(answer, version) is True
    assert answer.field("Upload-Offset") == "100000"

    assert len(answer.interim) == (0 if version is None else 1)
    for interim in answer.interim:
        assert interim.field("Location") == answer.field("Location")
        assert interim.field("Upload-Draft-Interop-Version") == str(version)
        assert (limits(interim) is None) == (version < 6)
    answer = upload.expect_at(100_000, True, CONTENT)
    assert answer.field("Upload-Length") == "100000"


@every_version
def test_an_upload_of_nothing(endpoint, version):
    """[R21, R43] In one request or in two."""
    upload = endpoint.make(version, True, body=b"")
    assert told_complete(upload.answer, version) is True
    upload.expect_at(0, True)

    upload = endpoint.make(version, False, body=b"")
    assert told_complete(upload.answer, version) is False
    upload.expect_at(0, False)
    assert told_complete(upload.append(0, b"", True), version) is True
    upload.expect_at(0, True)


@pytest.mark.parametrize("version", VERSIONS[:-1])
def test_an_upload_that_breaks_off_and_goes_on(endpoint, version):
    """[R11, R22, R27, R31, R39, R44] The URL of 104 is all that the client needs."""
    with endpoint.line() as line:
        line.send(header("POST", "/files/", *creates(version, True), length=100_000), CONTENT[:30_000])
        upload = interrupted(endpoint, version, line)
        upload.wait_for_bytes(30_000)
    answer = upload.expect_at(30_000, False, CONTENT[:30_000])
    assert answer.field("Upload-Length") == "100000"

    with endpoint.line() as line:
        upload.begin(line, 30_000, 70_000, CONTENT[30_000:80_000])
        upload.wait_for_bytes(80_000)
    upload.expect_at(80_000, False, CONTENT[:80_000])

    answer = upload.append(80_000, CONTENT[80_000:], True)
    assert told_complete(answer, version) is True
    upload.expect_at(100_000, True, CONTENT)


@every_version
def test_a_careful_creation_and_the_content_after_it(endpoint, version):
    """[R16, R18] The URL first, without interim responses."""
    upload = endpoint.make(version, False, "Upload-Length: 100000", body=b"")
    assert told_complete(upload.answer, version) is False
    assert upload.answer.field("Upload-Offset") == "0"
    assert upload.expect_at(0, False).field("Upload-Length") == "100000"

    answer = upload.append(0, CONTENT, True)
    assert told_complete(answer, version) is True
    assert answer.field("Location") == upload.path
    upload.expect_at(100_000, True, CONTENT)


@every_version
def test_an_upload_in_parts(endpoint, version):
    """[R16, R40, R43] Its length becomes known by the last one; a part of nothing changes nothing."""
    upload = endpoint.make(version, False, body=CONTENT[:40_000])
    assert told_complete(upload.answer, version) is False
    assert upload.expect_at(40_000, False).field("Upload-Length") is None

    answer = upload.append(40_000, CONTENT[40_000:70_000])
    assert told_complete(answer, version) is False
    assert answer.field("Upload-Offset") == "70000"
    assert told_complete(upload.append(70_000), version) is False
    upload.append(70_000, chunks=[CONTENT[70_000:75_000], CONTENT[75_000:80_000]])
    answer = upload.append(80_000, complete=True, chunks=[CONTENT[80_000:]])
    assert told_complete(answer, version) is True
    assert upload.expect_at(100_000, True, CONTENT).field("Upload-Length") == "100000"


@every_version
def test_offset_and_length_do_not_complete_an_upload(endpoint, version):
    """[R34] The client does. In versions 5 and 6 the length does, too: tus-js-client says ?0 of the last append
    when it has resumed a file. Who says ?1 after that hears the final response all the same."""
    by_length = version in (5, 6)
    upload = endpoint.make(version, False, "Upload-Length: 10", body=b"0123456789")
    assert told_complete(upload.answer, version) is by_length
    upload.expect_at(10, by_length)
    assert told_complete(upload.append(10, b"", True), version) is True
    upload.expect_at(10, True)

    upload = endpoint.make(version, False, "Upload-Length: 10", body=b"01234")
    answer = upload.append(5, b"56789", status=201 if age(version) <= 6 else 204)
    assert told_complete(answer, version) is by_length
    assert answer.field("Upload-Offset") == "10"
    upload.expect_at(10, by_length, b"0123456789")


@every_version
def test_a_cancelled_upload(endpoint, version):
    """[R30, R50] Nobody finds it any more; up to version 6 there is no 410."""
    gone = 404 if age(version) <= 6 else 410
    for complete in (False, True):
        upload = endpoint.make(version, complete, body=b"0123456789")
        upload.cancel()
        for ask in (upload.head, upload.cancel, lambda status: upload.append(10, b"x", status=status)):
            answer = ask(status=404) if gone == 404 else gone_or_unknown(ask)
            assert answer.field("Upload-Offset") is None


def gone_or_unknown(ask):
    """410 until the file is gone; then nobody remembers."""
    try:
        return ask(status=410)
    except AssertionError:
        return ask(status=404)


@every_version
def test_an_upload_that_never_was(endpoint, version):
    """[R30, R50]"""
    upload = IetfUpload(endpoint, version, path=UNKNOWN)
    upload.head(status=404)
    upload.cancel(status=404)
    upload.append(0, b"x", status=404)


@every_version
def test_a_lost_final_response(endpoint, version):
    """[R47] The client asks where the upload ends, hears that it is complete, and asks for the answer."""
    upload = endpoint.make(version, False, body=CONTENT[:50_000])
    final = upload.append(50_000, CONTENT[50_000:], True)
    upload.expect_at(100_000, True)
    for _ in range(2):
        again = upload.append(100_000, b"", True)
        assert told_complete(again, version) is True
        assert again.lasting == final.lasting
    upload.expect_at(100_000, True, CONTENT)


def test_a_final_response_that_the_server_lost_with_its_life(endpoints):
    """[R47] The response is stored with the upload."""
    endpoint = endpoints()
    upload = endpoint.make(10, True, body=CONTENT)
    endpoint.crash()
    endpoint.start()
    again = upload.append(100_000, b"", True)
    assert again.field("Location") == upload.path
    assert told_complete(again, 10) is True


@every_version
def test_a_stalled_writer_is_ended_by_whoever_comes_back(endpoint, version):
    """[R31, R51] Its bytes count, and the offset that is told is accepted."""
    upload = endpoint.make(version, False, body=b"")
    with endpoint.line() as line:
        upload.begin(line, 0, 100_000, CONTENT[:60_000])
        upload.wait_for_bytes(60_000)
        assert upload.offset() == 60_000
        assert line.read_until_closed()[9:12] in (b"", b"104", b"503")
    upload.append(60_000, CONTENT[60_000:], True)
    upload.expect_at(100_000, True, CONTENT)


@every_version
def test_an_append_that_can_never_match_ends_nobody(endpoint, version):
    """[R49] What is below the offset, or beyond the length, will be refused whatever an older writer brings."""
    upload = endpoint.make(version, False, body=CONTENT[:10])
    with endpoint.line() as line:
        upload.begin(line, 10, 99_990, CONTENT[10:60_000])
        upload.wait_for_bytes(60_000)
        for offset in (9, 100_001):
            assert upload.append(offset, b"xyz", status=409).field("Upload-Offset") == "10"
        line.send(CONTENT[60_000:])
        line.expect(201)
    upload.expect_at(100_000, True, CONTENT)


@pytest.mark.parametrize("version", VERSIONS[:-1])
def test_a_creation_that_was_announced_is_ended_by_whoever_comes_back(endpoint, version):
    """[R31, R51] Whatever of its content is still on its way comes too late: another request has begun with it."""
    with endpoint.line() as line:
        line.send(header("POST", "/files/", *creates(version, False), length=100_000))
        upload = interrupted(endpoint, version, line)
        assert upload.offset() == 0
        line.send_whatever(CONTENT)
        line.read_until_closed()
        upload.expect_at(0, False, b"")
    upload.append(0, CONTENT[50_000:60_000])
    upload.expect_at(10_000, False, CONTENT[50_000:60_000])


@every_version
def test_a_cancellation_ends_a_writer(endpoint, version):
    """[R50, R51]"""
    upload = endpoint.make(version, False, body=b"")
    with endpoint.line() as line:
        upload.begin(line, 0, 100_000, CONTENT[:60_000])
        upload.wait_for_bytes(60_000)
        upload.cancel()
        line.read_until_closed()


@every_version
def test_an_append_elsewhere_is_told_where_the_upload_ends(endpoint, version):
    """[R37, R49] And the client goes on with that."""
    upload = endpoint.make(version, False, body=CONTENT[:10])
    with upload.unchanged():
        for offset in (0, 9, 11, 100):
            answer = upload.append(offset, b"xyz", status=409)
            assert answer.field("Upload-Offset") == "10"
            assert told_complete(answer, version) is False
    upload.append(10, CONTENT[10:], True)
    upload.expect_at(100_000, True, CONTENT)


def test_a_client_that_half_closes_hears_the_answer(endpoint):
    """Its request is whole."""
    with endpoint.line() as line:
        line.send(request("POST", "/files/", *creates(8, True), body=CONTENT)).half_close()
        answer = check_answer(line.expect(201), 8)
    IetfUpload(endpoint, 8, answer).expect_at(100_000, True, CONTENT)


def test_an_upload_survives_the_server(endpoints):
    """[R15, R38] What was told is there after a crash."""
    endpoint = endpoints()
    upload = endpoint.make(10, False, "Upload-Length: 100000", body=CONTENT[:33_333])
    endpoint.crash()
    endpoint.start()
    upload.expect_at(33_333, False, CONTENT[:33_333])
    upload.append(33_333, CONTENT[33_333:], True)
    endpoint.crash()
    endpoint.start()
    upload.expect_at(100_000, True, CONTENT)


@every_version
def test_a_head_is_not_cached_and_has_the_limits(endpoint, version):
    """[R28, R29] 204; limits where the version has them."""
    upload = endpoint.make(version, False, body=b"0123456789")
    answer = upload.head()
    assert answer.field("Cache-Control") == "no-store"
    if age(version) < 6:
        assert limits(answer) is None
    else:
        lifetime = limits(answer)["expires" if version == 6 else "max-age"]
        assert 604_000 < lifetime <= 604_800 * 9 // 8
