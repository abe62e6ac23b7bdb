"""
Content-Digest, Repr-Digest and Want-Repr-Digest (RFC 9530) in the IETF's resumable uploads

Numbers in brackets are those of spec/ietf-resumable-upload.md.
"""

import base64
import hashlib
import threading
import time

import pytest

from conversation import chunk, request
from endpoint import pattern
from ietf import NEWEST, appends, creates, endpoint, every_version, told_complete

CONTENT = pattern(100_000)


def digest(*names, of):
    return ", ".join(f"{name}=:{base64.b64encode(hashlib.new(name.replace('-', ''), of).digest()).decode()}:"
                     for name in names)


RIGHT = [
    digest("sha-256", of=CONTENT),
    digest("sha-512", of=CONTENT),
    digest("sha-512", "sha-256", of=CONTENT),
    digest("md5", of=b"other") + ", " + digest("sha-256", of=CONTENT) + ";a=b",
    digest("md5", of=b"other") + ", unknown=5",
]
WRONG = [
    digest("sha-256", of=CONTENT[:-1]),
    digest("sha-512", of=b""),
    digest("sha-256", of=CONTENT) + ", " + digest("sha-512", of=b""),
]
UNREADABLE = ["sha-256=:YQ==:", "sha-256", "sha-256=abc", "!", digest("sha-256", of=CONTENT) + ","]


@every_version
@pytest.mark.parametrize("value", RIGHT, ids=range(len(RIGHT)))
def test_content_that_has_its_digest(endpoint, version, value):
    """[R54] Of a creation and of an append; other algorithms are ignored."""
    field = f"Content-Digest: {value}"
    endpoint.make(version, True, field, body=CONTENT).expect_at(100_000, True, CONTENT)
    upload = endpoint.make(version, False, body=b"")
    upload.append(0, CONTENT, False, field)
    upload.append(100_000, CONTENT, True, field)
    upload.expect_at(200_000, True, CONTENT + CONTENT)


@every_version
@pytest.mark.parametrize("value", WRONG, ids=range(len(WRONG)))
def test_content_that_has_another_digest_is_not_appended(endpoint, version, value):
    """[R54] And the client may try again."""
    field = f"Content-Digest: {value}"
    upload = endpoint.make(version, False, body=b"0123456789")
    for chunks in (None, [CONTENT[:70_000], CONTENT[70_000:]]):
        with upload.unchanged():
            answer = upload.append(10, CONTENT, True, field, status=400, chunks=chunks)
        assert told_complete(answer, version) is False
        assert answer.field("Upload-Offset") == "10"
        assert b"Content-Digest" in answer.body
    upload.append(10, CONTENT, True, f"Content-Digest: {RIGHT[0]}")
    upload.expect_at(100_010, True, b"0123456789" + CONTENT)


@pytest.mark.parametrize("version", NEWEST)
def test_a_creation_whose_content_has_another_digest(endpoint, version):
    """[R54] The upload is there, and empty."""
    answer = endpoint.say(version, "POST", "/files/", *creates(version, True, f"Content-Digest: {WRONG[0]}"),
                          body=CONTENT, status=400)
    assert told_complete(answer, version) is False
    assert answer.field("Upload-Offset") == "0"
    assert answer.interim == []


@pytest.mark.parametrize("name", ["Content-Digest", "Repr-Digest"])
@pytest.mark.parametrize("value", UNREADABLE, ids=range(len(UNREADABLE)))
def test_a_digest_that_cannot_be_read_is_refused(endpoint, name, value):
    """[R54, R55] Nobody must believe that it was compared."""
    with endpoint.nothing_created():
        endpoint.say(8, "POST", "/files/", *creates(8, True, f"{name}: {value}"), body=CONTENT, status=400)


@every_version
def test_a_length_comes_with_verified_content(endpoint, version):
    """[R18, R54]"""
    upload = endpoint.make(version, False, body=b"")
    upload.append(0, CONTENT, False, "Upload-Length: 200000", f"Content-Digest: {WRONG[0]}", status=400)
    assert upload.head().field("Upload-Length") is None
    upload.append(0, CONTENT, False, "Upload-Length: 200000", f"Content-Digest: {RIGHT[0]}")
    assert upload.head().field("Upload-Length") == "200000"


@every_version
def test_verified_chunks_that_end_before_the_length_do_not_complete(endpoint, version):
    """[R41, R54] The length of the same request is no less binding than one that was known before."""
    field = f"Content-Digest: {RIGHT[0]}"
    upload = endpoint.make(version, False, body=b"")
    answer = upload.append(0, b"", True, "Upload-Length: 100001", field, chunks=[CONTENT[:70_000], CONTENT[70_000:]],
                           status=400)
    assert told_complete(answer, version) is False
    assert upload.expect_at(100_000, False, CONTENT).field("Upload-Length") == "100001"
    upload.append(100_000, b"x", True)


def test_content_that_breaks_off_before_it_could_be_verified_is_kept(endpoint):
    """[R54] As any other: nothing speaks against these bytes."""
    upload = endpoint.make(8, False, f"Repr-Digest: {RIGHT[0]}", body=b"")
    with endpoint.line() as line:
        upload.begin(line, 0, 100_000, CONTENT[:60_000], True, f"Content-Digest: {RIGHT[0]}")
        upload.wait_for_bytes(60_000)
    upload.expect_at(60_000, False, CONTENT[:60_000])
    upload.append(60_000, CONTENT[60_000:], True, f"Content-Digest: {digest('sha-256', of=CONTENT[60_000:])}")
    upload.expect_at(100_000, True, CONTENT)


def test_content_that_a_newer_request_ends_before_it_could_be_verified_is_kept(endpoint):
    """[R54] In full flight, over and over: the server may meet the end in whatever it is about."""
    content = pattern(32_000_000)
    field = f"Content-Digest: {digest('sha-256', of=content)}"
    for count in range(1_000_000, 11_000_000, 1_000_000):
        upload = endpoint.make(8, False, body=b"")
        with endpoint.line() as line:
            upload.begin(line, 0, len(content), b"", True, field)
            sender = threading.Thread(target=line.send_whatever, args=(content,))
            sender.start()
            upload.wait_for_bytes(count)
            offset = upload.offset()
            sender.join()
        assert count <= offset <= len(content)
        assert upload.bytes_on_disk()[:offset] == content[:offset]


@every_version
def test_an_upload_is_not_completed_by_content_that_could_not_be_verified(endpoint, version):
    """[R54] Where the length completes it, a break behind the last byte would."""
    upload = endpoint.make(version, False, "Upload-Length: 100010", body=b"0123456789")
    with endpoint.line() as line:
        line.send(request("PATCH", upload.path, *appends(version, 10, True, f"Content-Digest: {WRONG[0]}"),
                          "Transfer-Encoding: chunked"), chunk(CONTENT)).half_close()
        line.read_until_closed()
    upload.expect_at(10 if version in (5, 6) else 100_010, False)


@every_version
def test_the_whole_has_the_digest_that_was_stated_for_it(endpoint, version):
    """[R55] And the answers tell it, the repeated one, too."""
    stated = digest("sha-256", of=CONTENT)
    upload = endpoint.make(version, False, f"Repr-Digest: {stated}", body=CONTENT[:30_000])
    assert upload.answer.field("Repr-Digest") is None
    assert upload.append(30_000, CONTENT[30_000:], True).field("Repr-Digest") == stated
    assert upload.append(100_000, b"", True).field("Repr-Digest") == stated
    assert upload.head().field("Repr-Digest") == stated


@every_version
def test_the_whole_has_another_digest_than_was_stated(endpoint, version):
    """[R48, R55] A final response: resuming does not help."""
    stated = digest("sha-256", of=CONTENT[:-1])
    upload = endpoint.make(version, False, f"Repr-Digest: {stated}", body=CONTENT[:30_000])
    answer = upload.append(30_000, CONTENT[30_000:], True, status=422)
    assert told_complete(answer, version) is True
    upload.head(status=404 if (version or 99) <= 6 else 410)


@every_version
def test_a_digest_that_is_wanted_is_told(endpoint, version):
    """[R56]"""
    upload = endpoint.make(version, True, "Want-Repr-Digest: sha-512=3, sha-256=10, unixsum=0", body=CONTENT)
    assert upload.answer.field("Repr-Digest") == digest("sha-256", of=CONTENT)
    assert upload.head().field("Repr-Digest") == digest("sha-256", of=CONTENT)


def test_a_stated_digest_of_another_algorithm_is_ignored(endpoint):
    """[R55, R56]"""
    endpoint.make(8, True, f"Repr-Digest: {digest('sha-512', of=b'')}", body=CONTENT).expect_at(100_000, True)


def test_no_progress_of_content_that_may_have_to_be_taken_back(endpoint):
    """[R54] An offset that was told never decreases."""
    content = pattern(1536 * 1024)
    upload = endpoint.make(8, False, body=b"")
    with endpoint.line() as line:
        upload.begin(line, 0, len(content), b"", True,
                     "Content-Digest: sha-256=:ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=:")
        for piece in range(0, len(content), 64 * 1024):  # for longer than the second after which it would be told
            line.send(content[piece:piece + 64 * 1024])
            time.sleep(0.06)
        line.expect_next(400)
