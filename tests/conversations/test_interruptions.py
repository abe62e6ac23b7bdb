"""
Lines that break, and servers that die

What a client has sent and what the server has acknowledged: between the two the offset is, always, and
every byte below it is the client's. Numbers in brackets are those of spec/tus.md.
"""

import signal
import threading
import time

import pytest

from conversation import bound, chunk, eventually, header, request
from endpoint import OCTETS, VERSION, Upload, appends, endpoint, endpoints, length_is, pattern

CONTENT = pattern(40_000_000)
KIB, MIB = 1024, 1024 * 1024
BUFFER, COMMIT = 512 * KIB, 16 * MIB

# Where pools, buffers and commits begin and end, and a byte before and behind.
BORDERS = sorted({border + step for border in (16 * KIB, 32 * KIB, 64 * KIB, 128 * KIB, BUFFER, 2 * BUFFER, MIB, COMMIT)
                  for step in (-1, 0, 1)})


def expect_offset(upload, offset):
    """A resuming HEAD tells it, the bytes are there, and the rest can be sent."""
    answer = upload.head()
    assert answer.field("Upload-Offset") == str(offset)
    upload.expect(offset, CONTENT[:offset])


# --- the client goes [25] ---


@pytest.mark.parametrize("count", [0, 1, 2, 3, 100, 1000, 4096, 10_000] + BORDERS + [3_000_000, 20_000_000])
def test_after_a_clean_end_the_offset_is_what_was_sent(endpoint, count):
    """[18, 25] FIN in the middle: whatever had been sent before it counts."""
    upload = endpoint.create(len(CONTENT))
    with endpoint.line() as line:
        upload.begin(line, 0, len(CONTENT), CONTENT[:count])
        line.half_close()
        line.expect_closed()
    eventually("all bytes count", lambda: upload.offset() == count)
    expect_offset(upload, count)


@pytest.mark.parametrize("count", [0, 1, 100, 70_000, BUFFER, 3_000_000])
def test_after_a_close_the_offset_is_what_was_sent(endpoint, count):
    """[25] As a client does that is killed."""
    upload = endpoint.create(len(CONTENT))
    with endpoint.line() as line:
        upload.begin(line, 0, len(CONTENT), CONTENT[:count])
    eventually("all bytes count", lambda: upload.offset() == count)
    expect_offset(upload, count)


@pytest.mark.parametrize("count", [1, 100, 70_000, BUFFER, 3_000_000])
def test_after_a_reset_the_offset_is_what_the_server_had_read(endpoint, count):
    """[25] RST throws away what the kernels still hold, no more."""
    upload = endpoint.create(len(CONTENT))
    line = endpoint.line()
    upload.begin(line, 0, len(CONTENT), CONTENT[:count])
    line.wait_until_read()
    upload.wait_for_bytes(count)
    line.reset()
    eventually("all bytes count", lambda: upload.offset() == count)
    expect_offset(upload, count)


def test_after_a_reset_in_full_flight_a_beginning_is_kept(endpoint):
    """[25]"""
    for round in range(5):
        upload = endpoint.create(len(CONTENT))
        line = endpoint.line()
        upload.begin(line, 0, len(CONTENT), CONTENT[:1_000_000 + 700_001 * round])
        upload.wait_for_bytes(1)
        at_least = upload.file.stat().st_size
        line.reset()
        offset = int(upload.head().field("Upload-Offset"))
        assert at_least <= offset <= 1_000_000 + 700_001 * round
        eventually("it is committed", lambda: upload.offset() == offset)
        expect_offset(upload, offset)


@pytest.mark.parametrize("pieces", [1, 2, 7, 40])
@pytest.mark.parametrize("end", [b"", b"10", b"10\r\n", b"\r", b"10\r\nab"],
                         ids=["", "size", "size line", "CR", "in a chunk"])
def test_after_chunks_that_break_off_the_offset_is_what_they_held(endpoint, pieces, end):
    """[25, 27]"""
    size = 10_007
    count = pieces * size
    upload = endpoint.create(len(CONTENT))
    with endpoint.line() as line:
        line.send(request("PATCH", upload.path, *appends(0), "Transfer-Encoding: chunked"),
                  *(chunk(CONTENT[n * size:(n + 1) * size]) for n in range(pieces)))
        if end == b"\r":
            count += 5
            line.send(b"5\r\n", CONTENT[count - 5:count], end)
        elif end.endswith(b"ab"):
            count += 2
            line.send(b"10\r\n", CONTENT[count - 2:count])
        else:
            line.send(end)
        line.half_close()
        line.read_until_closed()
    eventually("all bytes count", lambda: upload.offset() == count)
    expect_offset(upload, count)


def test_after_a_break_in_the_last_chunk_all_bytes_count(endpoint):
    """
    [25, 51] The end of the body was not seen, the end of the upload was reached: it is complete.

    A client that sees the offset at the length goes away for good, so this must not expire.
    """
    upload = endpoint.create(10)
    with endpoint.line() as line:
        line.send(request("PATCH", upload.path, *appends(0), "Transfer-Encoding: chunked"), chunk(CONTENT[:10]))
        line.half_close()
        line.read_until_closed()
    eventually("all bytes count", lambda: upload.offset() == 10)
    assert upload.look().field("Upload-Expires") is None, "it is not complete"
    assert endpoint.ask("GET", upload.path, status=200).body == CONTENT[:10]
    assert upload.patch(10).field("Upload-Offset") == "10"


def test_a_client_that_was_told_to_go_on_and_went_away(endpoint):
    """[28]"""
    upload = endpoint.create(100)
    with endpoint.line() as line:
        line.send(header("PATCH", upload.path, *appends(0), "Expect: 100-continue", length=100))
        line.expect_next(100)
        line.send(CONTENT[:7])
    eventually("all bytes count", lambda: upload.offset() == 7)
    expect_offset(upload, 7)


def test_a_client_that_has_sent_all_and_half_closes_hears_the_answer(endpoint):
    """[23] Beside other connections, on every loop."""
    others = [endpoint.line() for _ in range(8)]
    for _ in range(20):
        upload = endpoint.create(1000)
        with endpoint.line() as line:
            line.send(request("PATCH", upload.path, *appends(0), body=CONTENT[:1000]))
            line.half_close()
            assert line.expect(204).field("Upload-Offset") == "1000"
    for other in others:
        other.close()


def test_an_append_whose_client_did_not_wait_for_the_answer_counts(endpoint):
    """All was sent, then the line broke: the next HEAD tells the end."""
    for _ in range(10):
        upload = endpoint.create(1000)
        line = endpoint.line()
        line.send(request("PATCH", upload.path, *appends(0), body=CONTENT[:1000]))
        line.close()
        eventually("all bytes count", lambda: upload.offset() == 1000)
        upload.expect(1000, CONTENT[:1000])
        upload.patch(1000, b"x", status=413)


def test_an_upload_in_many_broken_pieces_is_complete_in_the_end(endpoint):
    """[18, 25] By FIN, by RST and by the next request in turn; HEAD tells where to go on."""
    content = CONTENT[:2_000_000]
    upload = endpoint.create(len(content))
    offset, step = 0, 0
    while offset < len(content):
        count = min(len(content) - offset, 17_000 + 23_456 * (step % 5))
        line = endpoint.line()
        upload.begin(line, offset, len(content) - offset, content[offset:offset + count])
        upload.wait_for_bytes(offset + 1 if step % 3 == 1 else offset + count)
        (line.close, line.reset, line.half_close)[step % 3]()
        told = int(upload.head().field("Upload-Offset"))
        assert offset < told <= offset + count
        line.close()
        offset = told
        step += 1
    upload.expect(len(content), content)


# --- the client stands still [26] ---


@pytest.mark.parametrize("framing", ["a length", "chunks"])
def test_a_stalled_client_is_left_in_time_and_its_bytes_are_kept(endpoints, framing):
    """[26, table O]"""
    endpoint = endpoints("--idle-timeout", "1")
    upload = endpoint.create(100_000)
    with endpoint.line() as line:
        begun = time.monotonic()
        if framing == "chunks":
            line.send(request("PATCH", upload.path, *appends(0), "Transfer-Encoding: chunked"), chunk(CONTENT[:5000]))
        else:
            upload.begin(line, 0, 100_000, CONTENT[:5000])
        received = line.read_until_closed(seconds=20)
        took = time.monotonic() - begun
    assert received[9:12] in (b"", b"408"), received
    assert 0.9 < took < 1 + bound(3), took
    eventually("all bytes count", lambda: upload.offset() == 5000)
    expect_offset(upload, 5000)


def test_a_slow_client_is_not_left(endpoints):
    """[26] Every byte counts as a sign of life."""
    endpoint = endpoints("--idle-timeout", "3")
    upload = endpoint.create(8)
    with endpoint.line() as line:
        begun = time.monotonic()
        upload.begin(line, 0, 8)
        for n in range(8):
            while time.monotonic() < begun + 0.5 * n:
                time.sleep(0.05)
            line.send(CONTENT[n:n + 1])
        assert line.expect(204).field("Upload-Offset") == "8"
    upload.expect(8, CONTENT[:8])


# --- the server goes ---


def begin_several(endpoint, sent):
    """One append for each number of bytes, which have all reached the file."""
    writers = []
    for count in sent:
        upload = endpoint.create(len(CONTENT))
        upload.patch(0, CONTENT[:10])
        line = endpoint.line()
        upload.begin(line, 10, len(CONTENT) - 10, CONTENT[10:count])
        writers.append((upload, line, count))
    for upload, line, count in writers:
        line.wait_until_read()
        upload.wait_for_bytes(count)
    return writers


def test_after_sigkill_the_offset_is_between_acknowledged_and_sent(endpoints):
    """In the middle of several appends; every byte below the offset is right, and they can go on."""
    endpoint = endpoints()
    writers = begin_several(endpoint, [11, 1000, 70_000, 3_000_000, 17_000_000])
    complete = endpoint.create(3, OCTETS, body=b"abc")
    looked = [upload.offset() for upload, _, _ in writers]
    endpoint.crash()
    for _, line, _ in writers:
        line.read_until_closed()
        line.close()
    endpoint.start()
    for (upload, _, sent), acknowledged in zip(writers, looked):
        offset = int(upload.head().field("Upload-Offset"))
        assert max(10, acknowledged) <= offset <= sent, (acknowledged, offset, sent)
        expect_offset(upload, offset)
        upload.patch(offset, CONTENT[offset:offset + 1000])
        expect_offset(upload, offset + 1000)
    complete.expect(3, b"abc")
    assert complete.look().field("Upload-Expires") is None


def test_sigkill_again_and_again(endpoints):
    """An upload that goes on after each; bytes that were acknowledged are never lost."""
    endpoint = endpoints()
    content = CONTENT[:3_000_000]
    upload = endpoint.create(len(content), "Upload-Metadata: a YQ==")
    acknowledged = 0
    for round in range(6):
        offset = int(upload.head().field("Upload-Offset"))
        assert acknowledged <= offset
        upload.patch(offset, content[offset:offset + 100_000])
        acknowledged = offset + 100_000
        line = endpoint.line()
        upload.begin(line, acknowledged, len(content) - acknowledged,
                     content[acknowledged:acknowledged + 50_000 * round])
        line.wait_until_read()
        endpoint.crash()
        line.close()
        endpoint.start()
    answer = upload.head()
    offset = int(answer.field("Upload-Offset"))
    assert offset >= acknowledged
    assert answer.field("Upload-Metadata") == "a YQ==" and answer.field("Upload-Length") == str(len(content))
    upload.patch(offset, content[offset:])
    upload.expect(len(content), content)


def test_sigkill_while_a_client_sends_at_full_speed(endpoints):
    endpoint = endpoints()
    for _ in range(3):
        upload = endpoint.create(len(CONTENT))
        line = endpoint.line()
        sender = threading.Thread(target=lambda: line.send_whatever(
            header("PATCH", upload.path, *appends(0), length=len(CONTENT)) + CONTENT), daemon=True)
        sender.start()
        upload.wait_for_bytes(2_000_000)
        acknowledged = upload.offset()
        endpoint.crash()
        sender.join()
        line.close()
        endpoint.start()
        offset = int(upload.head().field("Upload-Offset"))
        assert acknowledged <= offset
        expect_offset(upload, offset)


def test_after_sigterm_all_that_was_received_is_kept(endpoints):
    """In the middle of several appends: it ends in time, with status 0, and nothing is lost."""
    endpoint = endpoints()
    writers = begin_several(endpoint, [11, 1000, 70_000, 3_000_000, 17_000_000])
    assert endpoint.stop() < bound(5)
    for _, line, _ in writers:
        line.read_until_closed()
        line.close()
    endpoint.start()
    for upload, _, sent in writers:
        expect_offset(upload, sent)


def test_sigterm_while_a_client_sends_at_full_speed(endpoints):
    """It does not wait for the end of the upload."""
    endpoint = endpoints()
    upload = endpoint.create(2**40)
    line = endpoint.line()
    upload.begin(line, 0, 2**40)

    def send():
        while line.send_whatever(CONTENT):
            pass

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    upload.wait_for_bytes(2_000_000)
    at_least = upload.file.stat().st_size
    assert endpoint.stop() < bound(5)
    sender.join(20)
    assert not sender.is_alive()
    line.close()
    endpoint.start()
    offset = int(upload.head().field("Upload-Offset"))
    assert at_least <= offset
    content = CONTENT * (offset // len(CONTENT) + 1)
    upload.expect(offset, content[:offset])


def test_sigint_ends_it_as_well(endpoints):
    endpoint = endpoints()
    writers = begin_several(endpoint, [70_000])
    endpoint.server.stop(signal_number=signal.SIGINT)
    endpoint.start()
    expect_offset(writers[0][0], 70_000)


def test_an_interrupted_creation_survives_the_server(endpoints):
    """[59]"""
    endpoint = endpoints()
    line = endpoint.line()
    line.send(header("POST", "/files/", VERSION, OCTETS, length_is(100_000), length=100_000), CONTENT[:30_000])
    created = eventually("its file", endpoint.files).copy()
    upload = Upload(endpoint, path="/files/" + created.pop())
    upload.wait_for_bytes(30_000)
    endpoint.stop()
    line.close()
    endpoint.start()
    expect_offset(upload, 30_000)


def test_bytes_that_no_row_counts_are_cut_off(endpoints):
    """Left over from a crash: they are neither told nor kept."""
    endpoint = endpoints()
    upload = endpoint.create(100)
    upload.patch(0, CONTENT[:10])
    endpoint.stop()
    with open(upload.file, "ab") as file:
        file.write(b"rubbish")
    endpoint.start()
    expect_offset(upload, 10)
    upload.patch(10, CONTENT[10:20])
    upload.expect(20, CONTENT[:20])


@pytest.mark.parametrize("left", [None, 0, 9])
def test_an_upload_whose_bytes_are_lost_is_damaged_for_good(endpoints, left):
    """Never a smaller offset, never zeros: 410 from the first touch on. Others go on."""
    endpoint = endpoints()
    upload, other = endpoint.create(100), endpoint.create(100)
    for one in (upload, other):
        one.patch(0, CONTENT[:10])
    endpoint.stop()
    if left is None:
        upload.file.unlink()
    else:
        upload.file.write_bytes(CONTENT[:left])
    endpoint.start()
    for _ in range(2):
        assert upload.head(status=410).field("Upload-Offset") is None
        upload.patch(10, b"abc", status=410)
        upload.look(status=410)
        endpoint.stop()
        endpoint.start()
    other.patch(10, CONTENT[10:20])
    other.expect(20, CONTENT[:20])
    upload.delete()
