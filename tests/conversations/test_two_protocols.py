"""
One storage for two protocols: what tus may do with an upload of the IETF's protocol, and the other way round

The numbers in brackets are those of spec/ietf-resumable-upload.md.
"""

import pytest

from endpoint import OCTETS, VERSION, Upload, b64, pattern
from endpoint import appends as tus_appends
from ietf import VERSIONS, IetfUpload, endpoint, every_version, speaks, told_complete

versions_that_are_named = pytest.mark.parametrize("version", VERSIONS[:-1])


def tus_upload(endpoint):
    upload = endpoint.create(100)
    upload.patch(0, b"0123456789")
    return upload


@every_version
def test_an_upload_of_the_other_protocol_is_not_appended_to(endpoint, version):
    """One sentence says why, and nothing happens."""
    tus = tus_upload(endpoint)
    ietf = endpoint.make(version, False, body=b"0123456789")
    with tus.unchanged(), ietf.unchanged():
        answer = IetfUpload(endpoint, version, path=tus.path).append(10, pattern(90), True, status=400)
        assert answer.body == b"this upload was created by another protocol: append by that one\n"
        answer = endpoint.ask("PATCH", ietf.path, *tus_appends(10), body=b"abc", status=400)
        assert answer.body == b"this upload was created by another protocol: append by that one\n"


@versions_that_are_named
def test_both_see_where_an_upload_ends(endpoint, version):
    tus = tus_upload(endpoint)
    answer = IetfUpload(endpoint, version, path=tus.path).expect_at(10, False)
    assert answer.field("Upload-Length") == "100"

    ietf = endpoint.make(version, False, "Upload-Length: 100", body=b"0123456789")
    answer = Upload(endpoint, path=ietf.path).head()
    assert (answer.field("Upload-Offset"), answer.field("Upload-Length")) == ("10", "100")


@versions_that_are_named
def test_both_can_remove_any_upload(endpoint, version):
    tus = tus_upload(endpoint)
    endpoint.say(version, "DELETE", tus.path, *speaks(version), status=204)
    ietf = endpoint.make(version, False, body=b"0123456789")
    Upload(endpoint, path=ietf.path).delete()


def test_a_request_that_says_nothing_is_one_of_the_protocol_that_made_the_upload(endpoint):
    """HEAD and DELETE; a looking HEAD of tus disturbs nobody, an offset retrieval does."""
    tus, ietf = tus_upload(endpoint), endpoint.make(10, False, body=b"0123456789")
    assert endpoint.ask("HEAD", tus.path, status=200).field("Upload-Complete") is None
    assert endpoint.say(None, "HEAD", ietf.path, status=204).field("Upload-Complete") == "?0"
    endpoint.ask("DELETE", tus.path, status=412)
    endpoint.say(None, "DELETE", ietf.path, status=204)


def test_a_request_of_tus_is_one_of_tus_whatever_else_it_has(endpoint):
    """Tus-Resumable decides."""
    answer = endpoint.ask("POST", "/files/", VERSION, "Upload-Length: 3", OCTETS, "Upload-Complete: ?1",
                          "Upload-Draft-Interop-Version: 8", body=b"abc", status=201)
    assert answer.field("Upload-Draft-Interop-Version") is None
    Upload(endpoint, answer).patch(3)


def test_a_put_of_tus_is_no_creation(endpoint):
    answer = endpoint.ask("PUT", "/files/", VERSION, "Upload-Length: 3", status=405)
    assert answer.field("Allow") == "OPTIONS, POST"


def test_both_are_complete_on_the_disk_alike(endpoint):
    """[R34] By the length, or by the client's word."""
    tus = endpoint.create(10)
    tus.patch(0, b"0123456789")
    assert told_complete(IetfUpload(endpoint, 10, path=tus.path).head(), 10) is True
    ietf = endpoint.make(10, False, "Upload-Length: 10", body=b"0123456789")
    assert told_complete(ietf.head(), 10) is False


def test_what_a_creation_says_of_the_file_is_kept_as_metadata(endpoint):
    """[R24] In the form that tus has for it; the bytes are kept as they are encoded."""
    ietf = endpoint.make(10, True, "Content-Type: video/mp4", "Content-Encoding: gzip",
                         "Content-Disposition: inline; filename=\"x.mp4\"; filename*=UTF-8''na%C3%AFve.mp4",
                         body=b"0123456789")
    assert Upload(endpoint, path=ietf.path).head().field("Upload-Metadata") == \
        f"filename {b64('naïve.mp4')},filetype {b64('video/mp4')},encoding {b64('gzip')}"
    ietf.expect_at(10, True, b"0123456789")

    ietf = endpoint.make(6, False, "Upload-Metadata: filename Zm9v", "Content-Type: video/mp4", body=b"")
    assert Upload(endpoint, path=ietf.path).head().field("Upload-Metadata") == "filename Zm9v"


def test_a_complete_upload_can_be_downloaded_whoever_made_it(endpoint):
    """[R29, R33] A GET is no offset retrieval; nor is a HEAD that has no mark of a protocol, alone."""
    ietf = endpoint.make(10, False, "Content-Type: video/mp4", body=b"01234")
    endpoint.ask("GET", ietf.path, status=409)
    ietf.append(5, b"56789", True)
    answer = endpoint.ask("GET", ietf.path, status=200)
    assert (answer.body, answer.field("Content-Type")) == (b"0123456789", "video/mp4")
    answer = endpoint.say(None, "HEAD", ietf.path, status=200)
    assert (answer.field("Content-Length"), answer.field("Upload-Complete")) == ("10", "?1")
