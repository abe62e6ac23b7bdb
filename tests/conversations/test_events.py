"""
Events: GET of an upload, and of /api/events on the operator's listener, as a stream of what happens

How events are made, and how watchers are treated as time goes by, is tested without a server and without
waiting, too: tests/server/events.c.
"""

import contextlib
import re
import resource
import time

import pytest

import ietf
from admin import Operator, operator, tcp, unix
from concat import final, part
from conversation import bound, eventually, header, request
from endpoint import OCTETS, VERSION, check_general, endpoint, endpoints, length_is
from watching import EVENTS, last_event_id, watching, watching_all

NOWHERE = "/files/" + 32 * "0"


# --- one upload ---


def test_an_upload_is_watched_from_now_to_its_end(endpoint):
    upload = endpoint.create(10)
    with watching(upload) as watcher:
        now = watcher.next("progress")
        assert now.data | {"time": None} == {"id": upload.id, "url": upload.path, "offset": 0, "length": 10,
                                             "state": "receiving", "time": None}
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", now.data["time"])
        upload.patch(0, b"abc")
        grown = watcher.next("progress")
        assert grown.offset == 3 and grown.place[1] > now.place[1]
        upload.patch(3, b"defghij")
        whole = watcher.next("complete")
        assert (whole.offset, whole.data["length"], whole.data["state"]) == (10, 10, "complete")
        assert whole.place[0] == now.place[0] and whole.place[1] > grown.place[1]
        watcher.expect_closed()


def test_many_commits_are_few_events(endpoint):
    """At most two a second, however many there are; the last offset is among them."""
    upload = endpoint.create(1000)
    with watching(upload) as watcher:
        begun = time.monotonic()
        watcher.next("progress")
        for offset in range(0, 1000):
            upload.patch(offset, b"x")
        events = watcher.until("complete")
        took = time.monotonic() - begun
    assert len(events) <= 2 * took + 3
    offsets = [event.offset for event in events]
    assert offsets == sorted(set(offsets)) and offsets[-1] == 1000


def test_a_length_that_becomes_known_is_progress(endpoint):
    upload = endpoint.deferred()
    with watching(upload) as watcher:
        assert watcher.next("progress").data["length"] is None
        upload.patch(0, b"", length_is(7))
        assert watcher.next("progress").data["length"] == 7


def test_the_url_is_the_public_one(endpoints):
    upload = endpoints("--public-url", "https://files.example/up/").create(10)
    upload.path = f"/files/{upload.id}"
    with watching(upload) as watcher:
        assert watcher.next().data["url"] == f"https://files.example/up/{upload.id}"


@pytest.mark.parametrize("version", [3, 10, None])
def test_uploads_of_the_other_protocol_are_watched_alike(endpoint, version):
    answer = endpoint.ask("POST", "/files/", *ietf.creates(version, False), body=b"abc", status=201)
    upload = type(endpoint.create(1))(endpoint, answer)
    upload.path = answer.field("Location").removeprefix("http://test")
    with watching(upload) as watcher:
        assert watcher.next("progress").offset == 3
        with endpoint.line() as line:
            line.send(request("PATCH", upload.path, *ietf.appends(version, 3, True), body=b"def", close=True))
            line.next_answer()
        events = watcher.until("complete")
        assert events[-1].offset == events[-1].data["length"] == 6
        watcher.expect_closed()


def test_an_upload_stalls_and_goes_on(endpoints):
    """And a timeout for idle connections is not one for those who watch."""
    endpoint = endpoints("--idle-timeout", "1")
    upload = endpoint.create(10)
    with watching(upload) as watcher:
        watcher.next("progress")
        assert watcher.next("stalled").offset == 0
        with watching(upload) as late:
            assert [late.next().kind, late.next().kind] == ["progress", "stalled"]
            upload.patch(0, b"abc")
            assert watcher.next("resumed").offset == late.next("resumed").offset == 3


def test_a_slow_client_is_not_stalled(endpoint):
    """Its bytes come, though none is committed yet."""
    upload = endpoint.create(100)
    with watching(upload) as watcher, endpoint.line() as line:
        watcher.next("progress")
        upload.begin(line, 0, 100, b"x")
        for sent in range(1, 9):
            assert watcher.is_quiet(1), watcher.next()
            line.send(b"x")
        line.send(bytes(91))
        line.expect(204)
        assert watcher.next("complete").offset == 100


@pytest.mark.parametrize("ending", ["deleted", "damaged"])
def test_every_end_is_told_and_ends_the_stream(endpoints, ending):
    endpoint = endpoints()
    upload = endpoint.create(100)
    upload.patch(0, b"0123456789")
    with watching(upload) as watcher:
        watcher.next("progress")
        if ending == "deleted":
            upload.delete()
        else:
            upload.file.write_bytes(b"")
            upload.patch(10, b"abc", status=410)
        event = watcher.until(ending)[-1]
        assert event.data["state"] == ending
        watcher.expect_closed()


def test_an_upload_that_breaks_its_rules_is_invalidated(endpoint):
    answer = endpoint.ask("POST", "/files/", *ietf.creates(None, False), "Upload-Length: 5", body=b"abc", status=201)
    upload = type(endpoint.create(1))(endpoint, answer)
    upload.path = answer.field("Location").removeprefix("http://test")
    with watching(upload) as watcher:
        watcher.next("progress")
        with endpoint.line() as line:
            line.send(request("PATCH", upload.path, *ietf.appends(None, 3, True), body=b"much too long", close=True))
            line.next_answer()
        assert watcher.until("invalidated")[-1].data["state"] == "invalidated"
        watcher.expect_closed()


def test_the_end_of_its_time_is_told(endpoints):
    endpoint = endpoints()
    operator = Operator(endpoint)
    upload = endpoint.create(100)
    upload.patch(0, b"0123456789")
    with watching(upload) as watcher:
        watcher.next("progress")
        operator.ask("POST", f"/api/uploads/{upload.id}/expire", status=204)
        event = watcher.until("expired")[-1]
        assert (event.offset, event.data["length"], event.data["state"]) == (10, 100, "deleted")
        watcher.expect_closed()


def test_a_final_is_complete_with_its_last_part(endpoint):
    one, other = part(endpoint, b"abc"), part(endpoint, length=3)
    whole = final(endpoint, one, other)
    with watching(whole) as watcher:
        assert watcher.next("progress").offset == 0
        other.patch(0, b"def")
        event = watcher.until("complete")[-1]
        assert event.offset == event.data["length"] == 6
        watcher.expect_closed()


def test_a_final_that_has_lost_a_part_is_invalidated(endpoint):
    one = part(endpoint, length=3)
    whole = final(endpoint, one)
    with watching(whole) as watcher:
        watcher.next("progress")
        one.delete()
        watcher.until("invalidated")
        watcher.expect_closed()


# --- who comes back ---


def test_who_comes_back_misses_nothing(endpoint):
    upload = endpoint.create(10)
    with watching(upload) as watcher:
        seen = watcher.next("progress")
        upload.patch(0, b"abc")
        seen = watcher.next("progress")
    with watching(upload) as elsewhere:
        elsewhere.next("progress")
        upload.patch(3, b"def")
        missed = [elsewhere.next("progress")]
        upload.patch(6, b"gh")
        missed.append(elsewhere.next("progress"))
    with watching(upload, last_event_id(seen.id)) as watcher:
        again = [watcher.next("progress") for _ in missed]
        assert [(event.id, event.data) for event in again] == [(event.id, event.data) for event in missed]
        assert watcher.is_quiet()
        upload.patch(8, b"ij")
        watcher.next("complete")
        watcher.expect_closed()


def test_who_has_seen_the_end_is_told_not_to_come_back(endpoint):
    """Browsers come back to whatever has closed, but for 204."""
    upload = endpoint.create(3)
    with watching(upload) as watcher:
        before = watcher.next("progress")
        upload.patch(0, b"abc")
        end = watcher.next("complete")
    assert endpoint.ask("GET", upload.path, EVENTS, last_event_id(end.id), status=204).body == b""
    with watching(upload, last_event_id(before.id)) as watcher:
        assert watcher.next("complete").offset == 3
        watcher.expect_closed()
    with watching(upload) as watcher:
        assert watcher.next("complete").offset == 3
        watcher.expect_closed()


@pytest.mark.parametrize("text", ["0123456789abcdef-1", "x", "-", "1", "0123456789abcdef-" + 30 * "9"])
def test_what_cannot_be_gone_on_from_begins_anew(endpoint, text):
    upload = endpoint.create(10)
    with watching(upload, last_event_id(text)) as watcher:
        reset = watcher.next("reset")
        now = watcher.next("progress")
        assert reset.id == now.id


def test_a_server_that_was_started_again_begins_anew(endpoints):
    endpoint = endpoints()
    upload = endpoint.create(10)
    with watching(upload) as watcher:
        seen = watcher.next("progress")
    endpoint.stop()
    endpoint.start()
    with watching(upload, last_event_id(seen.id)) as watcher:
        assert watcher.next("reset").place[0] != seen.place[0]
        assert watcher.next("progress").offset == 0


def test_no_id_is_none(endpoint):
    with watching(endpoint.create(10), "Last-Event-ID:") as watcher:
        watcher.next("progress")


# --- who asks for it ---


@pytest.mark.parametrize("accept, kind", [
    ("text/event-stream", "events"),
    ("text/event-stream, application/json;q=0.9", "events"),
    ("text/event-stream, */*;q=0.1", "events"),
    ("text/event-stream, application/json", "status"),
    ("text/event-stream;q=0.5, application/json", "status"),
    ("text/event-stream, application/octet-stream", "bytes"),
    ("text/*", "events"),
    ("text/event-stream;q=0", "bytes"),
    ("*/*", "bytes"),
])
def test_the_one_who_would_rather_have_events_gets_them(endpoint, accept, kind):
    upload = endpoint.create(3, OCTETS, body=b"abc")
    with endpoint.line() as line:
        line.send(request("GET", upload.path, f"Accept: {accept}", close=True))
        text = line.read_until_closed()
    head, content = text.split(b"\r\n\r\n", 1)
    assert (b"text/event-stream" in head) == (kind == "events"), text
    assert (b"application/json" in head) == (kind == "status"), text
    assert (content == b"abc") == (kind == "bytes"), text
    assert b"\r\nVary: Accept" in head


def test_head_and_what_is_not_there_are_answered_at_once(endpoint):
    upload = endpoint.create(10)
    assert endpoint.ask("HEAD", upload.path, EVENTS, status=200).field("Upload-Offset") == "0"
    endpoint.ask("GET", NOWHERE, EVENTS, status=404)
    endpoint.ask("GET", upload.path, EVENTS, last_event_id("a"), last_event_id("b"), status=400)
    upload.delete()
    endpoint.ask("GET", upload.path, EVENTS, status=410)


def test_a_page_of_another_origin_may_watch(endpoint):
    upload = endpoint.create(10)
    with watching(upload, "Origin: https://app.example") as watcher:
        assert watcher.fields["access-control-allow-origin"] == "*"
        assert watcher.fields["x-accel-buffering"] == "no"
        assert watcher.fields["tus-resumable"] == "1.0.0"


def test_an_old_client_may_watch(endpoint):
    upload = endpoint.create(3)
    with endpoint.line() as line:
        line.send(request("GET", upload.path, EVENTS, version="1.0"))
        line.wait_for_bytes(300)
        upload.patch(0, b"abc")
        assert b"event: complete" in line.read_until_closed()


def test_a_request_with_a_body_is_watched_behind_it(endpoint):
    upload = endpoint.create(3)
    with endpoint.line() as line:
        line.send(header("GET", upload.path, EVENTS, length=5), b"ab")
        line.wait_until_read()
        line.send(b"cde")
        line.wait_for_bytes(300)
        upload.patch(0, b"abc")
        assert b"event: complete" in line.read_until_closed()
    with endpoint.line() as line:
        line.send(header("GET", upload.path, EVENTS, length=1 << 30), bytes(1000))
        check_general(line.expect(413), status=413)


# --- all uploads ---


def test_the_operator_sees_everything(operator):
    endpoint = operator.endpoint
    with watching_all(operator) as watcher:
        one, two = endpoint.create(10), endpoint.create(3, OCTETS, body=b"abc")
        two.delete()
        one.patch(0, b"abc")
        events = []
        while len({(e.data["id"], e.kind) for e in events} &
                  {(one.id, "created"), (two.id, "complete"), (two.id, "deleted")}) < 3:
            events.append(watcher.next())
        kinds = [event.kind for event in events if event.data["id"] == two.id]
        assert kinds == ["created", "complete", "deleted"]
        numbers = [event.place[1] for event in events]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        last = events[-1]
    with watching_all(operator, last_event_id(events[0].id)) as watcher:
        assert watcher.next().id == events[1].id
    with watching_all(operator, last_event_id("0123456789abcdef-7")) as watcher:
        assert watcher.next("reset").place[1] >= last.place[1]


def test_head_of_all_events_has_no_content(operator):
    with operator.line() as line:
        line.send(request("HEAD", "/api/events", *operator.fields(), host="localhost"))
        text = line.read_until_closed().decode()
    assert text.startswith("HTTP/1.1 200 ") and text.endswith("\r\n\r\n") and text.count("\r\n\r\n") == 1
    assert "Content-Type: text/event-stream\r\n" in text and "Content-Length" not in text


def test_events_want_the_token(tcp):
    assert tcp.say("GET", "/api/events").status == 401
    assert tcp.say("POST", "/api/events", *tcp.fields()).status == 405


def test_events_are_for_no_page(unix):
    assert unix.say("GET", "/api/events", host="rebound.example").status == 421
    assert unix.say("GET", "/api/events", "Origin: https://evil.example").status == 403


def test_the_endpoint_has_no_events_of_all(endpoint):
    with endpoint.line() as line:
        line.send(request("GET", "/api/events", EVENTS, close=True))
        line.expect(404)


# --- their connections ---


def test_what_comes_behind_the_request_is_no_reset_of_the_end(endpoint):
    """Nobody reads it: 'Connection: close' said so. Nor is it answered."""
    upload = endpoint.create(3)
    with endpoint.line() as line:
        line.send(request("GET", upload.path, EVENTS), request("GET", upload.path, EVENTS))
        line.wait_for_bytes(300)
        line.send(request("OPTIONS", "/files/"))
        upload.patch(0, b"abc")
        events = line._until(b"event: complete", None) + line._until(b"\n\n", None)
        line.expect_closed()
        assert events.count(b"HTTP/1.1") == 1


def test_watchers_are_connections_and_no_loop_waits_for_them(endpoints):
    endpoint = endpoints("--max-connections-per-address", "3")
    operator = Operator(endpoint)
    upload = endpoint.create(10)

    def metric(name):
        text = operator.ask("GET", "/metrics").body.decode()
        return int(re.search(rf"^{name} (\d+)$", text, re.MULTILINE)[1])

    eventually("who created it has left", lambda: metric("ferry_connections") == 0)
    with endpoint.line() as writer, contextlib.ExitStack() as stack:
        watchers = [stack.enter_context(watching(upload)) for _ in range(2)]
        writer.send(request("OPTIONS", "/files/"))
        writer.expect(200)
        assert metric("ferry_connections") == 3 and metric("ferry_watchers") == 2
        # the answer that has come is over a moment later
        eventually("the watchers alone", lambda: metric("ferry_requests_running") == 2)
        assert metric("ferry_requests_waiting") == 0
        with endpoint.line() as line:
            line.expect(503)
        watchers[0].line.close()
        eventually("room for one more", lambda: metric("ferry_connections") == 2)
        with endpoint.line() as line:
            line.send(request("OPTIONS", "/files/"))
            line.expect(200)


def test_no_descriptor_is_left_for_who_wants_to_watch(endpoints):
    endpoint = endpoints()
    upload = endpoint.create(10)
    pid = endpoint.server.process.pid
    with endpoint.line() as line:
        line.send(request("HEAD", upload.path, VERSION))
        line.expect(200, method="HEAD")
        limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, limits[1]))
        line.send(request("GET", upload.path, EVENTS))
        answer = line.expect(503)
        assert answer.field("Retry-After") == "1"
        resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
    with watching(upload) as watcher:
        assert watcher.next("progress").offset == 0
    eventually("the line in the log", lambda: "hand a connection on" in endpoint.server.log())


# --- bounds ---


def test_there_are_so_many_watchers_and_no_more(endpoints):
    endpoint = endpoints("--max-watchers", "2")
    operator = Operator(endpoint)
    upload = endpoint.create(10)
    with watching(upload) as one, contextlib.ExitStack() as stack:
        two = stack.enter_context(watching(upload))
        one.next(), two.next()
        answer = endpoint.ask("GET", upload.path, EVENTS, status=503)
        assert answer.field("Retry-After") == "1"
        with watching_all(operator):
            pass
        upload.patch(0, b"abc")
        assert two.next("progress").offset == 3
        stack.close()

        def room_again():
            with endpoint.line() as line:
                line.send(request("GET", upload.path, EVENTS))
                return line._until(b"\r\n", None).startswith(b"HTTP/1.1 200")
        eventually("the place of the one who left", room_again)
        assert one.next("progress").offset == 3


def test_who_has_gone_is_forgotten_at_once(endpoints):
    """Though nothing is sent to him, and nothing is said by him."""
    endpoint = endpoints()
    upload = endpoint.create(10)
    with watching(upload) as watcher:
        watcher.next()
        descriptors = endpoint.server.descriptors()
    eventually("its socket is closed", lambda: endpoint.server.descriptors() < descriptors)
    line = eventually("the line in the log", lambda: re.findall(r"GET .*end=client-gone.*", endpoint.server.log()))
    assert f"upload={upload.id}" in line[0] and "status=200" in line[0]


def test_who_does_not_read_is_let_go(endpoints):
    endpoint = endpoints()
    operator = Operator(endpoint)
    line = operator.line(receive_buffer=4096)
    line.send(request("GET", "/api/events", host="localhost"))
    with watching_all(operator) as reader, endpoint.line() as writer:
        first = None
        for _ in range(10):  # more than are remembered
            writer.send(*[request("POST", "/files/", VERSION, length_is(10))] * 500)
            for _ in range(500):
                writer.expect(201)
            for _ in range(500):
                last = reader.until("created")[-1]
                first = first or last
        text = line.read_until_closed()
        assert text.count(b"event: created") < 5000
    assert "end=slow" in eventually("its line", lambda: re.findall("GET /api/events .*end=slow", endpoint.server.log()))[0]
    with watching_all(operator, last_event_id(first.id)) as watcher:
        watcher.next("reset")


def test_a_stop_does_not_wait_for_watchers(endpoints):
    endpoint = endpoints()
    operator = Operator(endpoint)
    upload = endpoint.create(10)
    with contextlib.ExitStack() as stack:
        watchers = [stack.enter_context(watching(upload)) for _ in range(20)]
        watchers += [stack.enter_context(watching_all(operator)) for _ in range(5)]
        for watcher in watchers[:20]:
            watcher.next()
        assert endpoint.stop() < bound(5)
        for watcher in watchers:
            watcher.line.read_until_closed()
    assert endpoint.server.log().count("end=shutdown") == 25


def test_many_who_watch_one_upload_see_the_same(endpoints):
    endpoint = endpoints("--max-connections", "2000")
    upload = endpoint.create(10)
    with contextlib.ExitStack() as stack:
        watchers = [stack.enter_context(watching(upload)) for _ in range(300)]
        for watcher in watchers:
            watcher.next("progress")
        upload.patch(0, b"abc")
        assert len({watcher.next("progress").id for watcher in watchers}) == 1
        upload.patch(3, b"defghij")
        for watcher in watchers:
            watcher.next("complete")
            watcher.expect_closed()
