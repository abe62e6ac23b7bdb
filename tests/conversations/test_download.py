"""
Reading an upload back: GET, and what HEAD tells of it

The tables of the parsers are in tests/protocol; here is what arrives at a client, and what becomes of a
download when the client, the file, the disk or the server does not go on. spec/http.md names the
requirements.
"""

import base64
import contextlib
import os
import re
import socket
import sqlite3
import subprocess

import pytest

import conversation
from conversation import PATIENCE, bound, eventually, header, request
from endpoint import VERSION, b64, check_general, endpoint, endpoints, follow_up, pattern

KIB, MIB = 1024, 1024 * 1024
CONTENT = pattern(10_000, seed=1)
THEN = "Sun, 06 Nov 1994 08:49:37 GMT"
LATER = "Fri, 31 Dec 9999 23:59:59 GMT"


def complete(endpoint, content, **metadata):
    fields = ("Upload-Metadata: " + ",".join(f"{key} {value}" for key, value in metadata.items()),) if metadata else ()
    upload = endpoint.create(len(content), *fields)
    if content:
        upload.patch(0, content)
    upload.content = content
    return upload


def get(endpoint, upload, *fields, status=200, method="GET", **options):
    """On a line of its own, which must be as good as before."""
    with endpoint.line() as line:
        line.send(request(method, upload.path, *fields, **options))
        answer = line.expect(status, method=method)
        if status != 412:  # which has nothing to do with the version here
            check_general(answer, method)
        follow_up(line)
        return answer


@pytest.fixture(scope="module")
def stored(endpoint):
    return complete(endpoint, CONTENT)


@pytest.fixture(scope="module")
def validators(endpoint, stored):
    answer = get(endpoint, stored)
    return {"etag": answer.field("ETag"), "date": answer.field("Last-Modified")}


# --- the whole ---


@pytest.mark.parametrize("count", [0, 1, 64 * KIB - 1, 64 * KIB, 64 * KIB + 1, 3 * MIB + 7])
def test_what_was_uploaded_is_read_back(endpoint, count):
    upload = complete(endpoint, pattern(count, seed=count))
    answer = get(endpoint, upload)
    assert answer.body == upload.content
    assert answer.field("Content-Length") == str(count)


def test_an_answer_says_what_a_client_needs_to_know(endpoint, stored):
    answer = get(endpoint, stored)
    assert answer.field("ETag") == f'"{stored.id}"'
    assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", answer.field("Last-Modified"))
    assert answer.field("Accept-Ranges") == "bytes"
    assert answer.field("Content-Type") == "application/octet-stream"
    assert answer.field("Content-Disposition") == "attachment"
    assert answer.field("Content-Security-Policy") == "sandbox"
    assert answer.field("X-Content-Type-Options") == "nosniff"
    assert answer.field("Cache-Control") == "private, max-age=31536000, immutable"
    assert answer.field("Vary") == "Accept, Origin"
    assert answer.field("Upload-Offset") is None


def test_validators_do_not_change(endpoint, stored, validators):
    for method in "GET", "HEAD":
        answer = get(endpoint, stored, method=method)
        assert (answer.field("ETag"), answer.field("Last-Modified")) == (validators["etag"], validators["date"])


def test_head_tells_what_get_would(endpoint, stored):
    """And what tus wants; but it is never to be kept by a cache, as tus wants it, too."""
    told = {name: value for name, value in get(endpoint, stored).lasting if name != "Cache-Control"}
    for fields in (), (VERSION,), ("Range: bytes=0-1",):
        answer = get(endpoint, stored, *fields, method="HEAD")
        assert told.items() <= dict(answer.fields).items()
        assert answer.field("Content-Length") == str(len(CONTENT))
        assert answer.field("Upload-Offset") == str(len(CONTENT))
        assert answer.field("Cache-Control") == "no-store"


def test_an_upload_that_is_not_complete_is_409(endpoint):
    upload = endpoint.create(10)
    upload.patch(0, b"abc")
    for target in upload, endpoint.deferred():
        answer = get(endpoint, target, "Range: bytes=0-1", "If-None-Match: *", status=409)
        assert answer.field("ETag") is None
        assert answer.field("Cache-Control") == "no-store"
        assert get(endpoint, target, method="HEAD").field("Content-Length") == "0"


def test_an_upload_that_is_not_there_is_404(endpoint, stored):
    gone = complete(endpoint, b"abc")
    gone.delete()
    with endpoint.line() as line:
        assert line.send(request("GET", gone.path, "If-None-Match: *")).next_answer().status in (404, 410)
    for target in "/files/" + 32 * "0", stored.path + "0":
        endpoint.ask("GET", target, "If-None-Match: *", status=404)


def test_a_version_of_tus_makes_no_difference(endpoint, stored):
    for version in "1.0.0", "0.2.2":
        assert get(endpoint, stored, f"Tus-Resumable: {version}").body == CONTENT


# --- ranges: RFC 9110, 14 ---

PARTS = [
    ("bytes=0-499", 0, 500), ("bytes=500-999", 500, 500), ("bytes=-500", 9500, 500), ("bytes=9500-", 9500, 500),
    ("bytes=0-0", 0, 1), ("bytes=-1", 9999, 1), ("bytes=9999-", 9999, 1), ("bytes=0-", 0, 10000),
    ("bytes=0-99999999999999999999999", 0, 10000), ("bytes=-99999", 0, 10000), ("Bytes=1-2", 1, 2),
    ("bytes=, 1-2 ,", 1, 2),
]
WHOLES = ["bytes=", "bytes=-", "bytes=2-1", "bytes=a-b", "bytes=0-1,5-6", "bytes=0-,0-,0-", "seconds=1-2", "1-2",
          "bytes=0-1;", "bytes 0-1", ""]
NOWHERE = ["bytes=10000-", "bytes=10000-10001", "bytes=-0", "bytes=99999999999999999999999-"]


@pytest.mark.parametrize("value, first, count", PARTS)
def test_a_range_is_a_part(endpoint, stored, value, first, count):
    answer = get(endpoint, stored, f"Range: {value}", status=206)
    assert answer.body == CONTENT[first:first + count]
    assert answer.field("Content-Range") == f"bytes {first}-{first + count - 1}/10000"
    for name in "ETag", "Last-Modified", "Cache-Control", "Vary", "Content-Disposition":
        assert answer.field(name) == get(endpoint, stored).field(name)


@pytest.mark.parametrize("value", WHOLES)
def test_what_is_no_range_or_several_is_ignored(endpoint, stored, value):
    answer = get(endpoint, stored, f"Range: {value}")
    assert answer.body == CONTENT
    assert answer.field("Content-Range") is None


def test_two_fields_are_several_ranges(endpoint, stored):
    assert get(endpoint, stored, "Range: bytes=0-1", "Range: bytes=3-4").body == CONTENT


@pytest.mark.parametrize("value", NOWHERE)
def test_a_range_beyond_the_end_is_416(endpoint, stored, value):
    answer = get(endpoint, stored, f"Range: {value}", status=416)
    assert answer.field("Content-Range") == "bytes */10000"
    assert answer.field("ETag") is None
    assert answer.field("Cache-Control") == "no-store"


def test_ranges_of_nothing(endpoint):
    nothing = complete(endpoint, b"")
    assert get(endpoint, nothing, "Range: bytes=-1").body == b""
    assert get(endpoint, nothing, "Range: bytes=0-", status=416).field("Content-Range") == "bytes */0"


def test_parts_make_the_whole(endpoint):
    upload = complete(endpoint, pattern(300_001, seed=2))
    with endpoint.line() as line:
        pieces = []
        for first in range(0, len(upload.content), 70_000):
            line.send(request("GET", upload.path, f"Range: bytes={first}-{first + 69_999}"))
            pieces.append(line.expect(206).body)
    assert b"".join(pieces) == upload.content


# --- preconditions: RFC 9110, 13 ---

# Fields, with %(etag)s and %(date)s; the status of a GET, and of one with a Range
PRECONDITIONS = [
    (["If-Match: %(etag)s"], 200, 206),
    (["If-Match: \"other\", %(etag)s"], 200, 206),
    (["If-Match: *"], 200, 206),
    (["If-Match: \"other\""], 412, 412),
    (["If-Match: W/%(etag)s"], 412, 412),
    (["If-None-Match: %(etag)s"], 304, 304),
    (["If-None-Match: W/%(etag)s"], 304, 304),
    (["If-None-Match: \"other\"", "If-None-Match: %(etag)s"], 304, 304),
    (["If-None-Match: *"], 304, 304),
    (["If-None-Match: \"other\""], 200, 206),
    (["If-Modified-Since: %(date)s"], 304, 304),
    (["If-Modified-Since: " + LATER], 304, 304),
    (["If-Modified-Since: " + THEN], 200, 206),
    (["If-Modified-Since: yesterday"], 200, 206),
    (["If-Unmodified-Since: %(date)s"], 200, 206),
    (["If-Unmodified-Since: " + THEN], 412, 412),
    (["If-Unmodified-Since: yesterday"], 200, 206),
    (["If-Match: %(etag)s", "If-Unmodified-Since: " + THEN], 200, 206),
    (["If-Match: \"other\"", "If-None-Match: %(etag)s"], 412, 412),
    (["If-Match: %(etag)s", "If-None-Match: %(etag)s"], 304, 304),
    (["If-None-Match: \"other\"", "If-Modified-Since: %(date)s"], 200, 206),
    (["If-Range: %(etag)s"], 200, 206),
    (["If-Range: %(date)s"], 200, 206),
    (["If-Range: W/%(etag)s"], 200, 200),
    (["If-Range: \"other\""], 200, 200),
    (["If-Range: " + THEN], 200, 200),
    (["If-Range: " + LATER], 200, 200),
    (["If-Range: nonsense"], 200, 200),
    (["If-None-Match: %(etag)s", "If-Range: \"other\""], 304, 304),
]


@pytest.mark.parametrize("fields, whole, part", PRECONDITIONS, ids=lambda value: str(value)[:60])
def test_preconditions_decide(endpoint, stored, validators, fields, whole, part):
    fields = [field % validators for field in fields]
    expected = {200: CONTENT, 206: CONTENT[100:200], 304: b""}
    for more, status in ([], whole), (["Range: bytes=100-199"], part):
        answer = get(endpoint, stored, *fields, *more, status=status)
        assert status == 412 or answer.body == expected[status]
        if status == 304:
            assert answer.field("ETag") == validators["etag"]
            assert answer.field("Cache-Control") == "private, max-age=31536000, immutable"
            assert answer.field("Vary") == "Accept, Origin"
            assert answer.field("Content-Length") in (None, str(len(CONTENT)))
    answer = get(endpoint, stored, *fields, method="HEAD", status=whole)
    assert answer.field("Cache-Control") == "no-store"
    assert whole == 412 or answer.field("Content-Length") in (None, str(len(CONTENT)))


def test_a_range_that_does_not_count_is_not_looked_at(endpoint, stored):
    """RFC 9110, 13.1.5: a false If-Range and a Range beyond the end are the whole."""
    assert get(endpoint, stored, "If-Range: \"other\"", "Range: bytes=10000-").body == CONTENT


@pytest.mark.parametrize("field", ["If-Match: \"other\"", "If-None-Match: *", "If-Modified-Since: " + LATER])
def test_preconditions_do_not_keep_an_offset_from_a_client_of_tus(endpoint, stored, field):
    answer = get(endpoint, stored, VERSION, field, method="HEAD")
    assert answer.field("Upload-Offset") == str(len(CONTENT))


@pytest.mark.parametrize("by", [(VERSION,), ("Upload-Draft-Interop-Version: 8",)], ids=["tus", "the IETF's protocol"])
def test_what_is_no_more_what_it_was_is_not_removed(endpoint, by):
    """RFC 9110, 13.1.1: "MUST NOT perform the requested method". """
    upload, begun = complete(endpoint, b"abc"), endpoint.create(10)
    for target, field in ((upload, 'If-Match: "other"'), (upload, "If-None-Match: *"),
                          (upload, "If-Unmodified-Since: " + THEN), (begun, "If-Match: *")):
        get(endpoint, target, *by, field, method="DELETE", status=412)
    assert get(endpoint, upload).body == b"abc"
    for target, field in (upload, f'If-Match: "{upload.id}"'), (begun, "If-Unmodified-Since: " + THEN):
        get(endpoint, target, *by, field, method="DELETE", status=204)


# --- what a client has said of its file ---


@pytest.mark.parametrize("metadata, content_type, disposition", [
    ({"filename": "a.txt", "filetype": "text/plain"}, "text/plain", "inline; filename=\"a.txt\""),
    ({"name": "a.txt", "type": "text/plain;charset=utf-8"}, "text/plain;charset=utf-8", "inline; filename=\"a.txt\""),
    ({"filetype": "IMAGE/PNG"}, "IMAGE/PNG", "inline"),
    ({"filename": "a.mp4", "filetype": "video/mp4", "name": "b", "type": "text/html"}, "video/mp4",
     "inline; filename=\"a.mp4\""),
    ({"filename": "a.html", "filetype": "text/html"}, "text/html", "attachment; filename=\"a.html\""),
    ({"filename": "a.svg", "filetype": "image/svg+xml"}, "image/svg+xml", "attachment; filename=\"a.svg\""),
    ({"filename": "a.pdf", "filetype": "application/pdf"}, "application/pdf", "attachment; filename=\"a.pdf\""),
    ({"filename": "naïve €.txt"}, "application/octet-stream",
     "attachment; filename=\"na_ve _.txt\"; filename*=UTF-8''na%C3%AFve%20%E2%82%AC.txt"),
    ({"filename": ""}, "application/octet-stream", "attachment"),
])
def test_the_name_and_the_type_are_told_again(endpoint, metadata, content_type, disposition):
    upload = complete(endpoint, b"abc", **{key: b64(value) for key, value in metadata.items()})
    answer = get(endpoint, upload)
    assert answer.field("Content-Type") == content_type
    assert answer.field("Content-Disposition") == disposition


HOSTILE = ["a\r\nSet-Cookie: b=c\r\n\r\n<script>", "\r", "\n", "\0", "a\0b", "\"", "a\"; filename=\"b.exe", "\\\\\"", "../../etc/passwd",
           "..", "/", "text/html\r\nX: y", "text/html; a=\"\r\nX: y\"", "text/\0html", "text/html, text/plain",
           "\x1b[2J", "ü" * 300, "%0d%0aX: y", "x" * 46_000, "\u202efdp.exe", "text/plain;a=\"\\\"\""]


@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: repr(value[:30]))
def test_nothing_hostile_gets_into_a_header(endpoint, value):
    """46,000 characters are 60 KB of base64, nearly what a header has room for."""
    field = {"filename": b64(value)} if len(value) > 1000 else {"filename": b64(value), "filetype": b64(value)}
    upload = complete(endpoint, b"abc", **field)
    plain = {name for name, _ in get(endpoint, complete(endpoint, b"abc")).fields}
    for method in "GET", "HEAD":
        answer = get(endpoint, upload, method=method)
        assert {name for name, _ in answer.fields} <= plain | {"Upload-Offset", "Upload-Length", "Upload-Metadata"}
        assert answer.field("Content-Type") == "application/octet-stream"
        assert re.fullmatch(r'attachment(; filename="[^"\\/%\x00-\x1f\x7f-\xff]*"'
                            r"(; filename\*=UTF-8''([A-Za-z0-9!#$&+.^_`|~-]|%[0-9A-F]{2})*)?)?",
                            answer.field("Content-Disposition"))
        assert len(answer.field("Content-Disposition")) < 1200


@pytest.mark.parametrize("raw", [b"\xff\xfe\xfd", b"a\xc0\xafb", b"\xed\xa0\x80", bytes(range(128, 256))])
def test_a_name_that_is_not_text(endpoint, raw):
    upload = complete(endpoint, b"abc", filename=base64.b64encode(raw).decode())
    assert re.fullmatch(r'attachment; filename="[_ab]+"', get(endpoint, upload).field("Content-Disposition"))


# --- requests in odd clothes ---


def test_downloads_one_after_the_other_on_one_line(endpoint, stored):
    with endpoint.line() as line:
        for _ in range(3):
            line.send(request("GET", stored.path))
            assert line.expect(200).body == CONTENT
        follow_up(line)


def test_pipelined_downloads(endpoint, stored):
    big = complete(endpoint, pattern(2 * MIB, seed=3))
    with endpoint.line() as line:
        line.send(request("GET", stored.path), request("GET", big.path), request("HEAD", stored.path),
                  request("GET", stored.path, "Range: bytes=0-9"), request("GET", big.path))
        assert line.expect(200).body == CONTENT
        assert line.expect(200).body == big.content
        line.expect(200, method="HEAD")
        assert line.expect(206).body == CONTENT[:10]
        assert line.expect(200).body == big.content
        follow_up(line)


def test_http_1_0(endpoint, stored):
    with endpoint.line() as line:
        line.send(request("GET", stored.path, version="1.0"))
        assert line.expect(200).body == CONTENT
        line.expect_closed()


def test_a_client_that_has_shut_down_its_side_gets_everything(endpoint):
    big = complete(endpoint, pattern(4 * MIB, seed=4))
    with endpoint.line() as line:
        line.send(request("GET", big.path)).half_close()
        assert line.expect(200).body == big.content
        line.expect_closed()


def test_the_override_decides_what_is_done_and_the_method_what_is_sent(endpoint, stored):
    override = "X-HTTP-Method-Override: "
    assert get(endpoint, stored, override + "GET", method="POST", body=b"").body == CONTENT
    assert get(endpoint, stored, override + "GET", method="HEAD").field("Content-Length") == "10000"
    assert get(endpoint, stored, override + "GET", "Range: bytes=0-1", method="POST", body=b"", status=206).body == CONTENT[:2]
    for method in "GET", "POST":
        answer = get(endpoint, stored, override + "HEAD", method=method)
        assert answer.body == b""
        assert answer.field("Upload-Offset") == "10000"


def test_a_body_is_read_away(endpoint, stored):
    assert get(endpoint, stored, body=b"x" * 100_000).body == CONTENT
    with endpoint.line() as line:
        line.send(request("GET", stored.path, chunks=[b"abc", b"def"]))
        assert line.expect(200).body == CONTENT
    with endpoint.line() as line:
        line.send(header("GET", stored.path, "Expect: 100-continue", length=3))
        line.expect_next(100)
        line.send(b"abc")
        assert line.expect(200).body == CONTENT
        follow_up(line)


def test_a_body_too_long_to_be_read_away_is_413(endpoint, stored):
    """What is said by hand has no content: libmicrohttpd sends none before the body has ended."""
    with endpoint.line() as line:
        line.send(header("GET", stored.path, length=10 * MIB), bytes(64 * KIB))
        check_general(line.expect(413))
        line.send_whatever(bytes(MIB))
    with endpoint.line() as line:
        line.send(header("HEAD", stored.path, length=10 * MIB), bytes(64 * KIB))
        assert line.expect(200, method="HEAD").field("Content-Length") == "10000"


# --- other people's programs ---


def test_curl_goes_on_where_it_was_cut(endpoint, tmp_path):
    upload = complete(endpoint, pattern(300_000, seed=5))
    url = endpoint.server.urls[0] + upload.id
    file = tmp_path / "got"
    file.write_bytes(upload.content[:123_456])
    subprocess.run(["curl", "--fail", "--silent", "--show-error", "-C", "-", "-o", file, url], check=True)
    assert file.read_bytes() == upload.content


def test_curl_asks_only_when_it_has_to(endpoint, tmp_path):
    upload = complete(endpoint, pattern(1000, seed=6))
    url = endpoint.server.urls[0] + upload.id
    ask = ["curl", "--silent", "--show-error", "--etag-save", tmp_path / "etag", "--etag-compare", tmp_path / "etag",
           "-o", tmp_path / "got", "-w", "%{http_code}", url]
    assert subprocess.run(ask, check=True, capture_output=True).stdout == b"200"
    assert subprocess.run(ask, check=True, capture_output=True).stdout == b"304"
    assert (tmp_path / "got").read_bytes() == upload.content


def test_curl_saves_under_the_name_that_was_told(endpoint, tmp_path):
    upload = complete(endpoint, b"abc", filename=b64("../holiday.txt"))
    subprocess.run(["curl", "--fail", "--silent", "--show-error", "-OJ", endpoint.server.urls[0] + upload.id],
                   check=True, cwd=tmp_path)
    assert (tmp_path / "_._holiday.txt").read_bytes() == b"abc"


# --- clients that are slow, and clients that vanish ---


def begin_download(endpoint, upload, *fields):
    """Nothing of it is read but the beginning, and the kernels take only a little."""
    line = endpoint.line(receive_buffer=4 * KIB)
    line.send(request("GET", upload.path, *fields))
    line._until(b"\r\n\r\n", None)
    return line


def finish_download(line, upload):
    line.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * MIB)
    while len(line.received) < len(upload.content):
        assert line._more()
    assert line.received == upload.content
    line.received = b""


def log_line(endpoint, upload, *words):
    """The last one about a GET of it."""
    def last():
        lines = [line for line in endpoint.server.log().splitlines() if f"GET {upload.path} " in line]
        return lines[-1] if lines and all(word in lines[-1] for word in words) else None
    return eventually(f"{words} in the log", last)


BIG = 8 * MIB  # more than sockets hold


@pytest.fixture(scope="module")
def big(endpoint):
    return complete(endpoint, pattern(BIG, seed=7))


def test_slow_readers_delay_nobody(endpoint, big, stored):
    with contextlib.ExitStack() as lines:
        slow = [lines.enter_context(begin_download(endpoint, big)) for _ in range(20)]
        for _ in range(10):
            assert get(endpoint, stored).body == CONTENT
        finish_download(slow[7], big)
        follow_up(slow[7])


def test_a_client_that_vanishes_leaves_nothing_open(endpoint, big):
    def open_files():
        folder = f"/proc/{endpoint.server.process.pid}/fd"
        links = []
        for entry in os.listdir(folder):
            with contextlib.suppress(FileNotFoundError):
                links.append(os.readlink(f"{folder}/{entry}"))
        return sum(big.id in link for link in links)

    eventually("no file is open", lambda: open_files() == 0)
    lines = [begin_download(endpoint, big) for _ in range(6)]
    assert open_files() == 6
    for line in lines[:3]:
        line.reset()
    for line in lines[3:]:
        line.close()
    eventually("no file is open", lambda: open_files() == 0)
    line = log_line(endpoint, big, "end=")
    assert int(re.search(r" sent=(\d+)", line)[1]) < BIG
    assert "end=answered" not in line


def test_the_log_says_how_many_bytes_were_sent(endpoint, big, stored):
    get(endpoint, stored, "Range: bytes=10-19", status=206)
    log_line(endpoint, stored, "status=206", "end=answered", " sent=10 ")
    get(endpoint, big)
    log_line(endpoint, big, "status=200", "end=answered", f" sent={BIG} ")
    with begin_download(endpoint, big) as line:
        while len(line.received) < MIB:
            line._more()
    sent = int(re.search(r" sent=(\d+)", log_line(endpoint, big, "status=200", "end=closed"))[1])
    assert MIB - 64 * KIB <= sent < BIG


def test_a_reader_that_stands_still_is_given_up(endpoints):
    endpoint = endpoints("--idle-timeout", "1")
    upload = complete(endpoint, pattern(BIG, seed=8))
    with begin_download(endpoint, upload) as line:
        log_line(endpoint, upload, "end=timeout")
        received = len(line.received) + len(line.read_until_closed())
        assert received < BIG


def test_an_upload_deleted_meanwhile_is_sent_to_its_end(endpoint):
    upload = complete(endpoint, pattern(BIG, seed=9))
    with begin_download(endpoint, upload) as line:
        upload.delete()
        finish_download(line, upload)


def test_a_stop_ends_downloads_in_time(endpoints):
    endpoint = endpoints()
    upload = complete(endpoint, pattern(BIG, seed=10))
    with begin_download(endpoint, upload) as slow, begin_download(endpoint, upload) as slower:
        assert endpoint.stop() < bound(6)
        for line in slow, slower:
            assert len(line.read_until_closed()) < BIG


# --- files that are not what they should be ---


def test_a_lost_file_is_500_and_logged_once(endpoint):
    upload = complete(endpoint, b"abc")
    upload.file.unlink()
    before = endpoint.server.log().count("<3>")
    get(endpoint, upload, status=500)
    eventually("a line in the log", lambda: endpoint.server.log().count("<3>") == before + 1)


def test_a_file_that_is_too_short_is_500(endpoint):
    upload = complete(endpoint, pattern(1000))
    os.truncate(upload.file, 999)
    get(endpoint, upload, status=500)


@pytest.mark.parametrize("state", [2, 3])
def test_an_upload_that_is_invalidated_or_damaged_is_410(endpoints, state):
    """As the catalog has it: no request makes a complete upload one."""
    endpoint = endpoints()
    upload = complete(endpoint, b"abc")
    endpoint.stop()
    with contextlib.closing(sqlite3.connect(endpoint.data / "ferry.db")) as catalog:
        catalog.execute("UPDATE progress SET state = ?", (state,))
        catalog.commit()
    endpoint.start()
    get(endpoint, upload, "If-None-Match: *", status=410)
    get(endpoint, upload, method="HEAD", status=410)


def test_a_file_that_becomes_shorter_breaks_the_connection(endpoint):
    upload = complete(endpoint, pattern(BIG, seed=11))
    with begin_download(endpoint, upload) as line:
        os.truncate(upload.file, BIG - 5)
        line.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * MIB)
        received = line.read_until_closed()
    assert received == upload.content[:BIG - 5]
    said = f"send {upload.path}: the file has become shorter"
    eventually("a line in the log", lambda: said in endpoint.server.log())
    assert endpoint.server.log().count(said) == 1


# --- files that are not in the page cache ---

preloads = pytest.mark.skipif(bool(conversation.SANITIZED or conversation.WRAPPER),
                              reason="sanitizers and valgrind want to be loaded first")


class ColdDisk:
    """Uploads that have to be read from a slow disk, see tests/faults/slow_disk.c."""

    def __init__(self, endpoints, folder, *arguments):
        self.file = folder / "slow"
        self.file.touch()
        self.log = folder / "slow.log"
        program = conversation.BUILD / "tests/faults/slow_disk.so"
        environment = {**os.environ, "LD_PRELOAD": str(program), "SLOW_DISK": str(self.file)}
        self.endpoint = endpoints(*arguments, env=environment)

    def cool(self, upload, milliseconds, call="read"):
        self.file.write_text(f"{upload.id} {call} {milliseconds}\n")

    def warm(self):
        self.file.write_text("")

    def calls(self, call="read"):
        return self.log.read_text().count(f" {call}\n") if self.log.exists() else 0


@pytest.fixture
def cold_disk(endpoints, tmp_path):
    return ColdDisk(endpoints, tmp_path, "--threads", "1")


def in_page_cache(upload):
    """What was just written is not for long: storage has the kernel drop it."""
    with open(upload.file, "rb") as file:
        try:
            return os.preadv(file.fileno(), [bytearray(len(upload.content))], 0, os.RWF_NOWAIT) == len(upload.content)
        except BlockingIOError:
            return False


@preloads
def test_a_cold_file_is_read_by_others_than_the_loop(cold_disk):
    """And comes whole; what the reader has brought along is then sent from the page cache."""
    upload = complete(cold_disk.endpoint, pattern(3 * 64 * KIB + 5, seed=12))
    cold_disk.cool(upload, 1)
    assert get(cold_disk.endpoint, upload).body == upload.content
    assert cold_disk.calls() == 4
    cold_disk.warm()
    assert get(cold_disk.endpoint, upload).body == upload.content
    assert cold_disk.calls() == 4


@preloads
def test_a_stalled_disk_delays_no_other_download(cold_disk):
    """Though more of them wait for it than there are readers."""
    endpoint = cold_disk.endpoint
    cold = complete(endpoint, pattern(100, seed=13))
    warm = complete(endpoint, pattern(200_000, seed=14))
    # twice: what was just written is dropped a moment later
    eventually("it is in the page cache", lambda: get(endpoint, warm) and get(endpoint, warm) and in_page_cache(warm))
    cold_disk.cool(cold, 1000 * PATIENCE)
    with contextlib.ExitStack() as lines:
        waiting = [lines.enter_context(begin_download(endpoint, cold)) for _ in range(12)]
        eventually("the disk stalls", lambda: cold_disk.calls() == 8)
        for _ in range(5):
            assert get(endpoint, warm).body == warm.content
            endpoint.create(3).patch(0, b"abc")
        assert all(line.is_quiet() for line in waiting)
        cold_disk.warm()
        for line in waiting:
            finish_download(line, cold)
            follow_up(line)


@preloads
@pytest.mark.parametrize("method, fields, status", [
    ("GET", (), 200), ("GET", ("Range: bytes=200000-",), 416), ("HEAD", ("X-HTTP-Method-Override: GET",), 200)])
def test_a_close_that_takes_long_delays_nobody(cold_disk, method, fields, status):
    """As the last one of a file that was deleted meanwhile: it gives back what that had in the page cache and on the
    disk. There is one loop."""
    endpoint = cold_disk.endpoint
    upload = complete(endpoint, pattern(200_000, seed=17))
    cold_disk.cool(upload, 1000 * PATIENCE, "close")
    with endpoint.line() as line:
        line.send(request(method, upload.path, *fields))
        line.expect(status, method=method)
        eventually("the disk stalls", lambda: cold_disk.calls("close") == 1)
        follow_up(line)
        endpoint.create(3).patch(0, b"abc")
        cold_disk.warm()


@preloads
def test_a_client_that_vanishes_while_the_disk_stalls(cold_disk):
    endpoint = cold_disk.endpoint
    cold = complete(endpoint, pattern(100, seed=15))
    before = endpoint.server.descriptors()
    cold_disk.cool(cold, 1000 * PATIENCE)
    with endpoint.line() as line:
        line.send(request("GET", cold.path))
        eventually("the disk stalls", lambda: cold_disk.calls() == 1)
        line.reset()
        cold_disk.warm()
    eventually("descriptors come back", lambda: endpoint.server.descriptors() <= before)


@preloads
def test_a_stop_while_the_disk_stalls(cold_disk):
    """One read is waited for; those behind it are not begun any more."""
    endpoint = cold_disk.endpoint
    cold = complete(endpoint, pattern(100, seed=16))
    cold_disk.cool(cold, 2500)
    with contextlib.ExitStack() as lines:
        for _ in range(24):
            lines.enter_context(endpoint.line()).send(request("GET", cold.path))
        eventually("the disk stalls", lambda: cold_disk.calls() >= 8)
        assert endpoint.stop() < 3 + bound(4)
    assert cold_disk.calls() <= 16
