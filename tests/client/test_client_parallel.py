"""ferry put --parallel: one file in several parts at a time, joined in the end"""

import json
import os
import signal

import pytest

from fake_tus import Fault, metadata

MEGABYTE = 1024 * 1024


@pytest.fixture
def put(ferry, server):
    def run(*arguments, **options):
        return ferry.put("--parallel", "4", *arguments, server.url, **options)
    return run


def joins(server):
    return [request for request in server.requests if request.fields.get("upload-concat", "").startswith("final")]


def events(out):
    return [event for event in map(json.loads, out.splitlines()) if event["event"] != "progress"]


def test_a_file_goes_in_parts_that_are_joined(ferry, server, put, megabytes):
    ferry.file("video.mp4", megabytes + b"odd")
    status, out, err = put("--metadata", "draft=", "video.mp4")

    assert status == 0, err
    assert server.joined().data == megabytes + b"odd"
    assert out == server.url + next(name for name, upload in server.uploads.items() if upload is server.joined()) + "\n"
    assert sorted(part.length for part in server.parts()) == [1310720, 1310720, 1310720, 1310723]
    assert {part.metadata for part in server.parts()} == {""}
    assert metadata(server.joined().metadata) == {"filename": b"video.mp4", "filetype": b"video/mp4", "draft": b""}
    assert len(joins(server)) == 1 and "video.mp4: complete, 5.0 MiB" in err
    assert server.received() == len(megabytes) + 3 and list(ferry.state.iterdir()) == []


def test_all_parts_go_at_a_time(ferry, server, megabytes):
    """All four are held at once; then all are cut."""
    ferry.file("file", megabytes)
    server.faults += [Fault("PATCH", stall=1000) for _ in range(4)]
    process = ferry.start("put", "--parallel", "4", "--retry-delay", "10", "file", server.url)
    server.wait(lambda: server.received() == 4000)
    server.stop()
    server.start()
    status, _, err = ferry.finish(process)

    assert status == 0, err
    assert server.joined().data == megabytes


@pytest.mark.parametrize("size, parts", [(0, 0), (2 * MEGABYTE - 1, 0), (2 * MEGABYTE, 2), (4 * MEGABYTE, 4)])
def test_a_part_has_a_mebibyte_at_least(ferry, server, put, megabytes, size, parts):
    ferry.file("file", megabytes[:size])
    assert put("file")[0] == 0
    assert len(server.parts()) == parts and server.joined().data == megabytes[:size]


def test_standard_input_has_no_parts(ferry, server, put, megabytes):
    assert put("-", data=megabytes)[0] == 0
    assert server.only_upload().data == megabytes


def test_folders_and_jobs_go_along(ferry, server, put, megabytes):
    (ferry.folder / "d").mkdir()
    for name, size in (("a", 3), ("b", 2), ("c", 1)):
        ferry.file(f"d/{name}", megabytes[:size * MEGABYTE])
    status, out, err = put("--recursive", "--jobs", "2", "d")

    assert status == 0 and len(out.splitlines()) == 3, err
    whole = [upload for upload in server.uploads.values() if upload.concat != "partial"]
    assert sorted(len(upload.data) for upload in whole) == [MEGABYTE, 2 * MEGABYTE, 3 * MEGABYTE]
    assert len(server.parts()) == 5


def test_json_tells_of_the_whole(ferry, server, put, megabytes):
    ferry.file("file", megabytes)
    status, out, _ = put("--json", "file")
    url = json.loads(out.splitlines()[-1])["upload"]

    assert status == 0
    assert [event["event"] for event in events(out)] == ["created", "complete"]
    assert events(out)[1] == {"event": "complete", "file": "file", "upload": url, "offset": len(megabytes),
                              "length": len(megabytes), "sent": len(megabytes)}
    assert server.uploads[url.rpartition("/")[2]] is server.joined()


def test_a_server_that_does_not_join_gets_one_upload(ferry, server, put, megabytes):
    server.extensions = "creation"
    ferry.file("file", megabytes)
    status, _, err = put("file")
    assert status == 0 and "the server does not join parts (concatenation); one upload for each file" in err
    assert server.only_upload().data == megabytes and server.only_upload().concat is None


def test_a_server_that_does_not_say_gets_one_upload(ferry, server, put, megabytes):
    server.faults.append(Fault("OPTIONS", status=405))
    ferry.file("file", megabytes)
    assert put("file")[0] == 0
    assert server.only_upload().data == megabytes


def test_options_may_be_asked_again(ferry, server, put, megabytes):
    server.faults += [Fault("OPTIONS", status=503)] * 2
    ferry.file("file", megabytes)
    assert put("file")[0] == 0 and len(server.parts()) == 4


def test_the_other_protocol_has_none(ferry, server, put):
    status, _, err = put("--protocol", "ietf", "file")
    assert status == 2 and "--parallel: --protocol ietf has no parts" in err and server.requests == []


@pytest.mark.parametrize("number", ["0", "33", "-1", "x"])
def test_the_number_has_bounds(ferry, server, number):
    assert ferry.put("--parallel", number, "file", server.url)[0] == 2


# interrupted

def kill_at(ferry, server, *places):
    """A first run with a part for each of the places, which is killed when each of them has come so far."""
    server.faults += [Fault("PATCH", stall=place) for place in places]
    process = ferry.start("put", "--parallel", str(len(places)), "file", server.url)
    server.wait(lambda: server.received() == sum(places))
    process.kill()
    ferry.finish(process)


def test_every_part_goes_on_where_it_was(ferry, server, put, megabytes):
    ferry.file("file", megabytes)
    server.faults += [Fault("PATCH", cut=cut, reset=cut % 2 == 1) for cut in (1, 100001, MEGABYTE, 0, 500000)]
    server.faults += [Fault("POST", status=503), Fault("HEAD", status=500)]
    status, _, err = put("file")

    assert status == 0, err
    assert server.joined().data == megabytes and server.received() == len(megabytes)


def test_kill_9_and_the_next_run_goes_on_with_all_of_them(ferry, server, megabytes):
    path = ferry.file("file", megabytes)
    kill_at(ferry, server, 1, 100000, 300000, MEGABYTE)
    (record,) = ferry.records()
    assert sorted(record["parts"]) == [server.url + name for name in sorted(server.uploads)]
    assert len(record["key"]) == 32 and "upload" not in record
    assert record["path"] == str(path) and record["protocol"] == "tus" and record["size"] == len(megabytes)

    status, out, err = ferry.put("--json", "--parallel", "2", "file", server.url)  # the record knows better
    assert status == 0, err
    resumed, created, complete = events(out)
    assert (resumed["event"], resumed["offset"], resumed["upload"]) == ("resumed", 400001 + MEGABYTE, None)
    assert (created["event"], complete["event"]) == ("created", "complete")
    assert complete["sent"] == len(megabytes) - 400001 - MEGABYTE
    assert server.received() == len(megabytes) and server.joined().data == megabytes
    assert joins(server)[0].fields["idempotency-key"] == f'"{record["key"]}"'


def test_without_the_option_a_later_run_still_knows_of_the_parts(ferry, server, put, megabytes):
    ferry.file("file", megabytes)
    kill_at(ferry, server, 1000, 1000, 1000, 1000)
    status, _, err = ferry.put("file", server.url)
    assert status == 0, err
    assert server.joined().data == megabytes and server.received() == len(megabytes)


def test_an_upload_that_was_begun_whole_stays_whole(ferry, server, put, megabytes):
    ferry.file("file", megabytes)
    server.faults += [Fault("PATCH", cut=1000), Fault("HEAD", status=400)]
    assert ferry.put("file", server.url)[0] == 1
    assert put("file")[0] == 0
    assert server.only_upload().data == megabytes


def test_a_signal_stops_all_of_them(ferry, server, put, megabytes):
    ferry.file("file", megabytes)
    server.faults += [Fault("PATCH", stall=1000) for _ in range(4)]
    process = ferry.start("put", "--parallel", "4", "file", server.url)
    server.wait(lambda: server.received() == 4000)
    process.send_signal(signal.SIGTERM)
    status, out, err = ferry.finish(process)

    assert (status, out) == (-signal.SIGTERM, "") and err.count("run the same command again") == 1
    assert put("file")[0] == 0 and server.joined().data == megabytes


def test_one_that_is_refused_ends_the_others(ferry, server, put, megabytes):
    ferry.file("file", megabytes)
    server.faults += [Fault("PATCH", stall=1000) for _ in range(3)]
    server.faults.append(Fault("PATCH", status=403, hook=lambda _: server.wait(lambda: server.received() == 3000)))
    status, out, err = put("file")

    assert (status, out) == (1, "") and err.count("the server answered 403") == 1 and "stopped" not in err
    assert joins(server) == []
    status, _, err = put("file")
    assert status == 0 and "goes on at 2.9 KiB" in err and server.joined().data == megabytes


def test_a_part_that_is_gone_is_begun_anew(ferry, server, put, megabytes):
    ferry.file("file", megabytes)
    kill_at(ferry, server, 1000, 1000, 1000, 1000)
    del server.uploads[sorted(server.uploads)[1]]
    server.uploads["gap"] = None  # names are numbers: the next is a new one
    status, out, err = put("--json", "file")
    del server.uploads["gap"]

    assert status == 0, err
    assert server.joined().data == megabytes
    assert events(out)[0]["event"] == "resumed" and events(out)[-1]["offset"] == len(megabytes)


def test_a_file_that_changed_since_is_sent_anew(ferry, server, put, megabytes):
    path = ferry.file("file", megabytes)
    kill_at(ferry, server, 1000, 1000, 1000, 1000)
    path.write_bytes(megabytes[::-1])
    status, _, err = put("file")
    assert status == 0 and "changed since its upload began" in err and server.joined().data == megabytes[::-1]


def test_a_file_that_changes_while_it_is_sent_is_an_error(ferry, server, put, megabytes):
    path = ferry.file("file", megabytes)
    server.faults.append(Fault("PATCH", hook=lambda _: os.utime(path, ns=(0, 0))))
    status, out, err = put("--chunk-size", "100000", "file")
    assert (status, out) == (1, "") and "changed while it was sent" in err and joins(server) == []


# joining

@pytest.mark.parametrize("fault", [{"mute": True}, {"status": 503}, {"status": 423}])
def test_a_join_that_was_lost_is_repeated_and_makes_one_upload(ferry, server, put, megabytes, fault):
    ferry.file("file", megabytes)
    server.faults += [Fault("POST", joining=True, **fault)] * 2
    status, out, err = put("file")

    assert status == 0, err
    assert len(joins(server)) == 3 and len({request.fields["idempotency-key"] for request in joins(server)}) == 1
    assert server.joined().data == megabytes


def test_a_run_that_was_stopped_while_joining_gets_the_same_upload(ferry, server, put, megabytes):
    ferry.file("file", megabytes)
    server.faults.append(Fault("POST", joining=True, mute=True))
    server.faults.append(Fault("POST", joining=True, status=400))
    assert put("file")[0] == 1
    assert put("file")[0] == 0
    assert server.joined().data == megabytes and server.received() == len(megabytes)
    assert len(joins(server)) == 3


def test_another_request_needs_another_key(ferry, server, put, megabytes):
    ferry.file("file", megabytes)
    server.faults += [Fault("POST", joining=True, mute=True), Fault("POST", joining=True, status=400)]
    assert put("file")[0] == 1
    status, out, err = put("--metadata", "filename=other", "file")

    assert status == 0, err
    final = server.uploads[out.strip().rpartition("/")[2]]
    assert final.data == megabytes and metadata(final.metadata)["filename"] == b"other"
    assert [server.received(), len(joins(server))] == [len(megabytes), 4]


@pytest.mark.parametrize("answer", [400, 403, 404, 410, 413, 422])
def test_a_join_that_is_refused_is_an_error(ferry, server, put, megabytes, answer):
    ferry.file("file", megabytes)
    server.faults += [Fault("POST", joining=True, status=answer, body="no")] * 2
    status, out, err = put("file")
    assert (status, out) == (1, "") and f"the server answered {answer}: no" in err
    assert len(ferry.records()) == 1


def test_an_upload_of_another_length_is_an_error(ferry, server, put, megabytes):
    ferry.file("file", megabytes)
    other = server.begin(7, data=b"another")
    server.uploads["begun"].concat = "partial"
    server.faults.append(Fault("POST", joining=True, status=201, fields=[f"Location: {other}"]))
    status, out, err = put("file")
    assert (status, out) == (1, "") and "joined the parts to another length" in err


# integrity

def test_every_part_is_compared(ferry, server, put, megabytes):
    ferry.file("file", megabytes)
    server.digest = "blake2b"
    server.faults += [Fault("PATCH"), Fault("PATCH", damage=True)]
    status, out, err = put("file")
    assert (status, out) == (1, "") and "damaged: the server's digest is not that of the file" in err
    assert joins(server) == []
    (record,) = ferry.records()
    assert None in record["parts"] and any(record["parts"])  # only what was damaged is forgotten

    status, _, err = put("file")
    assert status == 0, err
    assert server.joined().data == megabytes


def test_every_chunk_of_every_part_has_a_checksum(ferry, server, put, megabytes):
    ferry.file("file", megabytes)
    status, _, err = put("--checksum", "sha1", "--chunk-size", "1M", "file")
    assert status == 0, err
    assert server.joined().data == megabytes
    patches = [request for request in server.requests if request.method == "PATCH"]
    assert len(patches) == 8 and all("trailer:upload-checksum" in request.fields for request in patches)


def test_the_rate_is_that_of_all_parts_together(ferry, server, put, megabytes):
    ferry.file("file", megabytes)
    began = os.times().elapsed
    assert put("--limit-rate", "8M", "file")[0] == 0
    assert os.times().elapsed - began > 0.4  # 0.625 s less what may be saved up
