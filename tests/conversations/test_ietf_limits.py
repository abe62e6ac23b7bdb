"""
Upload-Limit: what a server announces and enforces, by the IETF's resumable uploads

Numbers in brackets are those of spec/ietf-resumable-upload.md.
"""

import pytest

from conversation import request
from endpoint import pattern
from ietf import (IetfEndpoint, age, check_answer, creates, every_version, limits, speaks,
                  told_complete)

LIMITS = {"max-size": 10_000, "min-size": 100, "max-append-size": 1000, "min-append-size": 10}


@pytest.fixture(scope="module")
def endpoint(module_servers, tmp_path_factory):
    return IetfEndpoint(module_servers, tmp_path_factory.mktemp("endpoint"), "--max-size", "10000",
                        "--min-size", "100", "--max-append-size", "1000", "--min-append-size", "10")


@pytest.fixture(scope="module")
def unlimited(module_servers, tmp_path_factory):
    return IetfEndpoint(module_servers, tmp_path_factory.mktemp("unlimited"), "--expire-after", "0")


def announced(version, lifetime=604_800):
    if age(version) < 6:
        return None
    return LIMITS | {"expires" if version == 6 else "max-age": lifetime}


def close_to(found, wanted):
    """The lifetime of an upload goes down, and storage may add an eighth."""
    if found is None or wanted is None:
        return found == wanted
    key = "expires" if "expires" in wanted else "max-age"
    return found.keys() == wanted.keys() and wanted[key] - 60 < found[key] <= wanted[key] * 9 // 8 and \
        all(found[k] == wanted[k] for k in found if k != key)


@every_version
@pytest.mark.parametrize("target", ["/files/", "*"])
def test_options_announce_the_limits_to_everybody(endpoint, version, target):
    """[R4, R6-R10] 200, beside all that tus has to say."""
    with endpoint.line() as line:
        line.send(request("OPTIONS", target, *speaks(version)))
        answer = line.expect(200)
    assert limits(answer) == announced(version)
    assert "application/partial-upload" in answer.field("Accept-Patch")
    assert answer.field("Tus-Version") == "1.0.0"
    assert answer.body == b""


def test_where_there_are_none_min_size_says_so(unlimited):
    """[R4, R6]"""
    with unlimited.line() as line:
        line.send(request("OPTIONS", "/files/"))
        assert line.expect(200).field("Upload-Limit") == "min-size=0"
    assert unlimited.make(8, False, body=b"abc").head().field("Upload-Limit") == "min-size=0"


@every_version
def test_an_upload_has_the_limits_that_were_announced(endpoint, version):
    """[R8, R12, R16, R28] In the announcement, in the answers to creation, append and offset retrieval."""
    upload = endpoint.make(version, False, body=pattern(100))
    for answer in (*upload.answer.interim, upload.answer, upload.head(), upload.append(100, pattern(100))):
        assert close_to(limits(answer), announced(version)), answer


def refused(endpoint, version, status, complete, *fields, body=None, chunks=None):
    answer = endpoint.say(version, "POST", "/files/", *creates(version, complete, *fields), body=body, chunks=chunks,
                          status=status)
    assert told_complete(answer, version) is False
    assert close_to(limits(answer), announced(version)), answer
    return answer


@every_version
def test_what_is_too_large_is_refused_before_its_content(endpoint, version):
    """[R23, R45] Upload-Limit in every such answer."""
    with endpoint.nothing_created():
        refused(endpoint, version, 413, False, "Upload-Length: 10001", body=b"")
        refused(endpoint, version, 413, True, body=pattern(1001))
        refused(endpoint, version, 413, False, body=pattern(1001))
        answer = refused(endpoint, version, 413, True, body=pattern(10_001))
        assert answer.interim == []


@every_version
def test_what_is_too_small_is_refused_unless_it_is_whole(endpoint, version):
    """[R21, R25, R45]"""
    with endpoint.nothing_created():
        refused(endpoint, version, 400, False, "Upload-Length: 99", body=b"")
        refused(endpoint, version, 400, False, body=b"123456789")
    endpoint.make(version, False, body=b"").expect_at(0, False)

    small = endpoint.make(version, True, body=b"abc")
    assert small.answer.interim == []
    small.expect_at(3, True, b"abc")


@every_version
def test_an_append_keeps_to_the_limits(endpoint, version):
    """[R45]"""
    upload = endpoint.make(version, False, body=pattern(100))
    with upload.unchanged():
        for body, status in ((pattern(1001), 413), (pattern(9), 400), (b"", 400)):
            answer = upload.append(100, body, status=status)
            assert close_to(limits(answer), announced(version)), answer
            assert told_complete(answer, version) is False
    upload.append(100, pattern(1000))
    upload.append(1100, b"x", True)


@every_version
def test_chunks_are_stored_up_to_the_limit(endpoint, version):
    """[R45] Nobody knows before how many they are."""
    upload = endpoint.make(version, False, body=b"")
    answer = upload.append(0, chunks=[pattern(600), pattern(600)], status=413)
    assert answer.field("Upload-Offset") == "1000"
    upload.expect_at(1000, False, pattern(600) + pattern(600)[:400])


@every_version
def test_an_upload_of_unknown_length_does_not_pass_the_maximum(endpoint, version):
    """[R23]"""
    upload = endpoint.make(version, False, body=b"")
    for offset in range(0, 10_000, 1000):
        upload.append(offset, pattern(1000))
    answer = upload.append(10_000, pattern(10), status=413)
    assert close_to(limits(answer), announced(version)), answer
    upload.append(10_000, b"", True)
    upload.expect_at(10_000, True)


def test_a_client_that_asks_first_is_refused_before_it_sends(endpoint):
    """[R23]"""
    with endpoint.line() as line:
        line.send(request("POST", "/files/", *creates(8, True), "Expect: 100-continue", "Content-Length: 20000"))
        check_answer(line.expect_next(413), 8)
