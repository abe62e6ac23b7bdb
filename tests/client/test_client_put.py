"""ferry put with a server that does what it should."""

import json
import os

from fake_tus import metadata


def events(out):
    """Those of --json, without the progress that a slow machine sees."""
    all_events = [json.loads(line) for line in out.splitlines()]
    return [event for event in all_events if event["event"] != "progress"]


def test_sends_a_file_and_prints_its_url(ferry, server, megabytes):
    ferry.file("video.MP4", megabytes)
    status, out, err = ferry.put("video.MP4", server.url)

    assert status == 0
    assert out == server.url + "0" * 32 + "\n"
    assert server.methods() == ["POST", "PATCH", "HEAD"]
    upload = server.only_upload()
    assert upload.data == megabytes and upload.length == len(megabytes)
    assert metadata(upload.metadata) == {"filename": b"video.MP4", "filetype": b"video/mp4"}
    assert "video.MP4: complete" in err
    assert list(ferry.state.iterdir()) == []


def test_sends_an_empty_file_without_patch(ferry, server):
    ferry.file("empty", b"")
    status, out, _ = ferry.put("empty", server.url)

    assert status == 0 and out.startswith(server.url)
    assert server.methods() == ["POST", "HEAD"]


def test_sends_several_files_one_line_each(ferry, server):
    for name in ("a", "b", "c"):
        ferry.file(name, name.encode() * 1000)
    status, out, _ = ferry.put("a", "b", "c", server.url)

    assert status == 0
    assert out.splitlines() == [f"{server.url}{number:032x}" for number in range(3)]
    assert [bytes(upload.data) for upload in server.uploads.values()] == [b"a" * 1000, b"b" * 1000, b"c" * 1000]


def test_goes_on_with_the_next_file_after_one_that_is_not_there(ferry, server):
    ferry.file("b", b"b")
    status, out, err = ferry.put("a", "b", server.url)

    assert status == 1
    assert len(out.splitlines()) == 1
    assert "ferry: a: No such file or directory\n" in err


def test_every_file_ends_in_an_event(ferry, server):
    ferry.file("b", b"b")
    status, out, err = ferry.put("--json", "a", "b", server.url)

    assert status == 1 and err == "ferry: a: No such file or directory\n"
    assert events(out)[0] == {
        "event": "failed", "file": "a", "upload": None, "offset": 0, "length": None, "reason": "see standard error"}
    assert [event["event"] for event in events(out)] == ["failed", "created", "complete"]


def test_chunk_size_bounds_every_patch(ferry, server, megabytes):
    ferry.file("file", megabytes)
    status, _, _ = ferry.put("--chunk-size", "1M", "file", server.url)

    assert status == 0
    assert [request.received for request in server.requests] == [0] + [1024 * 1024] * 5 + [0]
    assert server.only_upload().data == megabytes


def test_the_user_s_metadata_and_headers_go_along(ferry, server):
    ferry.file("file", b"x")
    status, _, _ = ferry.put("--metadata", "filename=other name", "--metadata", "draft=",
                             "--header", "Authorization: Bearer s3cret", "file", server.url)

    assert status == 0
    assert server.only_upload().metadata == "filename b3RoZXIgbmFtZQ==,filetype YXBwbGljYXRpb24vb2N0ZXQtc3RyZWFt,draft"
    assert all(request.fields["authorization"] == "Bearer s3cret" for request in server.requests)


def test_json_tells_every_event_on_a_line(ferry, server):
    name = b"na\xffme\n".decode(errors="surrogateescape")
    ferry.file(name, b"x" * 1000)
    status, out, err = ferry.put("--json", name, server.url)

    assert status == 0 and err == ""
    assert [event["event"] for event in events(out)] == ["created", "complete"]
    assert events(out)[1] == {"event": "complete", "file": "na\ufffdme\n", "upload": server.url + "0" * 32,
                         "offset": 1000, "length": 1000, "sent": 1000}


def test_quiet_says_nothing_but_the_url(ferry, server):
    ferry.file("file", b"x")
    status, out, err = ferry.put("--quiet", "file", server.url)

    assert (status, out, err) == (0, server.url + "0" * 32 + "\n", "")


def test_limit_rate_holds_across_requests(ferry, server):
    ferry.file("file", b"x" * 60000)
    began = os.times().elapsed
    process = ferry.start("put", "--json", "--limit-rate", "100K", "--chunk-size", "1000", "file", server.url)
    status, _, _ = ferry.finish(process)

    assert status == 0
    assert os.times().elapsed - began > 0.4  # 0.59 s less what may be saved up


def test_a_relative_location_is_resolved_against_the_endpoint(ferry, server):
    ferry.file("file", b"x")
    for location in ("path", "name"):
        server.location = location
        status, out, _ = ferry.put("file", server.url)
        assert status == 0 and out.startswith(server.url)


def test_a_password_in_the_url_is_used_and_never_shown_or_kept(ferry, server):
    ferry.file("file", b"x")
    server.location = "path"
    status, out, err = ferry.put("file", server.url.replace("//", "//me:pa%40ss@"))

    assert status == 0
    assert out.startswith(server.url) and "pa" not in err
    assert all(request.fields["authorization"] == "Basic bWU6cGFAc3M=" for request in server.requests)


def test_output_that_nobody_takes_is_a_failure(ferry, server):
    ferry.file("file", b"x")
    with open("/dev/full", "w") as full:
        status, _, err = ferry.put("file", server.url, stdout=full)

    assert status == 1
    assert "standard output could not be written" in err
