"""ferry put --protocol ietf: the same promises by the IETF's resumable uploads"""

import base64
import hashlib
import json
import subprocess

import pytest

from fake_ietf import IetfServer
from fake_tus import Fault, TusServer, metadata

MEGABYTE = 1024 * 1024


@pytest.fixture
def server():
    server = IetfServer()
    yield server
    server.stop()


@pytest.fixture
def put(ferry, server):
    def run(*arguments, **options):
        return ferry.put("--protocol", "ietf", *arguments, server.url, **options)
    return run


def first(server):
    return server.url + "0" * 32


def second(server):
    return server.uploads["0" * 31 + "1"]


# one request

def test_creation_and_bytes_are_one_request(ferry, server, put, megabytes):
    ferry.file("video.MP4", megabytes)
    status, out, err = put("video.MP4")

    assert (status, out) == (0, first(server) + "\n"), err
    assert server.methods() == ["POST", "HEAD"]  # the digest is asked for
    assert server.only_upload().data == megabytes and server.only_upload().complete
    fields = server.requests[0].fields
    assert fields["upload-complete"] == "?1" and fields["upload-length"] == str(len(megabytes))
    assert list(ferry.state.iterdir()) == []


def test_an_empty_file_is_an_upload_too(ferry, server, put):
    ferry.file("empty", b"")
    assert put("--no-digest", "empty")[0] == 0
    assert server.methods() == ["POST"] and server.only_upload().complete


def test_tells_what_the_file_is(ferry, server, put):
    ferry.file("na\u00efve \"50%\".mp4", b"x")
    assert put("--metadata", "draft=", "na\u00efve \"50%\".mp4")[0] == 0

    fields = server.requests[0].fields
    assert fields["content-type"] == "video/mp4"
    assert fields["content-disposition"] == \
        "inline; filename=\"na_ve _50__.mp4\"; filename*=UTF-8''na%C3%AFve%20%2250%25%22.mp4"
    told = metadata(fields["upload-metadata"])
    assert told["filename"].decode() == "na\u00efve \"50%\".mp4" and told["draft"] == b""


def test_the_user_s_words_stay_words(ferry, server, put):
    """A type that is no field value goes the other way only."""
    ferry.file("file", b"x")
    assert put("--metadata", "filetype=a\r\nEvil: b", "--metadata", "filename=a\r\nEvil: b", "file")[0] == 0

    fields = server.requests[0].fields
    assert "content-type" not in fields and "evil" not in fields
    assert fields["content-disposition"] == "inline; filename=\"a__Evil: b\"; filename*=UTF-8''a%0D%0AEvil%3A%20b"
    assert metadata(fields["upload-metadata"])["filetype"] == b"a\r\nEvil: b"


def test_json_tells_the_same_events(ferry, server, put):
    ferry.file("file", b"some bytes")
    _, out, _ = put("--json", "file")

    events = [json.loads(line) for line in out.splitlines()]
    assert [event["event"] for event in events] == ["created", "complete"]
    assert events[1]["upload"] == first(server) and events[1]["sent"] == 10


def test_chunk_size_bounds_every_request(ferry, server, put, megabytes):
    ferry.file("file", megabytes)
    assert put("--no-digest", "--chunk-size", "2M", "file")[0] == 0

    assert [request.received for request in server.requests] == [2 * MEGABYTE, 2 * MEGABYTE, MEGABYTE]
    assert [request.fields["upload-complete"] for request in server.requests] == ["?0", "?0", "?1"]
    assert server.only_upload().data == megabytes


def test_folders_and_jobs(ferry, server, put):
    for name in "abcdef":
        path = ferry.folder / "d" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(name.encode() * 1000)
    server.faults += [Fault("POST", cut=10), Fault("POST", cut=900)]
    status, out, err = put("--recursive", "--jobs", "3", "d")

    assert status == 0 and len(out.splitlines()) == 6, err
    stored = {metadata(upload.metadata)["relativePath"]: bytes(upload.data) for upload in server.uploads.values()}
    assert stored == {f"d/{name}".encode(): name.encode() * 1000 for name in "abcdef"}


# interrupted

@pytest.mark.parametrize("reset", [False, True])
def test_an_announced_creation_goes_on_where_the_server_is(ferry, server, put, megabytes, reset):
    ferry.file("file", megabytes)
    server.faults += [Fault("POST", cut=MEGABYTE, reset=reset), Fault("PATCH", cut=1, reset=reset),
                      Fault("PATCH", cut=3 * MEGABYTE, reset=reset)]
    status, out, err = put("--no-digest", "file")

    assert (status, out) == (0, first(server) + "\n"), err
    assert server.methods() == ["POST"] + ["HEAD", "PATCH"] * 3
    assert server.only_upload().data == megabytes and server.received() == len(megabytes)


def test_without_an_announcement_the_second_creation_is_careful(ferry, server, put, megabytes):
    server.announces = False
    ferry.file("file", megabytes)
    server.faults += [Fault("POST", cut=MEGABYTE), Fault("PATCH", cut=MEGABYTE)]
    status, out, err = put("--no-digest", "file")

    assert (status, out) == (0, server.url + "0" * 31 + "1\n"), err
    assert server.methods() == ["POST", "POST", "PATCH", "HEAD", "PATCH"]
    careful = server.requests[1]
    assert careful.received == 0 and careful.fields["upload-complete"] == "?0"
    assert careful.fields["upload-length"] == str(len(megabytes))
    assert second(server).data == megabytes


def test_without_an_announcement_the_answer_tells_where(ferry, server, put):
    server.announces = False
    ferry.file("file", b"some bytes")
    assert put("file")[:2] == (0, first(server) + "\n")


def test_an_announcement_of_another_version_is_not_heard(ferry, server, put):
    server.version = 9
    ferry.file("file", b"some bytes")
    server.faults.append(Fault("POST", cut=4))
    assert put("file")[0] == 0
    assert second(server).data == b"some bytes"


def test_a_killed_run_was_announced_and_the_next_goes_on(ferry, server, put, megabytes):
    path = ferry.file("file", megabytes)
    server.faults.append(Fault("POST", stall=MEGABYTE))
    process = ferry.start("put", "--protocol", "ietf", "file", server.url)
    server.wait(lambda: server.received() == MEGABYTE)
    process.kill()
    ferry.finish(process)
    (record,) = ferry.records()
    assert record == {"version": 1, "path": str(path), "endpoint": server.url, "protocol": "ietf",
                      "upload": first(server), "size": len(megabytes), "mtime_ns": path.stat().st_mtime_ns,
                      "inode": path.stat().st_ino}

    status, out, err = put("--no-digest", "file")
    assert (status, out) == (0, first(server) + "\n") and "goes on at 1.0 MiB" in err
    assert server.methods() == ["POST", "HEAD", "PATCH"] and server.received() == len(megabytes)
    assert server.only_upload().data == megabytes


def test_the_other_protocol_begins_anew(ferry, server, put):
    ferry.file("file", b"some bytes")
    server.faults += [Fault("POST", cut=4), Fault("HEAD", status=400)]
    assert put("file")[0] == 1
    (path,) = ferry.state.iterdir()
    path.write_text(path.read_text().replace('"ietf"', '"tus"'))

    status, _, err = put("file")
    assert status == 0 and "its upload was begun by another protocol; starting anew" in err
    assert second(server).data == b"some bytes"


@pytest.mark.parametrize("gone", [404, 410])
def test_an_upload_that_is_gone_is_begun_anew_once(ferry, server, put, gone):
    ferry.file("file", b"some bytes")
    server.faults += [Fault("POST", cut=4), Fault("HEAD", status=gone)]
    status, _, err = put("--json", "--no-digest", "file")
    assert status == 0
    assert server.methods() == ["POST", "HEAD", "POST"] and second(server).data == b"some bytes"

    server.faults += [Fault("POST", cut=4), Fault("HEAD", status=gone)] * 2
    status, out, err = put("file")
    assert (status, out) == (1, "") and "there is no such upload" in err


# the final answer

@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_a_lost_final_answer_is_asked_for_again(ferry, server, put, method):
    ferry.file("file", b"some bytes")
    server.faults.append(Fault(method, mute=True))
    status, out, _ = put("--no-digest", *(["--chunk-size", "4"] if method == "PATCH" else []), "file")

    assert (status, out) == (0, first(server) + "\n")
    if method == "POST":
        assert server.methods() == ["POST", "HEAD", "PATCH"]
        assert server.requests[-1].received == 0 and server.requests[-1].fields["upload-complete"] == "?1"
    assert server.received() == 10


def test_a_server_that_does_not_repeat_it_has_said_enough(ferry, server, put):
    server.replays = False
    ferry.file("file", b"some bytes")
    server.faults.append(Fault("POST", mute=True))
    assert put("--no-digest", "file")[:2] == (0, first(server) + "\n")


@pytest.mark.parametrize("status", [422, 500])
@pytest.mark.parametrize("lost", [False, True])
def test_a_final_answer_that_says_no_is_final(ferry, server, put, status, lost):
    server.final = (status, [])
    ferry.file("file", b"some bytes")
    server.faults += [Fault("POST", mute=True)] if lost else []
    code, out, err = put("file")

    assert (code, out) == (1, "") and f"the server answered {status}" in err
    assert server.methods() == (["POST", "HEAD", "PATCH"] if lost else ["POST"])


def test_all_bytes_are_not_all_of_it(ferry, server, put):
    """Every byte arrived, but not the end of the request: complete is what the client has to say."""
    server.reticent = True
    ferry.file("file", b"some bytes")
    server.faults.append(Fault("POST", cut=10))
    assert put("--no-digest", "file")[0] == 0
    assert server.methods() == ["POST", "HEAD", "PATCH"] and server.only_upload().complete


def test_an_answer_that_does_not_say_complete_is_asked_after(ferry, server, put):
    ferry.file("file", b"some bytes")
    server.faults += [Fault("POST", cut=4), Fault("PATCH", status=204, fields=["Upload-Complete: ?0"])]
    status, _, err = put("--no-digest", "file")
    assert status == 0 and "does not say that the upload is complete" in err
    assert server.methods() == ["POST", "HEAD", "PATCH", "HEAD", "PATCH"]
    assert server.only_upload().data == b"some bytes"


def test_who_calls_it_complete_too_early_is_not_believed(ferry, server, put):
    ferry.file("file", b"some bytes")
    server.faults += [Fault("PATCH", status=204, fields=["Upload-Complete: ?1"])]
    status, out, err = put("--chunk-size", "4", "file")
    assert (status, out) == (1, "") and "complete before its end" in err


@pytest.mark.parametrize("complete", [False, True])
def test_status_and_verify_know_the_difference(ferry, server, complete):
    ferry.file("file", b"some bytes")
    url = server.begin(10, data=b"some bytes")
    server.only_upload().complete, server.digest = complete, "blake2b"

    assert json.loads(ferry.run("status", "--json", url)[1])["complete"] == complete
    assert ferry.run("verify", "file", url)[0] == (0 if complete else 1)


def test_who_calls_it_complete_without_having_it_is_not_believed(ferry, server, put, megabytes):
    """The answer comes before the bytes were sent."""
    ferry.file("file", megabytes)
    server.faults += [Fault("POST", status=201, fields=["Upload-Complete: ?1", "Location: x"])]
    status, out, err = put("--no-digest", "file")
    assert (status, out) == (1, "") and "complete before its end" in err


# refusals

@pytest.mark.parametrize("answer", [500, 503, 429, 408])
@pytest.mark.parametrize("method", ["POST", "PATCH", "HEAD"])
def test_answers_that_may_change_are_tried_again(ferry, server, put, method, answer):
    ferry.file("file", b"some bytes")
    if method != "POST":
        server.faults.append(Fault("POST", cut=4))
    server.faults += [Fault(method, status=answer)] * 3
    status, _, err = put("file")

    assert status == 0, err
    assert err.count(f"the server answered {answer}") == 3
    assert bytes(list(server.uploads.values())[-1].data) == b"some bytes"


@pytest.mark.parametrize("answer", [400, 401, 403, 405, 409, 412, 415, 423, 302])
@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_answers_that_will_not_change_end_it(ferry, server, put, method, answer):
    ferry.file("file", b"some bytes")
    if method != "POST":
        server.faults.append(Fault("POST", cut=4))
    server.faults.append(Fault(method, status=answer, body="no"))
    status, out, err = put("file")

    assert (status, out) == (1, "") and f"ferry: file: the server answered {answer}: no" in err
    assert server.methods()[-1] == method


def test_a_conflict_tells_where_to_go_on(ferry, server, put):
    ferry.file("file", b"some bytes")
    server.faults += [Fault("POST", cut=8), Fault("HEAD", offset=lambda offset: offset - 4)]
    status, _, err = put("--no-digest", "file")

    assert status == 0 and "the server answered 409" in err
    assert server.methods() == ["POST", "HEAD", "PATCH", "PATCH"]
    assert server.only_upload().data == b"some bytes"


def test_a_conflict_with_a_lie_is_an_error(ferry, server, put):
    ferry.file("file", b"some bytes")
    server.faults += [Fault("POST", cut=4), Fault("PATCH", status=409, fields=["Upload-Complete: ?0",
                                                                              "Upload-Offset: 11"])]
    status, _, err = put("file")
    assert status == 1 and "claims bytes that were never sent" in err


@pytest.mark.parametrize("told", [False, True])
def test_what_is_too_much_at_once_goes_in_smaller_pieces(ferry, server, put, megabytes, told):
    ferry.file("file", megabytes)
    server.append_max = MEGABYTE
    server.limits = f"max-age=3600, max-append-size={MEGABYTE}" if told else None
    status, _, err = put("--no-digest", "file")

    assert status == 0, err
    assert server.only_upload().data == megabytes
    assert server.methods() == (["POST", "POST"] + ["PATCH"] * 4 if told else ["POST"] * 4 + ["PATCH"] * 7)


def test_what_is_too_much_at_all_is_refused(ferry, server, put, megabytes):
    ferry.file("file", megabytes)
    server.size_max, server.limits = MEGABYTE, f"max-size={MEGABYTE}"
    status, out, err = put("file")
    assert (status, out) == (1, "") and "413; it does not take so much" in err
    assert server.methods() == ["POST"]


def test_smaller_pieces_have_an_end(ferry, server, put, megabytes):
    ferry.file("file", megabytes)
    server.append_max = 0
    status, out, err = put("file")
    assert (status, out) == (1, "") and "413" in err and len(server.requests) < 12


def test_limits_that_are_told_before_are_kept_to(ferry, server, put, megabytes):
    ferry.file("file", megabytes)
    server.faults.append(Fault("POST", cut=MEGABYTE))
    server.limits = f"max-append-size={MEGABYTE}"
    assert put("--no-digest", "file")[0] == 0
    assert server.methods() == ["POST", "HEAD"] + ["PATCH"] * 4


@pytest.mark.parametrize("answer", [200, 201])
def test_a_server_of_another_kind_is_no_success(ferry, server, put, answer):
    ferry.file("file", b"some bytes")
    server.faults.append(Fault("POST", status=answer, fields=["Location: /files/x"]))
    status, out, err = put("file")
    assert (status, out) == (1, "") and "does it speak the IETF's resumable uploads?" in err


def test_a_server_of_tus_is_no_success(ferry):
    ferry.file("file", b"some bytes")
    server = TusServer()
    status, out, err = ferry.put("--protocol", "ietf", "file", server.url)
    server.stop()
    assert (status, out) == (1, "") and "412; it does not speak this protocol" in err


def test_an_answer_that_names_no_upload_is_an_error(ferry, server, put):
    ferry.file("file", b"some bytes")
    server.nameless = True
    status, out, err = put("--chunk-size", "4", "file")
    assert (status, out) == (1, "") and "names no upload (no Location)" in err


def test_complete_without_a_name_is_complete(ferry, server, put):
    ferry.file("file", b"some bytes")
    server.nameless = True
    status, out, err = put("file")
    assert (status, out) == (0, "") and "file: complete" in err
    assert server.only_upload().data == b"some bytes"


def test_redirects_are_followed_with_the_bytes(ferry, server, put, megabytes):
    ferry.file("file", megabytes)
    server.faults.append(Fault("POST", status=307, fields=["Location: else"]))
    assert put("file")[0] == 0
    assert server.only_upload().data == megabytes


@pytest.mark.parametrize("name", ["http", "IETF", ""])
def test_other_protocols_are_not_known(ferry, name):
    status, _, err = ferry.put("--protocol", name, "file", "http://127.0.0.1:1/")
    assert status == 2 and "tus or ietf is wanted" in err


# progress

def test_progress_is_kept_in_mind(ferry, server, put, megabytes):
    """What was told by 104 is not kept for a second time: standard input is given up to there."""
    server.progress = lambda offset: offset
    server.faults.append(Fault("POST", cut=2 * MEGABYTE, hook=lambda upload: upload.data.__delitem__(slice(9, None))))
    status, out, err = put("-", data=megabytes)
    assert (status, out) == (1, "") and "has lost bytes that it had acknowledged" in err


@pytest.mark.parametrize("lie", [lambda offset: offset + (1 << 40), lambda offset: 0])
def test_progress_that_cannot_be_is_not_heard(ferry, server, put, megabytes, lie):
    server.progress = lie
    server.faults.append(Fault("POST", cut=2 * MEGABYTE))
    status, _, err = put("-", data=megabytes)
    assert status == 0, err
    assert server.only_upload().data == megabytes


def test_a_redirect_behind_progress_is_not_followed(ferry, server, put, megabytes):
    """The bytes that were acknowledged are given up: nobody can send them again."""
    server.progress = lambda offset: offset
    server.nameless, server.final = True, (307, ["Location: else"])
    status, out, err = put("-", data=megabytes)
    assert (status, out) == (1, "") and "the server answered 307" in err


def test_progress_may_be_told_very_often(ferry, server, put, megabytes):
    """More header than libcurl takes for one answer: at worst that is one more interruption."""
    ferry.file("file", megabytes)
    server.progress = lambda offset: offset
    server.verbose = 8000
    status, _, err = put("file")
    assert status == 0, err
    assert server.only_upload().data == megabytes


# standard input

def test_a_short_input_is_one_request(ferry, server, put):
    assert put("--no-digest", "-", data=b"some bytes")[0] == 0
    assert server.methods() == ["POST"] and server.only_upload().data == b"some bytes"
    assert "content-type" not in server.requests[0].fields


def test_an_empty_input_is_an_upload(ferry, server, put):
    assert put("-", data=b"")[0] == 0
    assert server.only_upload().complete


def test_a_long_input_goes_in_pieces_over_interruptions(ferry, server, put, megabytes):
    server.faults += [Fault("POST", cut=1000), Fault("PATCH", cut=MEGABYTE, reset=True), Fault("PATCH", status=500),
                      Fault("PATCH", mute=True)]
    status, _, err = put("-", data=megabytes * 4)
    assert status == 0, err
    assert server.only_upload().data == megabytes * 4
    assert server.received() == 4 * len(megabytes)


def test_slow_input_is_sent_as_it_comes(ferry, server):
    process = ferry.start("put", "--protocol", "ietf", "-", server.url, stdin=subprocess.PIPE)
    for word in (b"one", b"two"):
        process.stdin.write(word)
        process.stdin.flush()
        server.wait(lambda: server.uploads and server.only_upload().data.endswith(word))
    status, _, _ = ferry.finish(process)
    assert status == 0 and server.only_upload().data == b"onetwo" and server.only_upload().complete


# integrity

@pytest.mark.parametrize("algorithm, name", [("sha256", "sha-256"), ("sha512", "sha-512")])
def test_every_chunk_has_its_digest(ferry, server, put, megabytes, algorithm, name):
    ferry.file("file", megabytes)
    assert put("--checksum", algorithm, "--chunk-size", "2M", "--no-digest", "file")[0] == 0

    assert server.only_upload().data == megabytes
    assert server.methods() == ["POST", "PATCH", "PATCH"]
    for number, request in enumerate(server.requests):
        piece = megabytes[number * 2 * MEGABYTE:(number + 1) * 2 * MEGABYTE]
        value = base64.b64encode(hashlib.new(algorithm, piece).digest()).decode()
        assert request.fields["content-digest"] == f"{name}=:{value}:"


@pytest.mark.parametrize("algorithm", ["sha1", "md5", "crc32", "blake2b"])
def test_other_checksums_are_not_for_it(ferry, server, put, algorithm):
    ferry.file("file", b"x")
    status, _, err = put("--checksum", algorithm, "file")
    assert status == 1 and "--checksum is sha256 or sha512" in err and server.requests == []


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_a_damaged_chunk_is_sent_again(ferry, server, put, megabytes, method):
    ferry.file("file", megabytes)
    server.faults += [Fault(method, damage=True)]
    status, _, err = put("--checksum", "sha256", "--chunk-size", "2M", "file")
    assert status == 0 and "Content-Digest says" in err
    assert list(server.uploads.values())[-1].data == megabytes


def test_a_line_that_damages_everything_ends_it(ferry, server, put):
    ferry.file("file", b"some bytes")
    server.faults += [Fault("POST", damage=True)] + [Fault("PATCH", damage=True) for _ in range(9)]
    status, out, err = put("--checksum", "sha256", "file")
    assert (status, out) == (1, "") and "every try of these bytes damaged (400)" in err
    assert len([request for request in server.requests if request.method != "HEAD"]) == 5


@pytest.mark.parametrize("digest", ["blake2b", "sha256", "sha512"])
@pytest.mark.parametrize("damage", [False, True])
def test_the_server_s_digest_is_compared(ferry, server, put, digest, damage):
    ferry.file("file", b"some bytes")
    server.digest = digest
    server.faults.append(Fault("POST", damage=damage))
    status, out, err = put("file")
    assert (status == 1) == damage and ("damaged: the server's digest" in err) == damage


@pytest.mark.parametrize("damage", [False, True])
def test_a_digest_in_the_final_answer_is_enough(ferry, server, put, damage):
    ferry.file("file", b"some bytes")
    value = base64.b64encode(hashlib.sha256(b"other" if damage else b"some bytes").digest()).decode()
    server.final = (201, [f"Repr-Digest: sha-256=:{value}:"])
    status, _, err = put("file")
    assert (status == 1) == damage and ("damaged: the server's digest" in err) == damage
    assert server.methods() == ["POST"]
