"""
104 (Upload Resumption Supported): interim responses, sent beside libmicrohttpd on its socket

They come whole, in their place, and only to those who understand them. Numbers in brackets are those of
spec/ietf-resumable-upload.md.
"""

import os
import random
import re
import shutil
import subprocess
import time

import pytest

from conversation import SLOW, chunk, eventually, header, request
from endpoint import pattern
from ietf import (VERSIONS, IetfUpload, appends, check_answer, creates, endpoint, endpoints, interrupted,
                  told_complete)

WITH_INTERIM = VERSIONS[:-1]
EXCHANGES = int(os.environ.get("FERRY_EXCHANGES", 150 if SLOW else 1500))


@pytest.mark.parametrize("version", WITH_INTERIM)
def test_the_announcement_comes_before_any_content_is_sent(endpoint, version):
    """[R11, R12] The client may wait for it."""
    with endpoint.line() as line:
        line.send(header("POST", "/files/", *creates(version, True), length=3))
        interim = line.expect_next(104)
        assert interim.field("Upload-Draft-Interop-Version") == str(version)
        assert {name for name, _ in interim.fields} <= {"Upload-Draft-Interop-Version", "Location", "Upload-Limit"}
        upload = IetfUpload(endpoint, version, interim)
        assert upload.id in endpoint.rows(), "it was announced before it was there"
        line.send(b"abc")
        final = check_answer(line.expect(201), version)
        assert final.field("Location") == interim.field("Location")


def test_chunks_are_announced_too(endpoint):
    with endpoint.line() as line:
        line.send(header("POST", "/files/", *creates(8, True), "Transfer-Encoding: chunked"))
        upload = interrupted(endpoint, 8, line)
        line.send(chunk(b"abc"), b"0\r\n\r\n")
        line.expect_next(201)
    upload.expect_at(3, True, b"abc")


def test_chunks_that_are_none_are_refused_after_the_announcement(endpoint):
    """Whoever refuses them, and however soon: an interim response never follows a final one."""
    for _ in range(50):
        with endpoint.line() as line:
            line.send(header("POST", "/files/", *creates(8, True), "Transfer-Encoding: chunked"), b"none\r\n")
            assert [line.next_answer().status for _ in range(2)] == [104, 400]
            line.expect_closed()


def test_on_a_connection_that_is_kept_each_comes_in_its_place(endpoint):
    """[R12] Before the final response of its own request, and as its Location."""
    with endpoint.line() as line:
        for round in range(20):
            body = pattern(round * 500, round)
            line.send(header("POST", "/files/", *creates(6, True), length=len(body)))
            interim = line.expect_next(104)
            line.send(body)
            final = check_answer(line.next_answer(), 6)
            assert final.status == 201
            assert interim.field("Location") == final.field("Location")
            IetfUpload(endpoint, 6, final).expect_at(len(body), True, body)


def test_who_expects_100_gets_both(endpoint):
    """[R14] 104 does not stand for 100, on a fresh connection and on one that is kept."""
    with endpoint.line() as line:
        for _ in range(3):
            line.send(header("POST", "/files/", *creates(8, True), "Expect: 100-continue", length=3))
            assert [line.next_answer().status for _ in range(2)] == [104, 100]
            line.send(b"abc")
            line.expect_next(201)


def test_who_expects_100_and_is_refused_gets_neither(endpoint):
    with endpoint.line() as line:
        line.send(header("POST", "/files/", *creates(8, True), "Upload-Length: 4", "Expect: 100-continue", length=3))
        line.expect_next(400)


@pytest.mark.parametrize("fields", [
    ("Upload-Complete: ?1",),
    ("Upload-Complete: ?1", "Upload-Draft-Interop-Version: 2"),
    ("Upload-Complete: ?1", "Upload-Draft-Interop-Version: 11"),
    ("Upload-Complete: ?1", "Upload-Draft-Interop-Version: eight"),
    ("Upload-Complete: ?1", "Upload-Draft-Interop-Version: 8", "Upload-Draft-Interop-Version: 8"),
    ("Upload-Complete: ?1", "Upload-Draft-Interop-Version: 8",
     "Content-Digest: sha-256=:ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=:"),
])
def test_to_some_nothing_is_announced(endpoint, fields):
    """[R13, R54, 2.7] No version, an unknown one, content that may have to be taken back."""
    with endpoint.line() as line:
        line.send(request("POST", "/files/", *fields, body=b"abc"))
        line.expect_next(201)


def test_to_http_1_0_nothing_is_announced(endpoint):
    """[R13]"""
    with endpoint.line() as line:
        line.send(request("POST", "/files/", *creates(8, True), body=b"abc", version="1.0"))
        answer = line.expect_next(201)
    IetfUpload(endpoint, 8, answer).expect_at(3, True, b"abc")


def slowly(line, content, seconds=0.06):
    for piece in range(0, len(content), 64 * 1024):
        line.send(content[piece:piece + 64 * 1024])
        time.sleep(seconds)


@pytest.mark.parametrize("version", [6, 10])
def test_progress_is_told_during_a_long_append(endpoint, version):
    """[R15, R46] Durable offsets, growing, without Location, at most one a second."""
    content = pattern(3 * 1024 * 1024)
    upload = endpoint.make(version, False, body=b"")
    with endpoint.line() as line:
        begun = time.monotonic()
        upload.begin(line, 0, len(content))
        slowly(line, content[:-1])
        eventually("something was told", lambda: not line.is_quiet())
        line.send(content[-1:])
        interim = []
        while (answer := line.next_answer()).status == 104:
            interim.append(answer)
        took = time.monotonic() - begun
    assert answer.status == 201
    offsets = [int(told.field("Upload-Offset")) for told in interim]
    assert offsets and offsets == sorted(set(offsets)) and 0 < offsets[0] and offsets[-1] <= len(content)
    assert len(offsets) <= took
    for told in interim:
        assert told.field("Location") is None
        assert told.field("Upload-Draft-Interop-Version") == str(version)


def test_what_progress_tells_survives_the_server(endpoints):
    """[R15] "a guarantee that no retransmission of it will be necessary" """
    endpoint = endpoints()
    content = pattern(3 * 1024 * 1024)
    upload = endpoint.make(8, False, body=b"")
    with endpoint.line() as line:
        upload.begin(line, 0, 10 * len(content))
        for piece in range(0, len(content), 64 * 1024):
            line.send(content[piece:piece + 64 * 1024])
            if not line.is_quiet(0.1):
                break
        told = int(line.expect_next(104).field("Upload-Offset"))
        endpoint.crash()
    endpoint.start()
    offset = upload.offset()
    assert offset >= told > 0
    upload.expect_at(offset, False, content[:offset])


# --- other people's parsers ---


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not there")
@pytest.mark.parametrize("expect", ["", "100-continue"])
def test_curl_sees_the_announcement(endpoint, tmp_path, expect):
    """[R11, R14] On a fresh connection and on the same one again."""
    file = tmp_path / "file"
    file.write_bytes(pattern(200_000))
    url = endpoint.server.urls[0]
    one = ["-sv", "-H", "Upload-Draft-Interop-Version: 8", "-H", "Upload-Complete: ?1", "-H", f"Expect: {expect}",
           "-H", "Content-Type: video/mp4", "--data-binary", f"@{file}", url]
    result = subprocess.run(["curl", *one, "--next", *one], capture_output=True, timeout=60, text=True)
    assert result.returncode == 0, result.stderr
    statuses = re.findall(r"^< HTTP/1\.1 (\d+)", result.stderr, re.MULTILINE)
    assert statuses == (["104", "100", "201"] if expect else ["104", "201"]) * 2
    assert "Re-using existing connection" in result.stderr


# --- whatever clients do ---


class RandomClient:
    """Sends requests that may be pipelined or cut, and knows which answers it may get."""

    def __init__(self, endpoint, seed):
        self.endpoint = endpoint
        self.chance = random.Random(seed)

    def one(self):
        """A request, and what its final response says."""
        version = self.chance.choice(VERSIONS)
        body = pattern(self.chance.choice([0, 1, 500, 5000, 40_000]), self.chance.randrange(100))
        expect = ("Expect: 100-continue",) if self.chance.random() < 0.1 else ()
        kind = self.chance.random()
        if kind < 0.6:
            return request("POST", "/files/", *creates(version, True), *expect, body=body), 201, version
        if kind < 0.75:  # who expects 100 and is refused has to find the connection closed
            fields = appends(version, 0, True)
            return request("PATCH", "/files/" + 32 * "0", *fields, body=body[:5000]), 404, version
        if kind < 0.9:
            return request("GET", "/healthz"), 200, None
        return request("OPTIONS", "/files/"), 200, None

    def talk(self):
        """One connection; how many exchanges were seen to their end."""
        wanted = [self.one() for _ in range(self.chance.randrange(1, 6))]
        data = b"".join(sent for sent, _, _ in wanted)
        cut = self.chance.randrange(len(data)) if self.chance.random() < 0.2 else len(data)
        with self.endpoint.line() as line:
            for piece in self.pieces(data[:cut]):
                if not line.send_whatever(piece):
                    break
            if cut < len(data):
                return 0
            return sum(self.hear(line, *request) for request in wanted)

    def pieces(self, data):
        while data:
            count = self.chance.choice([1, 100, 3000, len(data), len(data)])
            yield data[:count]
            data = data[count:]

    def hear(self, line, _, status, version):
        announced = None
        while (answer := line.next_answer()).status < 200:
            assert status == 201 or answer.status == 100, f"out of place: {answer}"
            if answer.status == 104:
                assert announced is None and answer.field("Upload-Draft-Interop-Version") == str(version), answer
                announced = answer.field("Location")
        assert answer.status == status, f"{status} expected, got {answer}"
        if status == 201:
            assert announced in (None, answer.field("Location")), answer
            assert told_complete(answer, version) is True
        return 1


def test_many_exchanges_in_random_pieces_are_all_in_order(endpoint):
    """Not one malformed or misplaced response, however requests are pipelined and cut: Line is strict.
    FERRY_EXCHANGES=10000 for a long run."""
    seen, seed = 0, 0
    while seen < EXCHANGES:
        try:
            seen += RandomClient(endpoint, seed).talk()
        except (AssertionError, OSError) as error:
            raise AssertionError(f"seed {seed}: {error}") from error
        seed += 1
    print(f"{seen} exchanges on {seed} connections")
