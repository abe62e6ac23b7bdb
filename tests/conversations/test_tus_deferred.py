"""
tus 1.0.0, "Upload-Defer-Length": uploads whose length is told later

Numbers in brackets are those of spec/tus.md.
"""

import pytest

from conversation import request
from endpoint import (OCTETS, VERSION, Upload, appends, check_general, endpoint, endpoints, length_is,
                      pattern)


def expect_deferred(upload, offset):
    answer = upload.head()
    assert answer.field("Upload-Offset") == str(offset)
    assert answer.field("Upload-Defer-Length") == "1"
    assert answer.field("Upload-Length") is None


def expect_known(upload, offset, length):
    answer = upload.head()
    assert answer.field("Upload-Offset") == str(offset)
    assert answer.field("Upload-Defer-Length") is None
    assert answer.field("Upload-Length") == str(length)


def expect_complete(upload, content):
    upload.expect(len(content), content)
    answer = upload.look()
    assert answer.field("Upload-Length") == str(len(content))
    assert answer.field("Upload-Expires") is None, "it is not complete"
    upload.patch(len(content), b"x", status=413)


def expect_incomplete(upload):
    assert upload.look().field("Upload-Expires") is not None, "it is complete"


@pytest.fixture
def upload(endpoint):
    """Three bytes of nobody knows how many."""
    upload = endpoint.deferred()
    upload.patch(0, b"abc")
    return upload


def test_a_length_may_be_deferred(endpoint):
    """[45, 46]"""
    upload = endpoint.deferred()
    assert upload.answer.field("Upload-Offset") in (None, "0")
    expect_deferred(upload, 0)


@pytest.mark.parametrize("value", ["0", "2", "11", "01", "1.0", "true", "yes", "", "+1", "-1", "1 1", "?1", "1;a",
                                   "0x1", '"1"', "1,1"])
def test_a_length_is_deferred_in_one_way_only(endpoint, value):
    """[45]"""
    with endpoint.nothing_created():
        endpoint.ask("POST", "/files/", VERSION, f"Upload-Defer-Length: {value}", status=400)


def test_appends_do_not_make_a_length_known(upload):
    """[46]"""
    expect_deferred(upload, 3)
    upload.patch(3, b"def")
    upload.patch_chunked(6, b"ghi")
    expect_deferred(upload, 9)
    upload.expect(9, b"abcdefghi")
    expect_incomplete(upload)


def test_a_length_may_come_with_bytes(upload):
    """[46, 47]"""
    assert upload.patch(3, b"def", length_is(10)).field("Upload-Offset") == "6"
    expect_known(upload, 6, 10)
    expect_incomplete(upload)
    upload.patch(6, b"ghij")
    expect_complete(upload, b"abcdefghij")


def test_a_length_may_come_with_chunks(upload):
    """[47]"""
    assert upload.patch_chunked(3, b"d", b"ef", fields=(length_is(10),)).field("Upload-Offset") == "6"
    expect_known(upload, 6, 10)


def test_a_length_may_come_with_the_last_bytes(upload):
    """[47, 51] As one client does."""
    assert upload.patch(3, b"def", length_is(6)).field("Upload-Offset") == "6"
    expect_complete(upload, b"abcdef")


def test_a_length_may_come_alone(upload):
    """[47] With an empty append."""
    assert upload.patch(3, b"", length_is(10)).field("Upload-Offset") == "3"
    expect_known(upload, 3, 10)
    expect_incomplete(upload)


def test_a_length_may_come_when_all_bytes_are_there(upload):
    """[51] The upload is complete by it."""
    expect_incomplete(upload)
    upload.patch(3, b"", length_is(3))
    expect_complete(upload, b"abc")


def test_a_length_of_nothing_completes_an_empty_upload(endpoint):
    """[51]"""
    upload = endpoint.deferred()
    upload.patch(0, b"", length_is(0))
    expect_complete(upload, b"")


def test_a_length_may_come_with_the_creation_of_nothing_else(endpoint):
    """[47] At offset 0."""
    upload = endpoint.deferred()
    upload.patch(0, b"abc", length_is(3))
    expect_complete(upload, b"abc")


@pytest.mark.parametrize("length", [0, 3, 6, 9, 11, 2**63 - 1])
def test_a_known_length_never_changes(upload, length):
    """[48] Be it told when the upload was created or later."""
    upload.patch(3, b"def", length_is(10))
    created = upload.endpoint.create(10)
    created.patch(0, b"abcdef")
    for one in (upload, created):
        with one.unchanged():
            one.patch(6, b"", length_is(length), status=400)
            one.patch(6, b"ghi", length_is(length), status=400)
            one.patch_chunked(6, b"ghi", fields=(length_is(length),), status=400)


def test_a_known_length_may_be_told_again(upload):
    """[48, table L] A client that repeats its last append does so."""
    upload.patch(3, b"def", length_is(10))
    upload.patch(6, b"", length_is(10))
    upload.patch(6, b"ghi", length_is(10))
    expect_known(upload, 9, 10)
    upload.patch(9, b"j", length_is(10))
    expect_complete(upload, b"abcdefghij")
    assert upload.patch(10, b"", length_is(10)).field("Upload-Offset") == "10"
    upload.patch(10, b"", length_is(11), status=400)


@pytest.mark.parametrize("length", [0, 1, 2])
def test_a_length_below_the_offset_is_refused(upload, length):
    """[49]"""
    with upload.unchanged():
        upload.patch(3, b"", length_is(length), status=400)
        upload.patch(3, b"def", length_is(length), status=400)
    expect_deferred(upload, 3)


@pytest.mark.parametrize("length", [3, 4, 5])
def test_a_length_that_the_same_append_passes_is_refused(upload, length):
    """[29, 47] "n ≥ the resulting offset": the length is not set either."""
    with upload.unchanged():
        upload.patch(3, b"def", length_is(length), status=413)
    expect_deferred(upload, 3)


def test_of_chunks_beyond_the_length_that_they_tell_those_that_fit_are_stored(upload):
    """[29, 47]"""
    answer = upload.patch_chunked(3, b"d", b"efg", fields=(length_is(5),), status=413)
    assert answer.field("Upload-Offset") == "5"
    expect_complete(upload, b"abcde")


@pytest.mark.parametrize("offset", [0, 2, 4])
def test_a_length_with_an_append_elsewhere_is_not_taken(upload, offset):
    """[22, 47]"""
    with upload.unchanged():
        upload.patch(offset, b"", length_is(10), status=409)
    expect_deferred(upload, 3)


@pytest.fixture
def bounded(endpoints):
    """Takes a thousand bytes at most; four of them are there."""
    upload = endpoints("--max-size", "1000").deferred()
    upload.patch(0, b"abcd")
    return upload


def test_a_length_above_the_maximum_is_refused(bounded):
    """[49]"""
    with bounded.unchanged():
        bounded.patch(4, b"", length_is(1001), status=413)
        bounded.patch(4, b"e", length_is(2**63 - 1), status=413)
    expect_deferred(bounded, 4)
    bounded.patch(4, b"", length_is(1000))
    expect_known(bounded, 4, 1000)


def test_a_deferred_upload_does_not_pass_the_maximum(bounded):
    """[50] What states to is refused whole; of chunks, those that fit are stored."""
    with bounded.unchanged():
        bounded.patch(4, bytes(997), status=413)
    content = pattern(1200)
    bounded.patch(4, content[:900])
    answer = bounded.patch_chunked(904, content[900:1000], content[1000:], status=413)
    assert answer.field("Upload-Offset") == "1000"
    bounded.expect(1000, b"abcd" + content[:996])
    expect_incomplete(bounded)
    bounded.patch(1000, b"", length_is(1000))
    expect_complete(bounded, b"abcd" + content[:996])


def test_a_creation_with_a_body_does_not_pass_the_maximum(bounded):
    """[50, 58]"""
    endpoint = bounded.endpoint
    with endpoint.nothing_created():
        endpoint.ask("POST", "/files/", VERSION, OCTETS, "Upload-Defer-Length: 1", body=bytes(1001), status=413)
    answer = endpoint.ask("POST", "/files/", VERSION, OCTETS, "Upload-Defer-Length: 1",
                          chunks=[bytes(600), bytes(600)], status=413)
    upload = Upload(endpoint, answer)
    upload.expect(1000, bytes(1000))
    expect_deferred(upload, 1000)


def test_a_creation_may_bring_bytes_and_defer_the_length(endpoint):
    """[56]"""
    upload = endpoint.deferred(OCTETS, body=b"abc")
    assert upload.answer.field("Upload-Offset") == "3"
    expect_deferred(upload, 3)
    upload.patch(3, b"def", length_is(6))
    expect_complete(upload, b"abcdef")


def test_a_length_is_known_for_good_when_its_append_breaks(endpoint, upload):
    """[47, 48] It was told with the header: the repeated append tells it again."""
    with endpoint.line() as line:
        upload.begin(line, 3, 7, b"de", length_is(10))
        upload.wait_for_bytes(5)
    expect_known(upload, 5, 10)
    upload.patch(5, b"fghij", length_is(10))
    expect_complete(upload, b"abcdefghij")


def test_a_deferral_means_nothing_in_an_append(endpoint, upload):
    """It neither makes a length unknown nor does harm."""
    upload.patch(3, b"", length_is(10))
    with endpoint.line() as line:
        line.send(request("PATCH", upload.path, *appends(3, "Upload-Defer-Length: 1"), body=b"def"))
        status = check_general(line.next_answer()).status
    assert status in (204, 400)
    expect_known(upload, 6 if status == 204 else 3, 10)
