"""
tus 1.0.0, "Expiration"

Numbers in brackets are those of spec/tus.md.
"""

import email.utils
import re
import time

import pytest

from conversation import eventually, request
from endpoint import OCTETS, VERSION, appends, endpoint, endpoints, length_is

WEEK = 604800


def expires(answer):
    """[64] When, in seconds since 1970; it must be written as RFC 9110 wants it written."""
    text = answer.field("Upload-Expires")
    assert text is not None, f"no Upload-Expires in {answer}"
    assert re.fullmatch(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) "
                        r"\d{4} \d\d:\d\d:\d\d GMT", text), text
    when = email.utils.parsedate_to_datetime(text)
    assert when.strftime("%a") == text[:3]
    return int(when.timestamp())


@pytest.fixture
def upload(endpoint):
    upload = endpoint.create(100)
    upload.patch(0, b"0123456789")
    return upload


def test_a_creation_tells_when_the_upload_will_expire(endpoint):
    """[63, 64] A week from now."""
    before = int(time.time())
    upload = endpoint.create(10)
    assert before + WEEK <= expires(upload.answer) <= time.time() + WEEK
    assert expires(endpoint.deferred().answer)
    assert expires(endpoint.create(10, OCTETS, body=b"abc").answer)


def test_every_append_tells_it(upload):
    """[62, 64]"""
    assert expires(upload.patch(10, b"abc"))
    assert expires(upload.patch(13))
    assert expires(upload.patch_chunked(13, b"def"))


def test_an_append_at_another_offset_is_told_it_too(upload):
    """[62] "in every PATCH response"."""
    assert expires(upload.patch(0, b"abc", status=409))
    assert expires(upload.patch(11, b"abc", status=409))


def test_an_append_that_is_too_long_is_told_it_too(upload):
    """[62] "in every PATCH response"."""
    assert expires(upload.patch(10, bytes(91), status=413))
    assert expires(upload.patch(10, b"", length_is(99), status=400))


@pytest.mark.parametrize("fields, status", [
    ((OCTETS, "Upload-Offset: 10"), 412),
    ((VERSION, "Content-Type: text/plain", "Upload-Offset: 10"), 415),
    ((VERSION, OCTETS), 400),
    ((VERSION, OCTETS, "Upload-Offset: -1"), 400),
    (appends(10, length_is("x")), 400),
    (appends(10, "Upload-Offset: 10"), 400)])
def test_an_append_that_is_wrong_in_itself_is_told_it_too(upload, fields, status):
    """[62] "This header MUST be included in every PATCH response if the upload is going to expire." """
    assert expires(upload.endpoint.ask("PATCH", upload.path, *fields, body=b"abc", status=status))


def test_head_tells_it(upload):
    """[65]"""
    assert expires(upload.head()) == expires(upload.look())


def test_a_complete_upload_does_not_expire(endpoint):
    """[62] However it became complete, and whoever asks."""
    appended = endpoint.create(3)
    answer = appended.patch(0, b"abc")
    created = endpoint.create(3, OCTETS, body=b"abc")
    empty = endpoint.create(0)
    for answer in (answer, created.answer, empty.answer, *(u.head() for u in (appended, created, empty)),
                   appended.patch(3), appended.patch(0, status=409), appended.patch(3, b"d", status=413)):
        assert answer.field("Upload-Expires") is None, answer


def test_where_nothing_expires_nothing_is_told(endpoints):
    """[61, 62]"""
    upload = endpoints("--expire-after", "0").create(10)
    for answer in (upload.answer, upload.patch(0, b"abc"), upload.patch(0, status=409), upload.head()):
        assert answer.field("Upload-Expires") is None


def test_an_append_moves_the_end(endpoints):
    """[65] Unfinished uploads expire so long after their last byte."""
    upload = endpoints("--expire-after", "8").create(100)
    first = expires(upload.answer)
    eventually("two seconds later", lambda: time.time() >= first - 6)
    later = expires(upload.patch(0, b"abc"))
    assert later >= first + 2
    assert expires(upload.head()) == later


def status_of(upload):
    upload.endpoint.wake_janitor()
    with upload.endpoint.line() as line:
        line.send(request("HEAD", upload.path))
        answer = line.next_answer("HEAD")
        assert answer.status == 200 or answer.field("Upload-Offset") is None
        return answer.status


def test_what_expired_is_gone(endpoints):
    """[66] 410, no offset, no bytes; what is complete stays [67]."""
    endpoint = endpoints("--expire-after", "1")
    complete = endpoint.create(3, OCTETS, body=b"abc")
    upload = endpoint.create(10)
    end = expires(upload.patch(0, b"abc"))
    eventually("it is gone", lambda: status_of(upload) == 410)
    assert time.time() >= end
    upload.patch(3, b"def", status=410)
    upload.delete(status=410)
    eventually("its file is gone", lambda: not upload.file.exists())
    upload.patch(3, b"def", status=410)
    endpoint.stop()
    endpoint.start()
    upload.head(status=410)
    assert complete.offset() == 3
    complete.expect(3, b"abc")


def test_what_is_gone_is_forgotten_in_the_end(endpoints):
    """[66] 404, deleted or expired."""
    endpoint = endpoints("--expire-after", "1", "--remember-gone", "1")
    deleted, upload = endpoint.create(10), endpoint.create(10)
    deleted.delete()
    deleted.look(status=410)
    eventually("both are forgotten", lambda: status_of(upload) == 404 and status_of(deleted) == 404)
    upload.patch(0, b"abc", status=404)
    upload.delete(status=404)


def test_what_is_gone_may_be_forgotten_at_once(endpoints):
    """[66] 404 from the first moment, deleted or expired."""
    endpoint = endpoints("--expire-after", "1", "--remember-gone", "0")
    deleted, upload = endpoint.create(10), endpoint.create(10)
    deleted.delete()
    deleted.look(status=404)
    deleted.patch(0, b"abc", status=404)

    def gone():
        status = status_of(upload)
        assert status in (200, 404)
        return status == 404

    eventually("it is gone", gone)
    endpoint.stop()
    endpoint.start()
    upload.head(status=404)
    deleted.head(status=404)


def test_nothing_expires_while_somebody_writes_to_it(endpoints):
    """[67]"""
    endpoint = endpoints("--expire-after", "1")
    upload = endpoint.create(10)
    end = expires(upload.answer)
    with endpoint.line() as line:
        upload.begin(line, 0, 10, b"abc")
        upload.wait_for_bytes(3)
        eventually("its end has passed", lambda: time.time() > end + 1)
        line.send(b"defghij")
        assert line.expect(204).field("Upload-Offset") == "10"
    upload.expect(10, b"abcdefghij")
