"""ferry put - : standard input, whose length is known at its end and which cannot be read twice."""

import json
import subprocess

from fake_tus import Fault

MEGABYTE = 1024 * 1024


def test_sends_standard_input_and_declares_its_length_at_the_end(ferry, server, megabytes):
    status, out, _ = ferry.put("--metadata", "filename=x", "-", server.url, data=megabytes)

    assert status == 0 and out.startswith(server.url)
    upload = server.only_upload()
    assert upload.data == megabytes and upload.length == len(megabytes)
    assert server.requests[0].fields["upload-defer-length"] == "1"
    lengths = [request.number("upload-length") for request in server.requests if request.method == "PATCH"]
    assert lengths[-1] == len(megabytes) and set(lengths[:-1]) <= {None}
    assert upload.metadata == "filename eA=="


def test_sends_an_empty_input(ferry, server):
    status, _, _ = ferry.put("-", server.url, data=b"")

    assert status == 0
    assert server.only_upload().length == 0


def test_goes_on_after_every_interruption(ferry, server, megabytes):
    server.faults += [Fault("PATCH", cut=1000), Fault("PATCH", cut=MEGABYTE, reset=True),
                      Fault("PATCH", status=500), Fault("PATCH", mute=True)]
    status, _, _ = ferry.put("-", server.url, data=megabytes)

    assert status == 0
    assert server.only_upload().data == megabytes
    assert server.received() == len(megabytes)


def test_a_length_that_the_server_knows_is_not_declared_again(ferry, server):
    server.faults.append(Fault("PATCH", cut=4))
    status, _, _ = ferry.put("-", server.url, data=b"some bytes")

    assert status == 0
    assert [request.number("upload-length") for request in server.requests if request.method == "PATCH"] == [10, None]


def test_an_input_larger_than_the_spool_goes_through_it(ferry, server, megabytes):
    process = ferry.start("put", "--json", "-", server.url, stdin=subprocess.PIPE)
    for _ in range(10):
        process.stdin.write(megabytes)
    status, out, _ = ferry.finish(process)

    assert status == 0
    assert server.only_upload().data == megabytes * 10
    assert max(request.received for request in server.requests) <= 8 * MEGABYTE


def test_memory_stays_bounded_while_the_server_is_away(ferry, server):
    """The writer is held up once the spool is full: 16 MiB, and what pipes hold."""
    server.faults.append(Fault("PATCH", stall=1000))
    process = ferry.start("put", "--timeout", "3", "--retry-delay", "10", "--json", "-", server.url,
                          stdin=subprocess.PIPE)
    feeder = subprocess.Popen(["dd", "if=/dev/zero", "bs=1M", "count=64", "status=none"], stdout=process.stdin)
    process.stdin.close()
    process.stdin = None
    server.wait(lambda: server.received() == 1000)
    for line in process.stdout:
        if json.loads(line)["event"] == "retry":
            break
    assert feeder.poll() is None

    status, _, _ = ferry.finish(process)
    assert status == 0
    assert server.only_upload().data == bytes(64 * MEGABYTE)
    assert feeder.wait() == 0


def test_slow_input_is_sent_as_it_comes(ferry, server):
    process = ferry.start("put", "-", server.url, stdin=subprocess.PIPE)
    for word in (b"one", b"two"):
        process.stdin.write(word)
        process.stdin.flush()
        server.wait(lambda: server.uploads and server.only_upload().data.endswith(word))
    status, _, _ = ferry.finish(process)

    assert status == 0
    assert server.only_upload().data == b"onetwo"


def test_bytes_that_the_server_lost_cannot_be_sent_again(ferry, server):
    lose = lambda upload: upload.data.__delitem__(slice(2, None))
    server.faults += [Fault("PATCH"), Fault("PATCH", cut=1, hook=lose)]
    status, out, err = ferry.put("--chunk-size", "4", "-", server.url, data=b"some bytes")

    assert (status, out) == (1, "")
    assert "has lost bytes" in err


def test_a_forgotten_upload_is_begun_anew_only_from_the_start(ferry, server):
    server.faults.append(Fault("PATCH", status=404))
    status, _, _ = ferry.put("-", server.url, data=b"some bytes")
    assert status == 0

    server.faults += [Fault("PATCH"), Fault("PATCH", status=404)]
    status, out, err = ferry.put("--chunk-size", "4", "-", server.url, data=b"some bytes")
    assert (status, out) == (1, "") and "there is no such upload" in err


def test_no_record_is_kept(ferry, server):
    server.faults.append(Fault("PATCH", status=400))
    status, _, _ = ferry.put("-", server.url, data=b"some bytes")

    assert status == 1
    assert not ferry.state.exists()


def test_a_signal_ends_the_wait_for_input(ferry, server):
    process = ferry.start("put", "--json", "-", server.url, stdin=subprocess.PIPE)
    assert json.loads(process.stdout.readline())["event"] == "created"
    process.terminate()
    status, _, err = ferry.finish(process)

    assert status == -15
    assert "the next run will begin at the start" in err
