"""
Where the versions of the IETF's resumable uploads differ, and what holds for bad requests in all of them

Numbers in brackets are those of spec/ietf-resumable-upload.md.
"""

import json

import pytest

from conversation import chunk, header, request
from endpoint import pattern
from ietf import (PARTIAL, UNKNOWN, VERSIONS, IetfUpload, age, appends, check_answer, creates, endpoint,
                  endpoints, every_version, problem, speaks, told_complete, whole)


@pytest.fixture
def upload(endpoint):
    """One of version 8, a hundred bytes long, ten of which are there."""
    return endpoint.make(8, False, "Upload-Length: 100", body=b"0123456789")


def of(endpoint, version, *fields, body=b"0123456789", complete=False):
    return endpoint.make(version, complete, *fields, body=body)


# --- fields that are not what they should be [R1-R3, R36] ---


@pytest.mark.parametrize("value", ["true", "1", "?2", "?1, ?1", "", '"?1"'])
def test_completeness_that_is_no_boolean_creates_nothing(endpoint, value):
    """[R2, 2.7] With a version or without one: 400, and not what tus would say."""
    with endpoint.nothing_created():
        for version in (8, None):
            answer = endpoint.say(version, "POST", "/files/", *speaks(version), f"Upload-Complete: {value}",
                                  body=b"abc", status=400)
            assert told_complete(answer, version) is False
            assert b"Upload-Complete" in answer.body


def test_version_3_is_told_which_field_it_has(endpoint):
    answer = endpoint.say(3, "POST", "/files/", *speaks(3), "Upload-Complete: ?1", body=b"abc", status=400)
    assert b"Upload-Incomplete" in answer.body


def test_a_version_alone_does_not_make_an_upload(endpoint):
    with endpoint.nothing_created():
        endpoint.say(8, "POST", "/files/", *speaks(8), body=b"abc", status=400)


@every_version
def test_parameters_of_fields_are_ignored(endpoint, version):
    """[R3]"""
    fields = (*speaks(version), whole(version, False) + ";a=b;c")
    upload = IetfUpload(endpoint, version, endpoint.say(version, "POST", "/files/", *fields, "Upload-Length: 10;x",
                                                        body=b"abc", status=201))
    fields = (*speaks(version), PARTIAL + "; a=b", "Upload-Offset: 3;a", whole(version) + ";b")
    upload.ask("PATCH", *fields, body=b"defghij", status=201)
    upload.expect_at(10, True, b"abcdefghij")


@every_version
@pytest.mark.parametrize("value", [None, "-1", "10.0", '"10"', "1000000000000000", "ten", "10, 10"])
def test_an_append_without_an_offset_is_refused(endpoint, version, value):
    """[R1, R36]"""
    upload = of(endpoint, version)
    fields = [field for field in appends(version, value, True) if value is not None or "Offset" not in field]
    with upload.unchanged():
        answer = upload.ask("PATCH", *fields, body=b"abc", status=400)
    assert told_complete(answer, version) is False


@every_version
@pytest.mark.parametrize("length", ["-5", "5.5", "five", "1000000000000000"])
def test_a_length_that_is_no_number_is_not_seen(endpoint, version, length):
    """[R1]"""
    upload = of(endpoint, version, f"Upload-Length: {length}")
    assert upload.head().field("Upload-Length") is None


@every_version
def test_an_append_that_does_not_say_whether_it_completes(endpoint, version):
    """[R36] Up to version 6 it does; later it is refused."""
    upload = of(endpoint, version)
    fields = appends(version, 10, True)[:-1]
    if age(version) <= 6:
        assert told_complete(upload.ask("PATCH", *fields, body=b"abc", status=201), version) is True
        upload.expect_at(13, True, b"0123456789abc")
    else:
        with upload.unchanged():
            assert told_complete(upload.ask("PATCH", *fields, body=b"abc", status=400), version) is False


@every_version
def test_the_media_type_of_an_append(endpoint, version):
    """[R35] Asked for from version 6 on."""
    for media_type in ((), ("Content-Type: application/octet-stream",), (PARTIAL, PARTIAL)):
        upload = of(endpoint, version)
        fields = (*speaks(version), *media_type, "Upload-Offset: 10", whole(version))
        if age(version) < 6:
            upload.ask("PATCH", *fields, body=b"abc", status=201)
        else:
            with upload.unchanged():
                upload.ask("PATCH", *fields, body=b"abc", status=415)


@every_version
@pytest.mark.parametrize("method", ["HEAD", "DELETE"])
def test_fields_that_have_no_place_in_a_request(endpoint, version, method):
    """[R32] 400 up to version 6, and for the coming RFC; the others do not mind."""
    refused = age(version) <= 6 or version is None
    for field in ("Upload-Offset: 10", whole(version)):
        upload = of(endpoint, version)
        upload.ask(method, *speaks(version), field, status=400 if refused else 204)
        if refused:
            upload.expect_at(10, False)


def test_a_length_has_no_place_in_an_offset_retrieval_of_version_6(endpoint):
    """[R32]"""
    for version in VERSIONS:
        of(endpoint, version).ask("HEAD", *speaks(version), "Upload-Length: 10",
                                  status=400 if version == 6 else 204)


# --- what is told [R37, R40, R41, R47] ---


@every_version
def test_a_conflict_tells_programs_where_the_upload_ends(endpoint, version):
    """[R37] By problem details, from version 6 on."""
    answer = of(endpoint, version).append(7, b"abc", status=409)
    assert problem(answer) == ("mismatching-upload-offset" if age(version) >= 6 else None)
    if age(version) >= 6:
        details = json.loads(answer.body)
        assert (details["expected-offset"], details["provided-offset"]) == (10, 7)


@every_version
@pytest.mark.parametrize("complete, fields, body", [
    (False, ("Upload-Length: 101",), b"abc"),
    (True, (), b"abc"),
    (True, (), b""),
    (True, ("Upload-Length: 100",), b"abc"),
])
def test_lengths_that_contradict_each_other(endpoint, version, complete, fields, body):
    """[R18, R41, R43] 400, and the upload goes on."""
    upload = of(endpoint, version, "Upload-Length: 100")
    with upload.unchanged():
        answer = upload.append(10, body, complete, *fields, status=400)
    assert told_complete(answer, version) is False
    assert problem(answer) == ("inconsistent-upload-length" if age(version) >= 7 else None)
    upload.append(10, pattern(90), True)


@every_version
def test_a_creation_whose_lengths_contradict_each_other(endpoint, version):
    """[R19, R20] Nothing is created."""
    with endpoint.nothing_created():
        for complete, length, body in ((True, 11, b"0123456789"), (True, 9, b"0123456789"), (False, 9, b"0123456789")):
            answer = endpoint.say(version, "POST", "/files/", *creates(version, complete, f"Upload-Length: {length}"),
                                  body=body, status=400)
            assert told_complete(answer, version) is False
            assert problem(answer) == ("inconsistent-upload-length" if age(version) >= 7 else None)


@every_version
def test_the_same_length_again_is_fine(endpoint, version):
    """[R41]"""
    upload = of(endpoint, version, "Upload-Length: 13")
    upload.append(10, b"abc", True, "Upload-Length: 13")
    upload.expect_at(13, True, b"0123456789abc")


@every_version
def test_a_length_may_come_with_any_append(endpoint, version):
    """[R18, R41] And stays."""
    upload = of(endpoint, version)
    upload.append(10, b"abc", False, "Upload-Length: 100")
    assert upload.head().field("Upload-Length") == "100"
    upload.append(13, b"abc", False, "Upload-Length: 99", status=400)


@every_version
def test_chunks_that_end_before_the_length_do_not_complete(endpoint, version):
    """[R41, R44] What they brought is kept."""
    upload = of(endpoint, version, "Upload-Length: 100")
    answer = upload.append(10, complete=True, chunks=[b"abc"], status=400)
    assert told_complete(answer, version) is False
    assert answer.field("Upload-Offset") == "13"
    upload.expect_at(13, False, b"0123456789abc")


@every_version
def test_more_than_the_length(endpoint, version):
    """[R20, R42] 400; from version 8 on the upload is dead, before that it goes on. By Content-Length
    nothing is stored, of chunks what fits; in versions 5 and 6 it is complete by that."""
    for options, offset in (({"body": b"0123456789"}, 10), ({"chunks": [b"01234", b"56789"]}, 15)):
        upload = of(endpoint, version, "Upload-Length: 15")
        answer = upload.append(10, status=400, **options)
        assert told_complete(answer, version) is (offset == 15 and version in (5, 6))
        assert problem(answer) == ("inconsistent-upload-length" if age(version) >= 7 else None)
        if age(version) >= 8:
            assert answer.field("Upload-Offset") is None
            upload.head(status=410)
            upload.append(offset, b"x", status=410)
            upload.cancel()
        else:
            assert answer.field("Upload-Offset") == str(offset)
            upload.append(offset, b"0123456789"[offset - 10:5], True)
            upload.expect_at(15, True)


@every_version
def test_a_creation_by_chunks_that_bring_more_than_the_length(endpoint, version):
    """[R20] As with an append: in versions 5 and 6 it is complete by what fits."""
    with endpoint.line() as line:
        line.send(request("POST", "/files/", *creates(version, False, "Upload-Length: 5"),
                          chunks=[b"0123", b"4567"]))
        answer = check_answer(line.expect(400), version)
    upload = IetfUpload(endpoint, version, answer)
    assert told_complete(answer, version) is (version in (5, 6))
    if age(version) >= 8:
        upload.head(status=410)
    else:
        upload.expect_at(5, version in (5, 6), b"01234")


@every_version
def test_an_append_to_a_complete_upload(endpoint, version):
    """[R47] Up to version 8 it is told that the upload is complete; later what would have been wrong anyway."""
    upload = of(endpoint, version, complete=True)
    with upload.unchanged():
        at_the_end = upload.append(10, b"abc", status=400)
        nothing = upload.append(10, b"", status=400)
        elsewhere = upload.append(7, b"abc", True, status=409 if age(version) >= 9 else 400)
    completed = {6: "completed-upload", 7: "completed-upload", 8: "completed-upload"}.get(version)
    later = age(version) >= 9
    assert problem(at_the_end) == ("inconsistent-upload-length" if later else completed)
    assert problem(nothing) == completed
    assert problem(elsewhere) == ("mismatching-upload-offset" if later else completed)
    for answer in (at_the_end, nothing, elsewhere):
        assert told_complete(answer, version) is (age(version) <= 6)
        assert answer.field("Upload-Offset") == "10"


# --- versions that we do not speak [2.7] ---


@pytest.mark.parametrize("number", ["0", "1", "2", "11", "-8", "8.0", "eight", "8, 8", ""])
def test_an_unknown_version_is_served_by_the_newest_rules(endpoint, number):
    """[R13, 2.7] As one that is not named: no interim response, and no version in the answer."""
    field = f"Upload-Draft-Interop-Version: {number}"
    answer = endpoint.say(None, "POST", "/files/", field, "Upload-Complete: ?1", body=b"abc", status=201)
    assert answer.interim == []
    upload = IetfUpload(endpoint, None, answer)
    upload.expect_at(3, True, b"abc")
    upload.ask("PATCH", field, PARTIAL, "Upload-Offset: 2", "Upload-Complete: ?1", body=b"x", status=409)


def test_a_client_may_go_on_in_another_version(endpoint):
    """Answers echo the version of the request; the upload has none."""
    upload = of(endpoint, 3)
    for version in (6, 10, None, 5):
        upload.version = version
        offset = upload.offset()
        upload.append(offset, b"abc")
    upload.append(offset + 3, b"", True)
    upload.expect_at(22, True, b"0123456789" + 4 * b"abc")


# --- the frame ---


def test_a_method_may_be_overridden(endpoint, upload):
    upload.ask("POST", "X-HTTP-Method-Override: PATCH", *appends(8, 10, False), body=b"abc", status=204)
    upload.expect_at(13, False, b"0123456789abc")


def test_other_methods_are_refused_with_those_that_work(endpoint):
    """PUT is a creation, and on the endpoint only."""
    answer = endpoint.say(None, "PUT", UNKNOWN, *creates(8, True), body=b"abc", status=405)
    assert "PATCH" in answer.field("Allow")


def test_an_append_in_chunks_that_break_off(endpoint, upload):
    """[R22, R44] What came is kept; it does not complete."""
    with endpoint.line() as line:
        line.send(header("PATCH", upload.path, *appends(8, 10, True), "Transfer-Encoding: chunked"),
                  chunk(b"abc"))
        upload.wait_for_bytes(13)
    upload.expect_at(13, False, b"0123456789abc")


def test_a_refused_append_leaves_the_connection_usable(endpoint, upload):
    with endpoint.line() as line:
        for offset in (7, 11):
            line.send(request("PATCH", upload.path, *appends(8, offset, False), body=b"abc"))
            line.expect(409)
        line.send(request("PATCH", upload.path, *appends(8, 10, False), body=b"abc"))
        line.expect(204)
