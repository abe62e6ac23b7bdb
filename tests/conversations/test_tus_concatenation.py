"""
tus 1.0.0, "Concatenation": partial and final uploads, finished parts or not

Numbers in brackets are those of spec/tus.md.
"""

import base64
import hashlib
import socket

import pytest

from concat import JSON, PARTIAL, Final, final, part, words
from conversation import eventually, header, request
from endpoint import (OCTETS, VERSION, Upload, appends, b64, check_general, endpoint, endpoints, follow_up, length_is,
                      pattern)

UNKNOWN = "/files/" + 32 * "0"


def concat(*parts):
    return f"Upload-Concat: {words(*parts)}"


# --- partial uploads [82, 88] ---


@pytest.mark.parametrize("fields, body", [((length_is(10),), None), (("Upload-Defer-Length: 1",), None),
                                          ((length_is(10), OCTETS), b"abc"), ((length_is(0),), None)])
def test_a_partial_upload_is_an_upload_that_says_so(endpoint, fields, body):
    """[56, 82] HEAD tells Upload-Concat as it was sent, and an offset; appends are those of any upload."""
    answer = endpoint.ask("POST", "/files/", VERSION, PARTIAL, *fields, body=body, status=201)
    upload = Upload(endpoint, answer)
    offset = len(body or b"")
    for told in upload.look(), upload.head():
        assert told.field("Upload-Concat") == "partial"
        assert told.field("Upload-Offset") == str(offset)
    if fields[0] != length_is(0):
        upload.patch(offset, b"d")
        assert upload.head().field("Upload-Concat") == "partial"


def test_other_uploads_do_not_say_so(endpoint):
    assert endpoint.create(3).head().field("Upload-Concat") is None


def test_a_complete_part_waits_to_be_used(endpoint):
    """[88] What nobody concatenates expires like what nobody finishes, and every answer says so."""
    upload = endpoint.create(3, PARTIAL)
    assert upload.patch(0, b"abc").field("Upload-Expires")
    assert upload.head().field("Upload-Expires")
    assert part(endpoint, b"abc").answer.field("Upload-Expires")


# --- final uploads [83-87, 89, 90, 94] ---


def test_the_example_of_the_specification(endpoint):
    """[83, 85]"""
    hello, world = endpoint.create(5, PARTIAL), endpoint.create(6, PARTIAL)
    hello.patch(0, b"hello")
    world.patch(0, b" world")
    upload = final(endpoint, hello, world)
    upload.expect_complete(b"hello world")
    assert upload.head().field("Upload-Concat") == f"final;{hello.path} {world.path}"


def test_a_final_upload_is_its_parts_in_the_order_of_the_list(endpoint):
    """[83] Whatever the order of their making; a part of nothing is one."""
    parts = [part(endpoint, content) for content in (b"abc", b"", pattern(100_000), b"d", b"ef")]
    for order in (parts, parts[::-1], [parts[2]], [parts[1]], [parts[1], parts[1]]):
        content = b"".join(p.bytes_on_disk() for p in order)
        final(endpoint, *order).expect_complete(content)


def test_a_part_may_be_used_often(endpoint):
    """[89] In one list and in several."""
    one, other = part(endpoint, b"one"), part(endpoint, b"other")
    first = final(endpoint, one, other, one, one)
    second = final(endpoint, other, one)
    first.expect_complete(b"oneotheroneone")
    second.expect_complete(b"otherone")
    assert first.id != second.id


def test_an_answer_says_where_it_ends(endpoint):
    """Of a complete one at once: the client need not ask."""
    complete = final(endpoint, part(endpoint, b"abc"))
    assert complete.answer.field("Upload-Offset") == "3"
    assert complete.answer.field("Upload-Expires") is None
    pending = final(endpoint, part(endpoint, b"abc", 5))
    assert pending.answer.field("Upload-Offset") is None


@pytest.mark.parametrize("form", ["{path}", "http://test{path}", "https://elsewhere.example:8443{path}", "{path}/",
                                  "https://proxy.example/through/here{path}", "//host{path}", "{id}"])
def test_urls_may_be_absolute_or_relative(endpoint, form):
    """[85, 90, table P] And are told again as they were sent."""
    one, other = part(endpoint, b"one"), part(endpoint, b"other")
    urls = [form.format(path=p.path, id=p.id) for p in (one, other)]
    upload = final(endpoint, *urls)
    upload.expect_complete(b"oneother")
    assert upload.head().field("Upload-Concat") == words(*urls)


@pytest.mark.parametrize("value", ["final; {0} {1}", "final;{0}  {1}", "final;  {0}   {1} "])
def test_blanks_around_urls_do_not_matter(endpoint, value):
    """[85, table P]"""
    one, other = part(endpoint, b"one"), part(endpoint, b"other")
    value = value.format(one.path, other.path)
    upload = Final(endpoint, endpoint.ask("POST", "/files/", VERSION, f"Upload-Concat: {value}", status=201))
    upload.expect_complete(b"oneother")
    assert upload.head().field("Upload-Concat") == value.rstrip()


def test_urls_are_below_the_configured_path(endpoints):
    """[90]"""
    endpoint = endpoints("--base-path", "/a/b/", base_path="/a/b/")
    one = part(endpoint, b"one")
    assert one.path.startswith("/a/b/")
    upload = final(endpoint, one, f"http://host{one.path}", one.id)
    upload.expect_complete(b"oneoneone")
    assert [p["url"] for p in upload.status()["parts"]] == 3 * [one.path]
    final(endpoint, f"/files/{one.id}", status=404)


def test_metadata_is_that_of_the_final_upload(endpoint):
    """[87] What its parts have is not told."""
    one = part(endpoint, b"abc", None, "Upload-Metadata: filename " + b64("part.txt") + ",filetype dGV4dC9jc3M=")
    plain = final(endpoint, one)
    assert plain.head().field("Upload-Metadata") is None
    assert plain.status()["metadata"] == {}
    assert "part" not in str(plain.look().fields)

    own = "filename " + b64("whole.txt") + ",filetype " + b64("text/plain")
    upload = final(endpoint, one, fields=(f"Upload-Metadata: {own}",))
    answer = upload.look()
    assert answer.field("Upload-Metadata") == own
    assert answer.field("Content-Type") == "text/plain"
    assert "whole.txt" in answer.field("Content-Disposition")
    assert one.head().field("Upload-Metadata").startswith("filename " + b64("part.txt"))


OFFSETS = [0, 3, 6, 7, 99]


@pytest.mark.parametrize("offset", OFFSETS)
@pytest.mark.parametrize("body", [b"", b"abc"])
def test_nothing_is_appended_to_a_final_upload(endpoint, offset, body):
    """[84] Whether it is complete, waits for its parts, or has failed; nor to its parts by it."""
    one, two, three = part(endpoint, b"abc"), part(endpoint, b"de", 3), part(endpoint, b"de", 3)
    complete, pending, failed = final(endpoint, one, one), final(endpoint, one, two), final(endpoint, one, three)
    three.delete()
    for upload in complete, pending, failed:
        answer = upload.patch(offset, body, status=403)
        assert (answer.field("Upload-Offset") is None) == (upload is not complete)
        upload.patch_chunked(offset, b"abc", status=403)
    complete.expect_complete(b"abcabc")
    pending.expect_pending(6)
    failed.expect_failed()
    one.expect(3, b"abc")
    two.expect(2, b"de")
    two.patch(2, b"f")
    pending.expect_complete(b"abcdef")


def test_a_complete_part_takes_no_more(endpoint):
    """[84]"""
    one = part(endpoint, b"abc")
    upload = final(endpoint, one)
    one.patch(3, b"d", status=413)
    upload.expect_complete(b"abc")


def test_a_final_upload_needs_no_write(endpoint):
    """The bytes are not copied: there is no file of it."""
    upload = final(endpoint, part(endpoint, pattern(100_000)))
    assert not upload.file.exists()
    assert upload.status()["file"] is None


# --- reading [83] ---


def test_ranges_go_across_parts(endpoint):
    """[83] Every range of a content whose parts are short, one of nothing among them."""
    contents = [b"abc", b"d", b"", b"efghij", b"k"]
    content = b"".join(contents)
    upload = final(endpoint, *(part(endpoint, c) for c in contents))
    for first in range(len(content)):
        for last in range(first, len(content)):
            assert upload.read(f"Range: bytes={first}-{last}", status=206) == content[first:last + 1]
    assert upload.read("Range: bytes=-4", status=206) == content[-4:]
    answer = endpoint.ask("GET", upload.path, f"Range: bytes={len(content)}-", status=416)
    assert answer.field("Content-Range") == f"bytes */{len(content)}"


def test_large_parts_are_read_across_their_borders(endpoint):
    """[83] With pieces of the answer that end in the middle of a part."""
    contents = [pattern(count, count) for count in (1_000_001, 65_535, 65_537, 3, 700_000)]
    content = b"".join(contents)
    upload = final(endpoint, *(part(endpoint, c) for c in contents))
    assert upload.read() == content
    for first, last in ((999_990, 1_000_010), (0, 1_065_536), (1_065_530, 1_131_076), (1_131_070, len(content) - 1)):
        assert upload.read(f"Range: bytes={first}-{last}", status=206) == content[first:last + 1]


def test_a_head_tells_what_a_get_would(endpoint):
    """[83] The validators of its own; and 304 to who has it already."""
    upload = final(endpoint, part(endpoint, b"abc"), part(endpoint, b"def"))
    answer = upload.look()
    assert answer.field("Content-Length") == "6"
    assert answer.field("ETag") == f'"{upload.id}"'
    assert answer.field("Accept-Ranges") == "bytes"
    endpoint.ask("GET", upload.path, f"If-None-Match: {answer.field('ETag')}", status=304)


def test_what_is_deleted_meanwhile_is_sent_to_its_end(endpoint):
    """[93] The upload and its parts, while somebody reads; their files go after that."""
    contents = [pattern(3_000_000, seed) for seed in range(4)]
    parts = [part(endpoint, content) for content in contents]
    upload = final(endpoint, *parts)
    with endpoint.line(receive_buffer=4096) as line:
        line.send(request("GET", upload.path))
        eventually("it has begun", lambda: line._more())
        upload.delete()
        for p in parts:
            p.delete()
        upload.look(status=410)
        line.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_000_000)
        assert line.expect(200).body == b"".join(contents)
    eventually("nothing is left", lambda: not any(p.file.exists() for p in parts))


# --- parts that are not finished [86, 91, 94, 95] ---


def test_a_final_upload_waits_for_its_parts(endpoint):
    """[86, 91] And is complete with the last byte of the last one, whichever that is."""
    one, two, three = part(endpoint, b"", 3), part(endpoint, b"d", 3), part(endpoint, b"ghi")
    upload = final(endpoint, one, two, three, one)
    upload.expect_pending(12)
    two.patch(1, b"ef")
    upload.expect_pending(12)
    one.patch(0, b"ab")
    upload.expect_pending(12)
    one.patch(2, b"c")
    upload.expect_complete(b"abcdefghiabc")
    assert upload.head().field("Upload-Concat") == words(one, two, three, one)


def test_a_part_completes_all_that_wait_for_it(endpoint):
    """[89, 91]"""
    one, two = part(endpoint, b"ab", 3), part(endpoint, b"d", 2)
    uploads = [final(endpoint, *list_) for list_ in ((one,), (one, one), (one, two))]
    one.patch(2, b"c")
    uploads[0].expect_complete(b"abc")
    uploads[1].expect_complete(b"abcabc")
    uploads[2].expect_pending(5)
    two.patch(1, b"e")
    uploads[2].expect_complete(b"abcde")


def test_a_length_becomes_known_with_those_of_its_parts(endpoint):
    """[86, 94] And completes the upload, when it is where the last part ends."""
    one, two = endpoint.deferred(PARTIAL), part(endpoint, b"abc")
    upload = final(endpoint, two, one)
    upload.expect_pending(None)
    one.patch(0, b"de")
    upload.expect_pending(None)
    one.patch(2, b"f", length_is(4))
    upload.expect_pending(7)
    one.patch(3, b"g")
    upload.expect_complete(b"abcdefg")

    one = endpoint.deferred(PARTIAL)
    upload = final(endpoint, one)
    one.patch(0, b"abc")
    one.patch(3, b"", length_is(3))
    upload.expect_complete(b"abc")


def test_a_part_that_is_read_from_a_broken_line_counts(endpoint):
    """[91] A commit that nobody asked for completes it, too."""
    one = part(endpoint, b"", 10)
    upload = final(endpoint, one)
    with endpoint.line() as line:
        line.send(header("PATCH", one.path, *appends(0), length=20), b"0123456789")
        line.expect(413)
    one.patch(0, b"01234")
    with endpoint.line() as line:
        line.send(request("PATCH", one.path, *appends(5), "Transfer-Encoding: chunked"), b"5\r\n56789\r\n")
        one.wait_for_bytes(10)
    eventually("it is complete", lambda: upload.look().field("Upload-Offset") == "10")
    upload.expect_complete(b"0123456789")


def test_a_final_upload_survives_the_server(endpoints):
    """[91] Pending and complete ones, and the parts that they wait for."""
    endpoint = endpoints()
    one, two = part(endpoint, b"abc"), part(endpoint, b"d", 3)
    complete, pending = final(endpoint, one), final(endpoint, one, two)
    endpoint.crash()
    endpoint.start()
    complete.expect_complete(b"abc")
    pending.expect_pending(6)
    two.patch(1, b"ef")
    pending.expect_complete(b"abcdef")
    endpoint.crash()
    endpoint.start()
    pending.expect_complete(b"abcdef")


def test_a_final_upload_fails_with_an_unfinished_part_that_is_deleted(endpoint):
    """[95] All that wait for it; those that do not go on."""
    one, two = part(endpoint, b"abc"), part(endpoint, b"d", 3)
    failed, failed_too, other = final(endpoint, one, two), final(endpoint, two), final(endpoint, one)
    two.delete()
    failed.expect_failed()
    failed_too.expect_failed()
    other.expect_complete(b"abc")
    final(endpoint, one, one).expect_complete(b"abcabc")
    failed.delete()
    failed.look(status=410)


def test_a_final_upload_fails_with_a_part_that_expires(endpoints):
    """[95]"""
    endpoint = endpoints("--expire-after", "2")
    one, two = part(endpoint, b"abc"), part(endpoint, b"d", 3)
    upload = final(endpoint, one, two)

    def failed():
        endpoint.wake_janitor()
        with endpoint.line() as line:
            line.send(request("HEAD", upload.path))
            return line.next_answer("HEAD").status == 410
    eventually("it has failed, or is gone", failed)
    final(endpoint, two, status=410)


def test_a_pending_upload_can_be_deleted(endpoint):
    """[79] Its parts stay."""
    one = part(endpoint, b"ab", 3)
    upload = final(endpoint, one)
    upload.delete()
    upload.look(status=410)
    one.patch(2, b"c")
    one.expect(3, b"abc")
    upload.look(status=410)


# --- deletion [93] ---


def test_parts_may_be_deleted_afterwards(endpoint):
    """[93] They are gone for every client, and their bytes stay as long as they are needed."""
    one, two = part(endpoint, b"abc"), part(endpoint, b"def")
    upload, other = final(endpoint, one, two), final(endpoint, two)
    one.delete()
    two.delete()
    for p in one, two:
        p.look(status=410)
        p.patch(3, b"", status=410)
        p.delete(status=410)
        final(endpoint, p, p, status=410)
    upload.expect_complete(b"abcdef")
    other.expect_complete(b"def")

    upload.delete()
    upload.look(status=410)
    eventually("the bytes of the first part are gone", lambda: not one.file.exists())
    other.expect_complete(b"def")
    other.delete()
    eventually("so are those of the other", lambda: not two.file.exists())


def test_a_deleted_part_stays_away_after_a_restart(endpoints):
    """[93]"""
    endpoint = endpoints()
    one = part(endpoint, b"abc")
    upload = final(endpoint, one)
    one.delete()
    endpoint.crash()
    endpoint.start()
    one.look(status=410)
    upload.expect_complete(b"abc")


def test_of_a_deleted_final_upload_the_parts_stay(endpoint):
    """[93] They can be used again."""
    one = part(endpoint, b"abc")
    final(endpoint, one, one).delete()
    one.expect(3, b"abc")
    final(endpoint, one, one).expect_complete(b"abcabc")


def test_nothing_is_left_when_all_has_expired(endpoints):
    """[88, 93] A complete final upload keeps the bytes of its parts; without it they expire."""
    endpoint = endpoints("--expire-after", "1")
    one, two = part(endpoint, b"abc"), part(endpoint, b"def")
    upload = final(endpoint, one)

    def gone(p):
        endpoint.wake_janitor()
        with endpoint.line() as line:
            line.send(request("HEAD", p.path))
            return line.next_answer("HEAD").status == 410
    eventually("the part that nobody uses has expired", lambda: gone(two))
    eventually("and its file is gone", lambda: not two.file.exists())
    upload.expect_complete(b"abc")
    upload.delete()
    eventually("the other expires, too", lambda: gone(one))
    eventually("and leaves nothing", lambda: not endpoint.files())


# --- what is wrong [92] ---


def nothing_of(endpoint, *fields, status, body=None, text):
    with endpoint.nothing_created():
        answer = endpoint.ask("POST", "/files/", VERSION, *fields, body=body, status=status)
        assert answer.field("Location") is None
        assert text in answer.text, answer


@pytest.mark.parametrize("value", ["", "final", "final;", "final; ", "Final;/files/a", "partial;", "Partial", "other",
                                   "partial, partial", "final /files/a", "final,/files/a", "final;/files/\xe4",
                                   "final;/files/a\t/files/b"])
def test_another_value_is_refused(endpoint, value):
    """[92]"""
    nothing_of(endpoint, f"Upload-Concat: {value}", length_is(3), status=400, text="Upload-Concat")
    nothing_of(endpoint, f"Upload-Concat: {value}", status=400, text="Upload-Concat")


def test_two_values_are_refused(endpoint):
    """[92]"""
    one = part(endpoint, b"abc")
    nothing_of(endpoint, PARTIAL, PARTIAL, length_is(3), status=400, text="more than once")
    nothing_of(endpoint, concat(one), concat(one), status=400, text="more than once")


def test_a_part_that_is_not_there_is_refused(endpoint):
    """[92] Whatever stands before and behind it."""
    one = part(endpoint, b"abc")
    for url in (UNKNOWN, "/files/nothing", "/files/" + 31 * "0", "/other/" + one.id, f"{one.path}/x", f"/x{one.path}x",
                "/files", "/", "http://host", f"{one.path}?a=b"):
        for list_ in ((url,), (one, url), (url, one)):
            nothing_of(endpoint, concat(*list_), status=404, text="Upload-Concat")


def test_a_part_that_is_gone_is_refused(endpoint):
    """[92]"""
    one, two = part(endpoint, b"abc"), part(endpoint, b"abc")
    two.delete()
    nothing_of(endpoint, concat(one, two), status=410, text="Upload-Concat: a part")


def test_a_part_that_is_damaged_is_refused(endpoints):
    """[92]"""
    endpoint = endpoints()
    one, two = part(endpoint, b"abc", 5), part(endpoint, b"abc")
    endpoint.stop()
    one.file.write_bytes(b"")
    endpoint.start()
    one.patch(3, b"de", status=410)
    nothing_of(endpoint, concat(two, one), status=410, text="Upload-Concat: a part")


def test_what_is_no_partial_upload_is_refused(endpoint):
    """[92] A whole upload, complete or not, and one that is a concatenation itself."""
    one = part(endpoint, b"abc")
    whole, begun = endpoint.create(3, OCTETS, body=b"abc"), endpoint.create(3)
    for other in (whole, begun, final(endpoint, one), final(endpoint, part(endpoint, b"", 3))):
        nothing_of(endpoint, concat(other), status=400, text="Upload-Concat")
        nothing_of(endpoint, concat(one, other), status=400, text="Upload-Concat")


@pytest.mark.parametrize("length", ["3", "0", "x", ""])
def test_a_length_is_not_for_a_final_upload(endpoint, length):
    """[92] Nor is a deferred one: it is the sum."""
    one = part(endpoint, b"abc")
    nothing_of(endpoint, concat(one), f"Upload-Length: {length}", status=400, text="Upload-Length")
    nothing_of(endpoint, concat(one), "Upload-Defer-Length: 1", status=400, text="Upload-Length")


def test_a_sum_above_the_maximum_is_refused(endpoints):
    """[92] Also when not all of it is there, and when it is only known later what it is."""
    endpoint = endpoints("--max-size", "5")
    one, two, begun, deferred = (part(endpoint, b"abc"), part(endpoint, b"de"), part(endpoint, b"", 3),
                                 endpoint.deferred(PARTIAL))
    for list_ in ((one, one), (one, begun), (two, two, two), (one, deferred, one)):
        nothing_of(endpoint, concat(*list_), status=413, text="larger than this server takes")
    final(endpoint, one, two).expect_complete(b"abcde")


def test_a_sum_that_becomes_too_large_later(endpoints):
    """[92, 94] Is the end of what waits for it: 410. The part goes on."""
    endpoint = endpoints("--max-size", "5")
    one, deferred = part(endpoint, b"abc"), endpoint.deferred(PARTIAL)
    upload = final(endpoint, one, deferred)
    upload.expect_pending(None)
    deferred.patch(0, b"de", length_is(3))
    upload.expect_failed()
    deferred.patch(2, b"f")
    final(endpoint, deferred).expect_complete(b"def")


def test_bytes_are_not_for_a_final_upload(endpoint):
    """[56] Where they are meant as such; a body of another type is ignored, as ever."""
    one = part(endpoint, b"abc")
    for body in (b"abc", b""):
        nothing_of(endpoint, concat(one), OCTETS, body=body, status=403, text="nothing can be appended")
    answer = endpoint.ask("POST", "/files/", VERSION, concat(one), "Content-Type: text/plain", body=b"def", status=201)
    Final(endpoint, answer).expect_complete(b"abc")


def test_wrong_metadata_and_versions_are_refused(endpoint):
    one = part(endpoint, b"abc")
    nothing_of(endpoint, concat(one), "Upload-Metadata: a b", status=400, text="Upload-Metadata")
    nothing_of(endpoint, concat(one), "Upload-Metadata: digest AA==", status=400, text="digest")
    with endpoint.nothing_created():
        endpoint.ask("POST", "/files/", concat(one), status=412)
        endpoint.ask("POST", "/files/", "Tus-Resumable: 0.2.2", concat(one), status=412)


def test_after_a_refusal_the_connection_goes_on(endpoint):
    with endpoint.line() as line:
        line.send(request("POST", "/files/", VERSION, concat(UNKNOWN)))
        check_general(line.expect(404))
        follow_up(line)


# --- long lists ---


def long_url(upload):
    """Of 80 bytes."""
    url = f"https://uploads.example{upload.path}"
    return url.replace("example", "example/" + (80 - len(url) - 1) * "x", 1)


def test_a_thousand_parts(endpoint):
    """[83, 85] With URLs of 80 bytes; HEAD tells them all again."""
    parts = [part(endpoint, b"%04d" % n) for n in range(100)]
    urls = [long_url(parts[n % 100]) for n in range(1000)]
    assert {len(url) for url in urls} == {80}
    upload = final(endpoint, *urls)
    upload.expect_complete(b"".join(b"%04d" % (n % 100) for n in range(1000)))
    assert upload.head().field("Upload-Concat") == words(*urls)
    told = upload.status()["parts"]
    assert [p["id"] for p in told] == [parts[n % 100].id for n in range(1000)]


def too_long(endpoint, count):
    """An answer to a list of about so many bytes, or None where there is none."""
    with endpoint.nothing_created(), endpoint.line() as line:
        url = UNKNOWN + " "
        line.send_whatever(request("POST", "/files/", VERSION, f"Upload-Concat: final;{count // len(url) * url}",
                                   "Origin: https://app.example"))
        return line.next_answer()


@pytest.mark.parametrize("count", [99_000, 115_000, 129_000])
def test_a_list_that_could_not_be_told_again_is_431(endpoint, count):
    """With a sentence that names the field, and readable for pages."""
    answer = check_general(too_long(endpoint, count), status=431)
    assert "Upload-Concat" in answer.text
    assert answer.field("Access-Control-Allow-Origin") == "*"


@pytest.mark.parametrize("count", [132_000, 200_000, 1_000_000])
def test_a_list_that_no_header_has_room_for_is_431(endpoint, count):
    """The library's answer: the request was never read to its end."""
    assert too_long(endpoint, count).status == 431


def test_a_list_that_has_just_room_is_told_to_those_with_long_headers(endpoint):
    """[85] A browser with cookies and all."""
    one = part(endpoint, b"abc")
    urls = (98_304 - len("final;")) // (len(one.path) + 1) * [one]
    upload = final(endpoint, *urls)
    assert len(words(*urls)) > 98_000
    answer = endpoint.ask("HEAD", upload.path, VERSION, "Origin: https://app.example", "Cookie: " + 12_000 * "x",
                          status=200)
    assert answer.field("Upload-Concat") == words(*urls)
    assert answer.field("Upload-Length") == str(3 * len(urls))


# --- repeats ---


def test_an_identical_request_finds_the_upload_that_is_there(endpoint):
    """Complete or pending: a client that has lost the answer, or a browser that sends again, makes no second one."""
    one, two = part(endpoint, b"abc"), part(endpoint, b"d", 3)
    metadata = ("Upload-Metadata: filename YQ==",)
    for parts in ((one,), (one, two)):
        upload = final(endpoint, *parts, fields=metadata)
        with endpoint.nothing_created():
            for _ in range(3):
                assert final(endpoint, *parts, fields=metadata).path == upload.path
    two.patch(1, b"ef")
    with endpoint.nothing_created():
        assert final(endpoint, one, two, fields=metadata).path == upload.path
    upload.expect_complete(b"abcdef")


def test_another_request_makes_another_upload(endpoint):
    """Other parts, another order, other metadata, a digest."""
    one, two = part(endpoint, b"abc"), part(endpoint, b"def")
    digest = base64.b64encode(hashlib.sha256(b"abcdef").digest()).decode()
    uploads = [final(endpoint, one, two), final(endpoint, two, one), final(endpoint, one), final(endpoint, one, one, two),
               final(endpoint, one, two, fields=("Upload-Metadata: a",)),
               final(endpoint, one, two, fields=("Upload-Metadata: b",)),
               final(endpoint, one, two, fields=(f"Repr-Digest: sha-256=:{digest}:",))]
    assert len({upload.id for upload in uploads}) == len(uploads)


def test_a_repeat_does_not_find_what_is_gone_or_has_failed(endpoint):
    """A new one is made."""
    one = part(endpoint, b"abc")
    upload = final(endpoint, one)
    upload.delete()
    again = final(endpoint, one)
    assert again.path != upload.path
    again.expect_complete(b"abc")


def test_of_two_requests_at_once_one_makes_the_upload(endpoint):
    for _ in range(10):
        one = part(endpoint, b"abc")
        with endpoint.line() as line, endpoint.line() as other:
            for l in (line, other):
                l.send(request("POST", "/files/", VERSION, concat(one)))
            assert line.expect(201).field("Location") == other.expect(201).field("Location")


def test_a_repeat_after_sigkill_finds_the_upload(endpoints):
    endpoint = endpoints()
    one = part(endpoint, b"abc")
    upload = final(endpoint, one)
    endpoint.crash()
    endpoint.start()
    assert final(endpoint, one).path == upload.path


# --- a stated digest ---


def stated(content, algorithm="sha256"):
    text = f"{algorithm}:{hashlib.new(algorithm, content).hexdigest()}"
    return f"Upload-Metadata: digest {b64(text)}"


@pytest.mark.parametrize("algorithm", ["sha256", "blake2b"])
def test_a_final_upload_with_the_stated_digest_becomes_complete(endpoint, algorithm):
    content = pattern(300_000)
    parts = [part(endpoint, content[:100_001]), part(endpoint, content[100_001:])]
    upload = final(endpoint, *parts, fields=(stated(content, algorithm),))
    eventually("it is complete", lambda: upload.status()["complete"])
    upload.expect_complete(content)
    assert upload.status()["digest"] == {"algorithm": algorithm, "hex": hashlib.new(algorithm, content).hexdigest()}


def test_one_with_another_digest_is_damaged(endpoint):
    """410, never served; its parts are as they were."""
    one = part(endpoint, b"abc")
    upload = final(endpoint, one, fields=(stated(b"abd"),))
    eventually("it is known", lambda: upload.status()["state"] == "damaged")
    for answer in upload.look(status=410), upload.head(status=410):
        assert answer.field("Upload-Offset") is None
    endpoint.ask("GET", upload.path, status=410)
    one.expect(3, b"abc")
    final(endpoint, one).expect_complete(b"abc")


def test_one_that_waits_for_parts_is_verified_in_the_end(endpoint):
    one, two = part(endpoint, b"abc"), part(endpoint, b"d", 3)
    right, wrong = (final(endpoint, one, two, fields=(stated(content),)) for content in (b"abcdef", b"abcdeg"))
    right.expect_pending(6)
    wrong.expect_pending(6)
    two.patch(1, b"ef")
    eventually("both are known", lambda: right.status()["complete"] and wrong.status()["state"] == "damaged")
    right.expect_complete(b"abcdef")


def test_without_a_stated_digest_none_is_told(endpoint):
    """Nobody has computed one: joining takes no time."""
    upload = final(endpoint, part(endpoint, b"abc"))
    assert upload.status()["digest"] is None
    assert upload.look().field("Ferry-Digest") is None and upload.look().field("Repr-Digest") is None


# --- the status ---


def test_the_status_lists_the_parts(endpoint):
    one, two, three = part(endpoint, b"abc"), part(endpoint, b"d", 3), endpoint.deferred(PARTIAL)
    upload = final(endpoint, one, two, three, one)
    told = upload.status()
    assert told["kind"] == "final"
    assert told["parts"] == [
        {"id": one.id, "url": one.path, "state": "complete", "begin": 0, "offset": 3, "length": 3},
        {"id": two.id, "url": two.path, "state": "receiving", "begin": 3, "offset": 1, "length": 3},
        {"id": three.id, "url": three.path, "state": "receiving", "begin": 6, "offset": 0, "length": None},
        {"id": one.id, "url": one.path, "state": "complete", "begin": None, "offset": 3, "length": 3}]
    assert Final(endpoint, path=one.path).status()["kind"] == "partial"
    assert Final(endpoint, path=one.path).status()["parts"] is None
    assert Final(endpoint, path=endpoint.create(1).path).status()["kind"] == "single"


def test_the_status_tells_of_deleted_parts_whose_bytes_are_kept(endpoint):
    one = part(endpoint, b"abc")
    upload = final(endpoint, one)
    one.delete()
    assert upload.status()["parts"][0] == {"id": one.id, "url": one.path, "state": "deleted", "begin": 0, "offset": 3,
                                           "length": 3}


# --- one plain file ---


def test_final_uploads_may_become_plain_files(endpoints):
    """--materialise always: readable all the while, and then in one file; the parts' bytes are given up."""
    endpoint = endpoints("--materialise", "always")
    contents = [pattern(200_001, 1), b"", pattern(70_000, 2)]
    content = b"".join(contents)
    parts = [part(endpoint, c) for c in contents]
    upload = final(endpoint, *parts, parts[0])
    content += contents[0]

    def in_one_file():
        assert upload.read() == content
        return upload.status()["file"] is not None
    eventually("it lies in one file", in_one_file)
    assert upload.status()["file"] == str(upload.file.resolve())
    assert upload.file.read_bytes() == content
    eventually("the parts' bytes are gone", lambda: endpoint.files() == {upload.id})
    upload.expect_complete(content)
    assert upload.read("Range: bytes=199999-200003", status=206) == content[199_999:200_004]
    for p in parts:
        assert p.look().field("Upload-Concat") == "partial"
    endpoint.crash()
    endpoint.start()
    upload.expect_complete(content)


def test_an_upload_of_another_protocol_is_no_part(endpoint):
    """[92] The IETF's has no partial uploads."""
    answer = endpoint.ask("POST", "/files/", "Upload-Complete: ?1", body=b"abc", status=201)
    nothing_of(endpoint, f"Upload-Concat: final;{answer.field('Location')}", status=400, text="Upload-Concat")


def test_a_client_of_the_other_protocol_may_look(endpoint):
    """It is told whether the upload is complete, and may read it."""
    one = part(endpoint, b"ab", 3)
    upload = final(endpoint, one)

    def look(status):
        with endpoint.line() as line:
            line.send(request("HEAD", upload.path, "Upload-Draft-Interop-Version: 6", close=True))
            return line.expect(status, method="HEAD")
    assert look(204).field("Upload-Complete") == "?0"
    one.patch(2, b"c")
    answer = look(204)
    assert answer.field("Upload-Complete") == "?1" and answer.field("Upload-Offset") == "3"
    one, two = part(endpoint, b"ab", 3), part(endpoint, b"ab", 3)
    upload = final(endpoint, one, two)
    two.delete()
    assert look(404).field("Upload-Offset") is None
