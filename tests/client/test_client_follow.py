"""ferry status --follow: somebody else's upload, watched until its end"""

import json
import signal

import pytest

from fake_admin import AdminServer, Stream


def event(name, offset=None, length=100, number=None):
    return ("" if number is None else f"id: e-{number}\n") + \
        f"event: {name}\ndata: {json.dumps({'id': 'x', 'offset': offset, 'length': length})}\n\n"


def follow(ferry, server, *arguments):
    return ferry.run("status", "--follow", "--retry-delay", "10", "--retry-time", "2", *arguments,
                     server.url + "/files/x")


def told(out):
    return [json.loads(line) for line in out.splitlines()]


def watchers(server):
    return [fields for path, _, fields in server.asked if path == "/files/x"]


@pytest.fixture
def server():
    with AdminServer() as server:
        server.heads = [(10, 100)]
        yield server


def test_ends_when_the_upload_is_complete(ferry, server):
    server.streams = [Stream(event("progress", 10) + event("progress", 50) + event("complete", 100), held=True)]
    status, out, err = follow(ferry, server)

    assert (status, out) == (0, server.url + "/files/x\n")
    assert "holiday.mp4: complete, 90 B in " in err
    assert watchers(server)[0]["Accept"] == "text/event-stream" and "Last-Event-ID" not in watchers(server)[0]


@pytest.mark.parametrize("name, words", [("deleted", "was removed"), ("expired", "has expired"),
                                         ("damaged", "is damaged"), ("invalidated", "no longer")])
def test_ends_when_there_is_nothing_left_to_wait_for(ferry, server, name, words):
    server.streams = [Stream(event("progress", 10) + event(name, 10), held=True)]
    status, out, err = follow(ferry, server)

    assert (status, out) == (1, "") and words in err


def test_what_is_complete_already_is_not_watched(ferry, server):
    server.heads = [(100, 100)]
    status, out, _ = follow(ferry, server)

    assert (status, out) == (0, server.url + "/files/x\n") and watchers(server) == []


def test_tells_that_nobody_sends_and_that_it_goes_on(ferry, server):
    server.streams = [Stream(event("stalled", 20) + event("resumed", 20) + event("complete", 100), held=True)]
    _, _, err = follow(ferry, server)
    assert "nobody is sending it, it stands at 20 B" in err and "goes on at 20 B" in err

    server.streams = [Stream(event("stalled", 20) + event("resumed", 20) + event("complete", 100), held=True)]
    _, out, _ = follow(ferry, server, "--json")
    assert [(one["event"], one["offset"]) for one in told(out) if one["event"] != "progress"] == [
        ("stalled", 20), ("resumed", 20), ("complete", 100)]
    assert all((one["file"], one["length"]) == ("holiday.mp4", 100) for one in told(out))
    assert told(out)[-1]["sent"] == 90


def test_a_stream_that_breaks_is_taken_up_where_it_was(ferry, server):
    server.streams = [Stream(event("progress", 10, number=1) + event("progress", 20, number=2) + "event: pro"),
                      Stream("busy", status=503, kind="text/plain"),
                      Stream(event("reset", number=7) + event("progress", 30)),
                      Stream(event("complete", 100))]
    status, _, err = follow(ferry, server)

    assert status == 0 and "the event stream broke off; trying again" in err
    assert [fields.get("Last-Event-ID") for fields in watchers(server)] == [None, "e-2", "e-2", None]


def test_gives_up_when_nobody_answers_any_more(ferry, server):
    server.streams = [Stream(event("progress", 10))] + [Stream("busy", status=503, kind="text/plain")] * 1000
    status, out, err = follow(ferry, server)

    assert (status, out) == (1, "") and "503" in err.splitlines()[-1]


@pytest.mark.parametrize("answer", [Stream("{}", kind="application/json"), Stream("no", 406), Stream("busy", 503),
                                    Stream("not yet", 409), Stream("x" * 100000, kind="video/mp4")])
def test_without_a_stream_it_asks(ferry, server, answer):
    server.streams = [answer]
    server.heads = [(10, 100), (60, 100), (100, 100)]
    status, out, err = follow(ferry, server)

    assert (status, out) == (0, server.url + "/files/x\n"), err
    assert len(watchers(server)) == 1


def test_an_upload_that_vanishes_while_it_asks_is_an_error(ferry, server):
    server.streams = [Stream("{}", kind="application/json")]
    server.heads = [(10, 100), (20, 100), (None, None)]
    status, out, err = follow(ferry, server)

    assert (status, out) == (1, "") and "404" in err


def test_an_upload_that_has_gone_is_not_watched_again(ferry, server):
    server.streams = [Stream(event("progress", 10)), Stream("gone", status=410, kind="text/plain")]
    status, out, err = follow(ferry, server)

    assert (status, out) == (1, "") and "no such upload any more" in err


def test_a_stream_that_is_none_ends_nowhere_else(ferry, server):
    server.streams = [Stream("data: " + "x" * 200000)]
    server.heads = [(10, 100), (100, 100)]
    status, _, err = follow(ferry, server)

    assert status == 0, err


def test_a_signal_ends_it_at_once(ferry, server):
    server.streams = [Stream(event("progress", 10), held=True)]
    process = ferry.start("status", "--follow", server.url + "/files/x")
    server.wait(lambda: watchers(server))
    process.send_signal(signal.SIGTERM)

    assert ferry.finish(process)[0] == -signal.SIGTERM
