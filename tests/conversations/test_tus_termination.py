"""
tus 1.0.0, "Termination"

Numbers in brackets are those of spec/tus.md.
"""

import pytest

from conversation import eventually, header, request
from endpoint import (OCTETS, VERSION, appends, check_general, endpoint, endpoints, follow_up,
                      length_is, offset_is, pattern, upload)


def expect_gone(upload):
    """[80] For everybody, at once, without an offset; its bytes follow soon."""
    endpoint = upload.endpoint
    for method in ("HEAD", "PATCH", "DELETE"):
        with endpoint.line() as line:
            line.send(request(method, upload.path, *appends(0), body=b""))
            answer = check_general(line.next_answer(method), method)
            assert answer.status in (404, 410)
            assert answer.field("Upload-Offset") is None
            follow_up(line)
    with endpoint.line() as line:
        line.send(request("HEAD", upload.path))
        assert line.next_answer("HEAD").status in (404, 410)
    assert upload.id not in endpoint.rows()
    eventually("its file is gone", lambda: not upload.file.exists())


@pytest.mark.parametrize("length, body", [(10, b""), (10, b"abc"), (10, b"0123456789"), (0, b""), (None, b"abc")],
                         ids=["empty", "begun", "complete", "of nothing", "deferred"])
def test_any_upload_can_be_terminated(endpoint, length, body):
    """[79] Exactly 204, without a body."""
    upload = endpoint.deferred() if length is None else endpoint.create(length)
    upload.patch(0, body)
    answer = upload.delete()
    assert answer.body == b"" and answer.field("Content-Length") is None
    expect_gone(upload)


def test_an_upload_that_is_not_there_cannot_be_terminated(endpoint):
    """[11, 80]"""
    endpoint.ask("DELETE", "/files/" + 32 * "a", VERSION, status=404)


def test_a_body_with_the_termination_does_not_matter(endpoint, upload):
    with endpoint.line() as line:
        line.send(request("DELETE", upload.path, VERSION, body=b"abc"))
        line.expect(204)
        follow_up(line)
    expect_gone(upload)


def test_the_endpoint_cannot_be_terminated(endpoint, upload):
    with upload.unchanged():
        endpoint.ask("DELETE", "/files/", VERSION, status=405)


@pytest.mark.parametrize("framing", ["a length", "chunks"])
def test_a_termination_stops_a_running_append(endpoint, framing):
    """[81] At once: the append's connection ends, and nothing of it stays."""
    upload = endpoint.create(1_000_000)
    with endpoint.line() as line:
        if framing == "chunks":
            line.send(request("PATCH", upload.path, *appends(0), "Transfer-Encoding: chunked"),
                      b"4e20\r\n", pattern(20_000), b"\r\n")
        else:
            upload.begin(line, 0, 1_000_000, pattern(20_000))
        upload.wait_for_bytes(20_000)
        upload.delete()
        assert line.read_until_closed()[9:12] in (b"", b"410", b"404", b"423")
    expect_gone(upload)


def test_of_two_terminations_one_is_acknowledged_or_both(endpoint):
    """[79, 80] Sent at once: 204, or the other's 404 or 410."""
    for _ in range(20):
        upload = endpoint.create(10)
        upload.patch(0, b"abc")
        with endpoint.line() as one, endpoint.line() as other:
            for line in (one, other):
                line.send(request("DELETE", upload.path, VERSION))
            statuses = {check_general(line.next_answer()).status for line in (one, other)}
        assert 204 in statuses and statuses <= {204, 404, 410, 423}
        expect_gone(upload)


def test_a_terminated_upload_stays_away_after_a_restart(endpoints):
    """[80]"""
    endpoint = endpoints()
    upload = endpoint.create(10)
    upload.patch(0, b"abc")
    other = endpoint.create(3)
    upload.delete()
    endpoint.crash()
    endpoint.start()
    expect_gone(upload)
    assert other.offset() == 0
