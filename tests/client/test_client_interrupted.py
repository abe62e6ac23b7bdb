"""ferry put, interrupted in every way: what was acknowledged is not sent again, and the bytes are the same."""

import json
import signal
import time

import pytest

from fake_tus import Fault

MEGABYTE = 1024 * 1024


@pytest.mark.parametrize("reset", [False, True])
def test_a_cut_connection_goes_on_where_the_server_is(ferry, server, megabytes, reset):
    ferry.file("file", megabytes)
    server.faults += [Fault("PATCH", cut=cut, reset=reset) for cut in (1, MEGABYTE, 0, 3 * MEGABYTE)]
    status, out, err = ferry.put("file", server.url)

    assert status == 0 and out.startswith(server.url)
    assert server.only_upload().data == megabytes
    assert server.methods() == ["POST"] + ["PATCH", "HEAD"] * 4 + ["PATCH", "HEAD"]
    assert server.received() == len(megabytes)
    assert err.count("trying again") == 4


def test_the_bytes_that_leave_stay_few(ferry, server, megabytes):
    ferry.file("file", megabytes)
    server.faults += [Fault("PATCH", cut=MEGABYTE, reset=True) for _ in range(4)]
    status, out, _ = ferry.put("--json", "file", server.url)

    sent = json.loads(out.splitlines()[-1])["sent"]
    assert status == 0
    assert sent < len(megabytes) + 4 * 8 * MEGABYTE  # what socket buffers hold


@pytest.mark.parametrize("answer", [500, 503, 423, 429, 409, 408, 507])
@pytest.mark.parametrize("method", ["POST", "PATCH", "HEAD"])
def test_answers_that_may_change_are_tried_again(ferry, server, method, answer):
    ferry.file("file", b"some bytes")
    if method == "HEAD":
        server.faults.append(Fault("PATCH", cut=4))
    server.faults += [Fault(method, status=answer)] * 3
    status, _, err = ferry.put("file", server.url)

    assert status == 0
    assert server.only_upload().data == b"some bytes"
    assert err.count(f"the server answered {answer}") == 3


@pytest.mark.parametrize("answer", [400, 401, 403, 405, 412, 413, 415, 460, 302])
@pytest.mark.parametrize("method", ["POST", "PATCH", "HEAD"])
def test_answers_that_will_not_change_end_it(ferry, server, method, answer):
    ferry.file("file", b"some bytes")
    if method == "HEAD":
        server.faults.append(Fault("PATCH", cut=4))
    server.faults.append(Fault(method, status=answer, body="" if method == "HEAD" else "no, \x1b[31mnot today\nmore"))
    status, out, err = ferry.put("file", server.url)

    assert (status, out) == (1, "")
    assert server.methods()[-1] == method
    said = f"ferry: file: the server answered {answer}"
    assert said + ("" if method == "HEAD" else ": no, ?[31mnot today") in err
    assert "more" not in err


def test_an_early_refusal_of_a_large_body_is_heard(ferry, server, megabytes):
    ferry.file("file", megabytes)
    server.faults.append(Fault("PATCH", status=413))
    status, _, err = ferry.put("file", server.url)

    assert status == 1 and "413" in err
    assert server.received() == 0


def test_retry_after_is_kept_to(ferry, server):
    ferry.file("file", b"x")
    server.faults.append(Fault("POST", status=429, fields=["Retry-After: 1"]))
    began = time.monotonic()
    status, _, err = ferry.put("file", server.url)

    assert status == 0 and "trying again in 1.0 s" in err
    assert time.monotonic() - began >= 1


def test_retry_after_beyond_the_patience_gives_up_at_once(ferry, server):
    ferry.file("file", b"x")
    server.faults.append(Fault("POST", status=503, fields=["Retry-After: 3600"]))
    status, _, err = ferry.put("--retry-time", "60", "file", server.url)

    assert status == 1 and "503" in err and "gave up" in err
    assert server.methods() == ["POST"]


def test_gives_up_without_progress_and_a_later_run_goes_on(ferry, server, megabytes):
    ferry.file("file", megabytes)
    server.faults.append(Fault("PATCH", cut=MEGABYTE, hook=lambda upload: server.stop()))
    status, out, err = ferry.put("--retry-time", "1", "file", server.url)
    assert (status, out) == (1, "")
    assert "gave up" in err and "run the same command again" in err

    server.start()
    status, out, err = ferry.put("file", server.url)
    assert status == 0 and out == server.url + "0" * 32 + "\n"
    assert "goes on at 1.0 MiB" in err
    assert server.only_upload().data == megabytes
    assert server.received() == len(megabytes)


def test_a_server_that_comes_back_is_found(ferry, server, megabytes):
    ferry.file("file", megabytes)
    server.faults.append(Fault("PATCH", cut=MEGABYTE, hook=lambda upload: server.stop()))
    process = ferry.start("put", "--json", "--retry-delay", "10", "file", server.url)
    for line in process.stdout:  # stay away until it was missed
        event = json.loads(line)
        if event["event"] == "retry" and "onnect" in event["reason"]:
            break
    server.start()
    status, _, _ = ferry.finish(process)

    assert status == 0
    assert server.only_upload().data == megabytes


def test_a_stalled_connection_is_noticed(ferry, server, megabytes):
    ferry.file("file", megabytes)
    server.faults += [Fault("POST", stall=0), Fault("PATCH", stall=MEGABYTE), Fault("HEAD", stall=0)]
    status, _, err = ferry.put("--timeout", "1", "file", server.url)

    assert status == 0
    assert err.count("no byte moved for 1 seconds") >= 3
    assert server.only_upload().data == megabytes


def test_an_answer_that_was_lost_is_not_paid_twice(ferry, server):
    ferry.file("file", b"some bytes")
    server.faults.append(Fault("PATCH", mute=True))
    status, _, _ = ferry.put("file", server.url)

    assert status == 0
    assert server.methods() == ["POST", "PATCH", "HEAD", "HEAD"]
    assert server.received() == 10


@pytest.mark.parametrize("gone", [404, 410])
def test_an_upload_that_is_gone_is_begun_anew_once(ferry, server, gone):
    ferry.file("file", b"some bytes")
    server.faults += [Fault("PATCH", cut=4), Fault("HEAD", status=gone)]
    status, _, err = ferry.put("file", server.url)
    assert status == 0 and "starting anew" in err
    assert server.methods() == ["POST", "PATCH", "HEAD", "POST", "PATCH", "HEAD"]
    assert server.uploads["0" * 31 + "1"].data == b"some bytes"

    server.faults += [Fault("PATCH", status=gone)] * 2
    status, out, err = ferry.put("file", server.url)
    assert (status, out) == (1, "") and "there is no such upload" in err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_it_and_the_next_run_goes_on(ferry, server, megabytes, number):
    ferry.file("file", megabytes)
    server.faults.append(Fault("PATCH", stall=2 * MEGABYTE))
    process = ferry.start("put", "file", server.url)
    server.wait(lambda: server.received() == 2 * MEGABYTE)
    process.send_signal(number)
    status, out, err = ferry.finish(process)

    assert status == -number and out == ""
    assert "file: stopped; " in err and "run the same command again to go on" in err
    assert len(ferry.records()) == 1

    status, _, _ = ferry.put("file", server.url)
    assert status == 0
    assert server.only_upload().data == megabytes
    assert server.received() == len(megabytes)


def test_a_signal_ends_a_wait(ferry, server):
    ferry.file("file", b"x")
    server.faults.append(Fault("POST", status=503, fields=["Retry-After: 300"]))
    process = ferry.start("put", "--json", "file", server.url)
    assert json.loads(process.stdout.readline())["event"] == "retry"
    process.terminate()
    status, _, _ = ferry.finish(process)

    assert status == -signal.SIGTERM


def test_kill_9_at_any_place_goes_on(ferry, server, megabytes):
    ferry.file("file", megabytes)
    for patches, place in enumerate((0, 1, MEGABYTE, 3 * MEGABYTE), 1):
        server.faults.append(Fault("PATCH", stall=place))
        process = ferry.start("put", "file", server.url)
        server.wait(lambda: server.methods().count("PATCH") == patches
                    and server.requests[-1].received == place)
        process.kill()
        ferry.finish(process)

    status, _, _ = ferry.put("file", server.url)
    assert status == 0
    assert server.only_upload().data == megabytes
    assert server.received() == len(megabytes)


def test_a_huge_sparse_file_goes_on_at_its_end(ferry, server):
    size = 10 << 30
    with open(ferry.folder / "huge", "wb") as huge:
        huge.seek(size - 4)
        huge.write(b"tail")
    server.faults.append(Fault("PATCH", cut=0, hook=lambda upload: setattr(upload, "base", size - 100000)))
    status, out, err = ferry.put("--no-digest", "huge", server.url)
    assert (status, out) == (1, "")
    assert "claims bytes that were never sent" in err

    status, _, err = ferry.put("--no-digest", "huge", server.url)  # another run cannot know: it takes the server's word
    assert status == 0 and "goes on at 10.0 GiB" in err
    assert server.received() == 100000
    assert server.only_upload().data == b"\0" * 99996 + b"tail"


@pytest.mark.parametrize("lie", [lambda offset: offset + 1, lambda offset: 0, lambda offset: 1 << 62])
def test_a_patch_answered_with_a_false_offset_is_no_success(ferry, server, lie):
    ferry.file("file", b"some bytes")
    server.faults += [Fault("PATCH", cut=4), Fault("PATCH", offset=lie)]
    status, out, err = ferry.put("file", server.url)

    assert (status, out) == (1, "")
    assert "claims an offset that cannot be" in err


def test_a_server_that_takes_nothing_ends_by_the_retry_time(ferry, server):
    ferry.file("file", b"some bytes")
    server.faults += [Fault("PATCH", status=204, fields=["Upload-Offset: 0"])] * 1000
    status, out, err = ferry.put("--retry-time", "1", "file", server.url)

    assert (status, out) == (1, "")
    assert "the server took no byte" in err


def test_an_answer_without_offset_is_asked_after(ferry, server):
    ferry.file("file", b"some bytes")
    server.faults.append(Fault("PATCH", offset=lambda offset: None))
    status, _, _ = ferry.put("file", server.url)

    assert status == 0
    assert server.methods() == ["POST", "PATCH", "HEAD", "HEAD"]


def test_a_server_that_goes_back_is_followed(ferry, server):
    ferry.file("file", b"some bytes")
    server.faults += [Fault("PATCH", cut=8, hook=lambda upload: upload.data.__delitem__(slice(2, None)))]
    status, _, _ = ferry.put("--chunk-size", "9", "file", server.url)

    assert status == 0
    assert server.only_upload().data == b"some bytes"
