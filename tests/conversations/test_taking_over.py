"""
Several requests for one upload

A newer request that wants to go on with an upload ends the older one at once; who only looks
disturbs nobody. Numbers in brackets are those of spec/tus.md.
"""

import socket
import threading
import time

import pytest

from conversation import PATIENCE, SLOW, bound, eventually, header, request
from endpoint import OCTETS, VERSION, Upload, appends, check_general, endpoint, length_is, offset_is, pattern

HUGE = 2**40
PERIOD = pattern(1_000_003)


def periodic(count):
    """What a fast sender has sent up to there."""
    return (PERIOD * (count // len(PERIOD) + 1))[:count]


class FastSender:
    """Sends bytes as fast as the server takes them, until the connection ends."""

    def __init__(self, upload):
        self.line = upload.endpoint.line()
        self.sent = 0
        upload.begin(self.line, 0, HUGE)
        self.thread = threading.Thread(target=self._send, daemon=True)
        self.thread.start()

    def _send(self):
        position = 0
        try:
            while True:
                piece = PERIOD[position:position + 65536]
                sent = self.line.socket.send(piece)
                self.sent += sent
                position = (position + sent) % len(PERIOD)
        except OSError:
            pass

    def expect_end(self):
        self.thread.join(30)
        assert not self.thread.is_alive(), "its connection goes on"
        self.line.close()


def timed(line, method, upload, *fields, status, body=None):
    begun = time.monotonic()
    line.send(request(method, upload.path, *fields, body=body))
    answer = line.expect(status, method=method)
    took = time.monotonic() - begun
    assert took < bound(3), f"{took * 1000:.0f} ms"
    return took, check_general(answer, method)


def tell(what, figures):
    figures = sorted(figure * 1000 for figure in figures)
    print(f"{what}: median {figures[len(figures) // 2]:.1f} ms, slowest {figures[-1]:.1f} ms")


def expect_ended(line):
    """No success is told to the older writer, and its connection ends."""
    received = line.read_until_closed()
    assert received[9:12] in (b"", b"423", b"409", b"410", b"503"), received


@pytest.fixture
def stalled(endpoint):
    """A million bytes are wanted, fifty thousand have come, ten of them were acknowledged before."""
    upload = endpoint.create(1_000_000)
    upload.patch(0, pattern(10))
    line = endpoint.line()
    upload.begin(line, 10, 999_990, pattern(50_000)[10:])
    upload.wait_for_bytes(50_000)
    yield upload, line
    line.close()


def goes_on(upload, line):
    """The writer was not disturbed."""
    line.send(pattern(1_000_000)[50_000:])
    assert line.expect(204).field("Upload-Offset") == "1000000"
    upload.expect(1_000_000, pattern(1_000_000))


# --- who only looks ---


def look_on(upload, method, target, *fields, body=None, statuses):
    with upload.endpoint.line() as line:
        line.send(request(method, target, *fields, body=body))
        answer = line.next_answer(method)
        assert answer.status in statuses, answer
        return answer


def test_a_head_without_a_version_disturbs_nobody(stalled):
    """What it tells is what was acknowledged, not what is under way."""
    upload, line = stalled
    for _ in range(20):
        assert upload.look().field("Upload-Offset") == "10"
    goes_on(upload, line)


def test_a_get_disturbs_nobody(stalled):
    upload, line = stalled
    for fields in ((), (VERSION,), ("Accept: application/json",)):
        look_on(upload, "GET", upload.path, *fields, statuses=(200, 409))
    goes_on(upload, line)


@pytest.mark.parametrize("offset", [0, 9])
@pytest.mark.parametrize("body", [b"", b"abc"])
def test_an_append_below_what_is_acknowledged_disturbs_nobody(stalled, offset, body):
    """It can never match. The answer comes while the older one is running."""
    upload, line = stalled
    answer = upload.patch(offset, body, status=409)
    assert answer.field("Upload-Offset") == "10"
    goes_on(upload, line)


def test_an_append_beyond_the_end_of_the_upload_disturbs_nobody(stalled):
    upload, line = stalled
    upload.patch(1_000_001, b"", status=409)
    goes_on(upload, line)


def test_requests_that_are_wrong_in_themselves_disturb_nobody(stalled):
    upload, line = stalled
    endpoint = upload.endpoint
    endpoint.ask("OPTIONS", upload.path, status=200)
    endpoint.ask("HEAD", upload.path, "Tus-Resumable: 2.0.0", status=412)
    endpoint.ask("HEAD", upload.path, VERSION, VERSION, status=400)
    endpoint.ask("PATCH", upload.path, OCTETS, offset_is(50_000), status=412)
    endpoint.ask("PATCH", upload.path, VERSION, offset_is(50_000), status=415)
    endpoint.ask("PATCH", upload.path, VERSION, OCTETS, status=400)
    endpoint.ask("PATCH", upload.path, *appends("x"), status=400)
    endpoint.ask("PATCH", upload.path, *appends(50_000, length_is("x")), status=400)
    endpoint.ask("DELETE", upload.path, status=412)
    endpoint.ask("PUT", upload.path, VERSION, status=405)
    goes_on(upload, line)


def test_requests_for_another_upload_disturb_nobody(stalled):
    upload, line = stalled
    other = upload.endpoint.create(3)
    other.head()
    other.patch(0, b"abc")
    other.delete()
    goes_on(upload, line)


# --- a HEAD in order to go on ---


def test_a_resuming_head_ends_a_stalled_writer(endpoint):
    """[18] All that had come is kept; the offset is accepted by the next append."""
    took = []
    for round in range(20):
        upload = endpoint.create(100_000)
        content = pattern(100_000, round)
        with endpoint.line() as old, endpoint.line() as new:
            upload.begin(old, 0, 100_000, content[:1000 * (round + 1)])
            upload.wait_for_bytes(1000 * (round + 1))
            seconds, answer = timed(new, "HEAD", upload, VERSION, status=200)
            took.append(seconds)
            assert answer.field("Upload-Offset") == str(1000 * (round + 1))
            expect_ended(old)
            new.send(request("PATCH", upload.path, *appends(1000 * (round + 1)), body=content[1000 * (round + 1):]))
            assert new.expect(204).field("Upload-Offset") == "100000"
        upload.expect(100_000, content)
    tell("HEAD over a stalled writer", took)


def test_a_resuming_head_ends_a_writer_at_full_speed(endpoint):
    """[18]"""
    took = []
    for _ in range(3 if SLOW else 8):
        upload = endpoint.create(HUGE)
        sender = FastSender(upload)
        upload.wait_for_bytes(3_000_000)
        at_least = upload.file.stat().st_size
        with endpoint.line() as new:
            seconds, answer = timed(new, "HEAD", upload, VERSION, status=200)
            took.append(seconds)
            offset = int(answer.field("Upload-Offset"))
            sender.expect_end()
            assert at_least <= offset <= sender.sent
            new.send(request("PATCH", upload.path, *appends(offset), body=b"the rest"))
            assert new.expect(204).field("Upload-Offset") == str(offset + 8)
        upload.expect(offset + 8, periodic(offset) + b"the rest")
        upload.delete()
    tell("HEAD over a writer at full speed", took)


def test_nothing_that_an_ended_writer_still_sends_counts(stalled):
    """[18] After the offset was told it stays that, whatever the old connection brings."""
    upload, line = stalled
    assert upload.head().field("Upload-Offset") == "50000"
    line.send_whatever(pattern(1_000_000)[50_000:])
    line.read_until_closed()
    upload.expect(50_000, pattern(50_000))
    upload.patch(50_000, b"others")
    upload.expect(50_006, pattern(50_000) + b"others")


@pytest.mark.parametrize("sent", [b"", b"5", b"5\r\n", b"5\r\nab", b"5\r\nabcde", b"5\r\nabcde\r\n",
                                  b"5\r\nabcde\r\n0\r\n"])
def test_a_resuming_head_ends_a_chunked_writer(endpoint, sent):
    """Wherever it has stopped. Its connection cannot go on either."""
    upload = endpoint.create(100)
    content = sent[3:8]
    with endpoint.line() as old:
        old.send(request("PATCH", upload.path, *appends(0), "Transfer-Encoding: chunked", "Expect: 100-continue"))
        old.expect_next(100)
        old.send(sent)
        old.wait_until_read()
        upload.wait_for_bytes(len(content)) if content else None
        assert upload.head().field("Upload-Offset") == str(len(content))
        expect_ended(old)
    upload.expect(len(content), content)


def test_a_resuming_head_ends_a_writer_that_has_sent_nothing(endpoint):
    upload = endpoint.create(100)
    with endpoint.line() as old:
        old.send(header("PATCH", upload.path, *appends(0), "Expect: 100-continue", length=100))
        old.expect_next(100)
        assert upload.head().field("Upload-Offset") == "0"
        expect_ended(old)
    upload.expect(0, b"")


def test_a_resuming_head_ends_a_creation_that_brings_bytes(endpoint):
    """[59] Though nobody but the disk knows yet where that upload is."""
    before = endpoint.files()
    with endpoint.line() as old:
        old.send(header("POST", "/files/", VERSION, OCTETS, length_is(100), length=100), b"0123456789")
        created = eventually("its file", lambda: endpoint.files() - before)
        upload = Upload(endpoint, path="/files/" + created.pop())
        upload.wait_for_bytes(10)
        assert upload.head().field("Upload-Offset") == "10"
        expect_ended(old)
    upload.patch(10, bytes(90))
    upload.expect(100, b"0123456789" + bytes(90))


def test_a_writer_that_is_done_is_not_ended(endpoint):
    """Its answer stands, whoever comes right behind it."""
    for _ in range(20):
        upload = endpoint.create(1000)
        with endpoint.line() as old, endpoint.line() as new:
            old.send(request("PATCH", upload.path, *appends(0), body=pattern(500)))
            old.expect(204)
            new.send(request("HEAD", upload.path, VERSION))
            assert new.expect(200, method="HEAD").field("Upload-Offset") == "500"
            old.send(request("PATCH", upload.path, *appends(500), body=pattern(500)))
            assert old.expect(204).field("Upload-Offset") == "1000"


# --- a newer append ---


def test_a_newer_append_ends_a_stalled_writer(endpoint):
    """[32] It goes on where the older one had come to."""
    took = []
    for round in range(20):
        upload = endpoint.create(100_000)
        content = pattern(100_000, round)
        with endpoint.line() as old, endpoint.line() as new:
            upload.begin(old, 0, 100_000, content[:70_000])
            upload.wait_for_bytes(70_000)
            seconds, answer = timed(new, "PATCH", upload, *appends(70_000), body=content[70_000:], status=204)
            took.append(seconds)
            assert answer.field("Upload-Offset") == "100000"
            expect_ended(old)
        upload.expect(100_000, content)
    tell("PATCH over a stalled writer", took)


def test_a_newer_append_at_a_wrong_offset_ends_the_writer_and_hears_where_it_ended(stalled):
    """[22, 32] Nobody could know that it was wrong before the older one had ended."""
    upload, line = stalled
    answer = upload.patch(49_999, b"abc", status=409)
    assert answer.field("Upload-Offset") == "50000"
    expect_ended(line)
    upload.expect(50_000, pattern(50_000))


def test_of_many_writers_in_a_row_the_newest_wins(endpoint):
    """[32] Each goes on where the one before it stalled."""
    upload = endpoint.create(1_000_000)
    content = pattern(1_000_000)
    lines = []
    for number in range(10):
        line = endpoint.line()
        upload.begin(line, 10_000 * number, 1_000_000 - 10_000 * number,
                     content[10_000 * number:10_000 * (number + 1)])
        upload.wait_for_bytes(10_000 * (number + 1))
        lines.append(line)
    for line in lines[:-1]:
        expect_ended(line)
        line.close()
    lines[-1].send(content[100_000:])
    assert lines[-1].expect(204).field("Upload-Offset") == "1000000"
    lines[-1].close()
    upload.expect(1_000_000, content)


def test_a_newer_append_that_is_too_long_gets_its_refusal(stalled):
    """[29] And what the older one had sent is kept."""
    upload, line = stalled
    answer = upload.patch(50_000, bytes(950_001), status=413)
    assert answer.field("Upload-Offset") == "50000"
    upload.expect(50_000, pattern(50_000))


# --- a termination ---


def test_a_termination_ends_a_stalled_writer(endpoint):
    """[81]"""
    took = []
    for _ in range(10):
        upload = endpoint.create(100_000)
        with endpoint.line() as old, endpoint.line() as new:
            upload.begin(old, 0, 100_000, pattern(20_000))
            upload.wait_for_bytes(20_000)
            took.append(timed(new, "DELETE", upload, VERSION, status=204)[0])
            expect_ended(old)
        with endpoint.line() as line:
            line.send(request("HEAD", upload.path))
            assert line.next_answer("HEAD").status in (404, 410)
        eventually("its file is gone", lambda: not upload.file.exists())
    tell("DELETE over a stalled writer", took)


def test_a_termination_ends_a_writer_at_full_speed(endpoint):
    """[81]"""
    took = []
    for _ in range(3):
        upload = endpoint.create(HUGE)
        sender = FastSender(upload)
        upload.wait_for_bytes(3_000_000)
        with endpoint.line() as new:
            took.append(timed(new, "DELETE", upload, VERSION, status=204)[0])
        sender.expect_end()
        eventually("its file is gone", lambda: not upload.file.exists())
    tell("DELETE over a writer at full speed", took)


# --- races ---


def expect_one_writer(upload, bodies, statuses, answers):
    """What lies there begins with bytes of one of them, and never goes on with another's."""
    offset = upload.offset()
    content = upload.bytes_on_disk()[:offset]
    assert len(set(content)) <= 1, "interleaved"
    assert statuses.count(204) <= 1, statuses
    for status, body, answer in zip(statuses, bodies, answers):
        if status == 204:
            assert answer.field("Upload-Offset") == str(len(body)) == str(offset)
            assert content == body


def race(endpoint, round, sizes):
    upload = endpoint.create(1_000_000)
    bodies = [bytes([65 + n]) * size for n, size in enumerate(sizes)]
    lines = [endpoint.line() for _ in bodies]
    messages = [request("PATCH", upload.path, *appends(0), body=body, close=True) for body in bodies]
    start = threading.Barrier(len(bodies))

    def send(line, message):
        start.wait()
        line.send_whatever(message)

    threads = [threading.Thread(target=send, args=pair) for pair in zip(lines, messages)]
    if round % 2:
        threads.reverse()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    answers = []
    for line in lines:
        received = line.read_until_closed()
        line.received = received
        answers.append(check_general(line.next_answer()) if received else None)
        line.close()
    statuses = [answer.status if answer else None for answer in answers]
    assert set(statuses) <= {204, 409, 423, None}, statuses
    return upload, bodies, statuses, answers


def test_of_two_small_appends_at_one_offset_exactly_one_succeeds(endpoint):
    """[32] Fifty times, both at once: the bodies came with the headers, so one of them is whole."""
    outcomes = []
    for round in range(50):
        upload, bodies, statuses, answers = race(endpoint, round, (1 + 37 * round, 2 + 41 * round))
        expect_one_writer(upload, bodies, statuses, answers)
        outcomes.append(statuses)
    failed = [statuses for statuses in outcomes if statuses.count(204) != 1]
    assert not failed, failed


def test_of_two_large_appends_at_one_offset_the_bytes_are_never_mixed(endpoint):
    """[32] Where one was cut by the other, both may fail; a HEAD tells how to go on."""
    for round in range(50):
        upload, bodies, statuses, answers = race(endpoint, round, (300_000 + round, 200_000 + 5000 * round))
        expect_one_writer(upload, bodies, statuses, answers)
        offset = int(upload.head().field("Upload-Offset"))
        upload.patch(offset, b"z")


def test_of_many_appends_at_one_offset_the_bytes_are_never_mixed(endpoint):
    """[32]"""
    for round in range(10):
        upload, bodies, statuses, answers = race(endpoint, round, [10_000 + 997 * n + round for n in range(8)])
        expect_one_writer(upload, bodies, statuses, answers)
        assert upload.head().status == 200


def test_of_many_resuming_heads_at_once_the_newest_is_answered(endpoint):
    """Takeovers during a takeover: the others hear 423 at once, or the same offset."""
    for _ in range(5):
        upload = endpoint.create(HUGE)
        sender = FastSender(upload)
        upload.wait_for_bytes(1_000_000)
        lines = [endpoint.line() for _ in range(10)]
        for line in lines:
            line.send(request("HEAD", upload.path, VERSION))
        answers = [check_general(line.next_answer("HEAD"), "HEAD") for line in lines]
        sender.expect_end()
        for line in lines:
            line.close()
        assert {answer.status for answer in answers} <= {200, 423}
        offsets = {answer.field("Upload-Offset") for answer in answers if answer.status == 200}
        assert len(offsets) == 1, offsets
        offset = int(offsets.pop())
        upload.expect(offset, periodic(offset))
        upload.delete()


def test_appends_and_heads_and_looks_in_a_crowd(endpoint):
    """[18, 32] Many clients go on with one upload, each as if it were alone; it ends complete and right."""
    upload = endpoint.create(400_000)
    content = pattern(400_000)
    failures = []

    def client(number):
        try:
            while True:
                with endpoint.line() as line:
                    line.send(request("HEAD", upload.path, VERSION))
                    head = line.next_answer("HEAD")
                    assert head.status in (200, 423), head
                    if head.status == 423:
                        continue
                    offset = int(head.field("Upload-Offset"))
                    if offset == len(content):
                        return
                    count = 5_000 + 1_000 * number
                    body = content[offset:offset + count]
                    upload.begin(line, offset, len(body), body[:len(body) // 2])
                    assert int(upload.look().field("Upload-Offset")) >= offset
                    line.send_whatever(body[len(body) // 2:])
                    received = line.read_until_closed() if not line.socket.recv(1, 2) else None
                    if received is None:
                        answer = line.next_answer()
                        assert answer.status in (204, 409, 423), answer
        except ConnectionResetError:
            client(number)
        except Exception as failure:  # said by the test, not by the thread
            failures.append(failure)

    threads = [threading.Thread(target=client, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(4 * PATIENCE)
    assert not failures and not any(thread.is_alive() for thread in threads), failures
    upload.expect(len(content), content)


def was_answered(line):
    """And not just closed; reset, where bytes of the request had not been read."""
    try:
        return line.socket.recv(1, socket.MSG_PEEK) != b""
    except ConnectionResetError:
        return False


def test_a_termination_and_an_append_at_once(endpoint):
    """[81] Whoever comes first: the upload is gone in the end."""
    for round in range(20):
        upload = endpoint.create(100_000)
        with endpoint.line() as one, endpoint.line() as other:
            one.send(request("PATCH", upload.path, *appends(0), body=pattern(50_000)))
            other.send(request("DELETE", upload.path, VERSION))
            assert check_general(other.next_answer()).status in (204, 423)
            if was_answered(one):
                assert check_general(one.next_answer()).status in (204, 404, 410, 423)
