"""ferry get: the file's bytes under its name, or nothing under it, whatever happens on the way."""

import base64
import hashlib
import json
import os
import resource
import signal

import pytest

from fake_tus import Fault, TusServer

MEGABYTE = 1024 * 1024


def get(ferry, *arguments, **options):
    return ferry.run("get", "--retry-delay", "10", *arguments, **options)


def sent(server):
    return [request.sent for request in server.requests]


def blake2b(data):
    return f"Ferry-Digest: blake2b=:{base64.b64encode(hashlib.blake2b(data).digest()).decode()}:"


def sha256(data):
    return f"Repr-Digest: sha-256=:{base64.b64encode(hashlib.sha256(data).digest()).decode()}:"


def interrupt(ferry, server, url, *arguments, count=1000):
    """A first run that ends with so many bytes in the part."""
    server.faults += [Fault("GET", cut=count), Fault("GET", status=400)]
    status, out, err = get(ferry, *arguments, url)
    assert (status, out) == (1, ""), err
    assert len(ferry.records()) == 1


def files(ferry):
    return sorted(path.name for path in ferry.folder.iterdir() if path.name != "home")


def test_saves_the_file_and_prints_its_name(ferry, server, megabytes):
    url = server.publish(megabytes, fields=["Content-Disposition: attachment; filename=\"a video.mp4\""])
    status, out, err = get(ferry, url)

    assert status == 0 and out == "a video.mp4\n"
    assert (ferry.folder / "a video.mp4").read_bytes() == megabytes
    assert "a video.mp4: complete" in err
    assert files(ferry) == ["a video.mp4"] and list(ferry.state.iterdir()) == []


def test_saves_under_the_name_that_the_user_wants(ferry, server):
    (ferry.folder / "below").mkdir()
    url = server.publish(b"some bytes", fields=["Content-Disposition: attachment; filename=other"])
    status, out, _ = get(ferry, "-o", "below/x", url)

    assert status == 0 and out == "below/x\n"
    assert (ferry.folder / "below" / "x").read_bytes() == b"some bytes"
    assert os.listdir(ferry.folder / "below") == ["x"]


def test_an_empty_file_is_a_file(ferry, server):
    status, _, _ = get(ferry, server.publish(b""))

    assert status == 0
    assert (ferry.folder / "file").read_bytes() == b""


def test_writes_to_standard_output(ferry, server, megabytes):
    process = ferry.start("get", "-o", "-", server.publish(megabytes))
    out, err = process.communicate(timeout=60)

    assert process.returncode == 0 and out == megabytes
    assert not ferry.state.exists() and files(ferry) == []


@pytest.mark.parametrize("disposition, name", [
    ("attachment; filename*=UTF-8''n%C3%A9%20b.mp4; filename=plain", "né b.mp4"),
    ("attachment; filename=\"../../etc/passwd\"", "passwd"),
    ("attachment; filename*=utf-8''..%2F..%2F.bashrc", "_bashrc"),
    ("attachment; filename=\"-rf\"", "_rf"),
    ("attachment", "named-by%20url"),
])
def test_names_are_made_safe(ferry, server, disposition, name):
    name = name.replace("%20", " ")
    url = server.publish(b"x", name="named-by%20url?query", fields=[f"Content-Disposition: {disposition}"])
    status, _, err = get(ferry, url)

    assert status == 0, err
    assert files(ferry) == [name]


@pytest.mark.parametrize("reset", [False, True])
def test_a_cut_connection_goes_on_where_it_was(ferry, server, megabytes, reset):
    url = server.publish(megabytes, fields=[blake2b(megabytes)])
    server.faults += [Fault("GET", cut=cut, reset=reset) for cut in (1, MEGABYTE, 0, 3 * MEGABYTE)]
    status, _, err = get(ferry, url)

    assert status == 0, err
    assert (ferry.folder / "file").read_bytes() == megabytes
    if not reset:  # which throws away what lies in buffers
        assert sum(sent(server)) == len(megabytes)
    assert server.requests[-1].fields["if-range"] == '"1"'
    assert err.count("trying again") == 4


def test_standard_output_goes_on_too(ferry, server, megabytes):
    url = server.publish(megabytes, fields=[blake2b(megabytes)])
    server.faults += [Fault("GET", cut=MEGABYTE), Fault("GET", cut=2 * MEGABYTE)]
    process = ferry.start("get", "--retry-delay", "10", "-o", "-", url)
    out, _ = process.communicate(timeout=60)

    assert process.returncode == 0 and out == megabytes
    assert sum(sent(server)) == len(megabytes)


def test_standard_output_skips_what_it_has_had(ferry, server, megabytes):
    url = server.publish(megabytes, ranges=False)
    server.faults.append(Fault("GET", cut=MEGABYTE))
    process = ferry.start("get", "--retry-delay", "10", "-o", "-", url)
    out, _ = process.communicate(timeout=60)

    assert process.returncode == 0 and out == megabytes


@pytest.mark.parametrize("etag", [None, 'W/"1"', '"2"'])
def test_standard_output_cannot_be_taken_back(ferry, server, etag):
    url = server.publish(b"some bytes", etag=None if etag is None else etag if etag[0] == "W" else '"1"')

    def change(_):
        server.files["file"].etag = etag

    server.faults.append(Fault("GET", cut=4, hook=change))
    status, out, err = get(ferry, "-o", "-", url)

    assert (status, out) == (1, "some")
    assert "cannot be taken back" in err


@pytest.mark.parametrize("etag", [None, 'W/"1"'])
def test_without_a_strong_etag_it_begins_anew(ferry, server, etag):
    url = server.publish(b"some bytes", etag=etag)
    server.faults.append(Fault("GET", cut=4))
    status, _, err = get(ferry, url)

    assert status == 0 and "starting anew" in err
    assert sent(server) == [4, 10]
    assert all("range" not in request.fields for request in server.requests)


def test_a_later_run_goes_on(ferry, server, megabytes):
    url = server.publish(megabytes, fields=["Content-Disposition: attachment; filename=v.mp4", blake2b(megabytes)])
    interrupt(ferry, server, url, count=MEGABYTE)
    assert files(ferry) == ["v.mp4.part"]
    status, out, err = get(ferry, url)

    assert status == 0 and out == "v.mp4\n" and "v.mp4: goes on at 1.0 MiB" in err
    assert (ferry.folder / "v.mp4").read_bytes() == megabytes
    assert sent(server)[-1] == len(megabytes) - MEGABYTE + 1  # the last byte once more
    assert list(ferry.state.iterdir()) == []


def test_goes_on_after_being_killed(ferry, server, megabytes):
    url = server.publish(megabytes)
    server.faults.append(Fault("GET", stall=MEGABYTE))
    process = ferry.start("get", "-o", "x", url)
    part = ferry.folder / "x.part"
    server.wait(lambda: sent(server) == [MEGABYTE])
    while not part.exists() or part.stat().st_size < MEGABYTE:
        assert process.poll() is None
    process.kill()
    ferry.finish(process)

    status, _, err = get(ferry, "-o", "./x", url)
    assert status == 0 and "goes on at" in err
    assert (ferry.folder / "x").read_bytes() == megabytes
    assert sent(server)[1] == len(megabytes) - MEGABYTE + 1


def test_a_part_that_is_whole_is_only_asked_about(ferry, server):
    url = server.publish(b"some bytes")
    interrupt(ferry, server, url, count=9)
    (ferry.folder / "file.part").write_bytes(b"some bytes")
    status, _, _ = get(ferry, url)

    assert status == 0
    assert server.requests[-1].sent == 1
    assert (ferry.folder / "file").read_bytes() == b"some bytes"


@pytest.mark.parametrize("change", ["etag", "ranges", "shorter"])
def test_a_file_that_changed_since_is_fetched_anew(ferry, server, change):
    url = server.publish(b"some bytes")
    interrupt(ferry, server, url, count=8)
    if change == "shorter":  # and the server still says it is the same one
        server.files["file"].data = b"short"
    else:
        server.files["file"].data = b"other bytes"
        setattr(server.files["file"], change, '"2"' if change == "etag" else False)
    status, _, err = get(ferry, url)

    assert status == 0, err
    assert (ferry.folder / "file").read_bytes() == server.files["file"].data


def test_a_part_that_was_not_asked_for_is_an_error(ferry, server):
    url = server.publish(b"some bytes")
    interrupt(ferry, server, url, count=8)
    server.faults.append(Fault("GET", status=206, fields=["Content-Range: bytes 1-9/10"], body="ome bytes"))
    status, out, err = get(ferry, url)

    assert (status, out) == (1, "")
    assert "not what was asked for" in err


def test_nothing_is_overwritten_without_force(ferry, server):
    url = server.publish(b"new")
    path = ferry.file("file", b"old")
    status, out, err = get(ferry, url)
    assert (status, out) == (1, "") and "file: is there already" in err
    assert path.read_bytes() == b"old" and files(ferry) == ["file"]

    requests = len(server.requests)
    assert get(ferry, "-o", "file", url)[0] == 1
    assert len(server.requests) == requests  # it need not be asked for that

    assert get(ferry, "--force", url)[0] == 0
    assert path.read_bytes() == b"new"


def test_a_file_that_comes_meanwhile_is_not_overwritten(ferry, server):
    url = server.publish(b"new")
    server.faults.append(Fault("GET", hook=lambda _: ferry.file("file", b"old")))
    server.faults[0].cut = 1
    status, _, err = get(ferry, url)

    assert status == 1 and "is there already" in err
    assert (ferry.folder / "file").read_bytes() == b"old"


def test_a_part_of_somebody_else_is_left_alone(ferry, server):
    url = server.publish(b"new")
    part = ferry.file("file.part", b"of another program")
    status, _, err = get(ferry, url)
    assert status == 1 and "not of this download" in err
    assert part.read_bytes() == b"of another program"

    assert get(ferry, "--force", url)[0] == 0
    assert files(ferry) == ["file"]


def test_a_second_ferry_keeps_out(ferry, server):
    url = server.publish(b"some bytes")
    server.faults.append(Fault("GET", stall=4))
    first = ferry.start("get", "-o", "x", url)
    server.wait(lambda: sent(server) == [4])
    while not (ferry.folder / "x.part").exists():
        assert first.poll() is None

    assert "another ferry is downloading it" in get(ferry, "-o", "x", url)[2]
    assert "another ferry is downloading to it" in get(ferry, "-o", "x", server.publish(b"other", name="other"))[2]
    first.terminate()
    status, _, err = ferry.finish(first)
    assert status == -signal.SIGTERM and "what arrived is kept" in err


@pytest.mark.parametrize("field", [blake2b, sha256])
@pytest.mark.parametrize("output", ["file", "-"])
def test_a_digest_that_differs_is_an_error(ferry, server, field, output):
    url = server.publish(b"some bytes", fields=[field(b"same bytes")])
    status, _, err = get(ferry, "-o", output, url)
    assert status == 1 and "damaged: its digest is not the server's" in err
    assert files(ferry) == [] and (output == "-" or list(ferry.state.iterdir()) == [])

    assert get(ferry, "--no-digest", "-o", output, url)[0] == 0


def test_a_later_run_checks_all_of_it(ferry, server, megabytes):
    url = server.publish(megabytes, fields=[sha256(megabytes)])
    interrupt(ferry, server, url, count=MEGABYTE)
    part = ferry.folder / "file.part"
    with open(part, "r+b") as file:
        file.write(b"damage")
    status, _, err = get(ferry, url)
    assert status == 1 and "damaged" in err and files(ferry) == []

    status, _, _ = get(ferry, url)
    assert status == 0
    assert (ferry.folder / "file").read_bytes() == megabytes


@pytest.mark.parametrize("number", [301, 302, 303, 307, 308])
def test_redirects_are_followed(ferry, server, number):
    other = TusServer()
    url = other.publish(b"some bytes", name="there")
    server.faults.append(Fault("GET", status=number, fields=[f"Location: {url}"]))
    status, out, _ = get(ferry, server.url + "here")
    other.stop()

    assert status == 0 and out == "there\n"


@pytest.mark.parametrize("answer, said", [(404, "no such upload"), (409, "not complete yet"), (403, "credentials")])
def test_answers_that_will_not_change_end_it(ferry, server, answer, said):
    url = server.publish(b"x")
    server.faults.append(Fault("GET", status=answer))
    status, out, err = get(ferry, url)

    assert (status, out) == (1, "") and said in err
    assert files(ferry) == [] and list(ferry.state.iterdir()) == []


def test_answers_that_may_change_are_tried_again(ferry, server):
    url = server.publish(b"x")
    server.faults += [Fault("GET", status=answer) for answer in (500, 503, 429)]
    status, _, err = get(ferry, url)

    assert status == 0 and err.count("trying again") == 3


def test_limit_rate_holds(ferry, server):
    url = server.publish(bytes(range(256)) * 200)
    began = os.times().elapsed
    status, _, _ = get(ferry, "--limit-rate", "100K", url)

    assert status == 0
    assert os.times().elapsed - began > 0.3  # 0.5 s less what may be saved up
    assert (ferry.folder / "file").read_bytes() == bytes(range(256)) * 200


def test_json_tells_every_event_on_a_line(ferry, server):
    url = server.publish(b"some bytes")
    server.faults.append(Fault("GET", cut=4))
    status, out, err = get(ferry, "--json", url)
    events = [json.loads(line) for line in out.splitlines()]

    assert status == 0 and err == ""
    assert [event["event"] for event in events] == ["started", "retry", "complete"]
    assert events[-1] == {"event": "complete", "file": "file", "upload": url, "offset": 10, "length": 10,
                          "received": 10}

    status, out, _ = get(ferry, "--json", server.url + "nothing")
    (event,) = [json.loads(line) for line in out.splitlines()]
    assert status == 1 and (event["event"], event["file"], event["length"]) == ("failed", None, None)


def test_a_signal_ends_it_while_nobody_reads(ferry, server, megabytes):
    process = ferry.start("get", "-o", "-", server.publish(megabytes))
    assert process.stdout.read(1) == megabytes[:1]
    process.terminate()
    assert process.wait(60) == -signal.SIGTERM
    process.communicate()


def test_output_that_nobody_takes_is_a_failure(ferry, server):
    with open("/dev/full", "w") as full:
        status, _, err = get(ferry, "-o", "-", server.publish(b"x"), stdout=full)

    assert status == 1
    assert "standard output: No space left on device" in err


def test_a_full_disk_is_said(ferry, server, megabytes):
    """Files may have a mebibyte, by RLIMIT_FSIZE: the write fails there."""
    url = server.publish(megabytes)
    limit = lambda: (signal.signal(signal.SIGXFSZ, signal.SIG_IGN),
                     resource.setrlimit(resource.RLIMIT_FSIZE, (MEGABYTE, MEGABYTE)))
    status, out, err = get(ferry, url, preexec_fn=limit)

    assert (status, out) == (1, "") and "File too large" in err
    assert files(ferry) == ["file.part"]
    status, _, _ = get(ferry, url)
    assert status == 0
    assert (ferry.folder / "file").read_bytes() == megabytes
