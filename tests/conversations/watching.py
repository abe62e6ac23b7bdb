"""
Streams of events, as those see them who watch: GET with Accept: text/event-stream
"""

import contextlib
import json
import re

from conversation import request

EVENTS = "Accept: text/event-stream"
ENDS = {"complete", "invalidated", "damaged", "deleted", "expired"}


def last_event_id(text):
    return f"Last-Event-ID: {text}"


class Event:
    def __init__(self, id, kind, data):
        self.id, self.kind, self.data = id, kind, data

    @property
    def place(self):
        """(epoch, number)"""
        epoch, number = re.fullmatch(r"([0-9a-f]{16})-([0-9]+)", self.id).groups()
        return epoch, int(number)

    @property
    def offset(self):
        return self.data["offset"]

    def __repr__(self):
        return f"{self.kind} {self.data} id={self.id}"


class Watcher:
    """A stream that has been answered by 200."""

    def __init__(self, line, target, *fields, host="test"):
        self.line = line
        line.send(request("GET", target, *fields, host=host))
        head = line._until(b"\r\n\r\n", None).decode("latin-1").split("\r\n")
        assert head[0] == "HTTP/1.1 200 OK", head
        self.fields = {name.lower(): value for name, value in (field.split(": ", 1) for field in head[1:])}
        assert self.fields["content-type"] == "text/event-stream"
        assert self.fields["cache-control"] == "no-store"
        assert self.fields["connection"] == "close"
        assert "content-length" not in self.fields and "transfer-encoding" not in self.fields
        assert self.block() == ["retry: 2000"]

    def block(self, seconds=None):
        """The lines up to the next empty one."""
        return self.line._until(b"\n\n", seconds).decode().split("\n")

    def next(self, *kinds, seconds=None):
        """The next event, comments left out; of one of these kinds, if any is named."""
        lines = self.block(seconds)
        while lines == [": "]:
            lines = self.block(seconds)
        fields = dict(line.split(": ", 1) for line in lines)
        assert list(fields) == ["id", "event", "data"] and len(lines) == 3, lines
        event = Event(fields["id"], fields["event"], json.loads(fields["data"]))
        assert event.place
        assert set(event.data) == ({"time"} if event.kind == "reset" else
                                   {"id", "url", "offset", "length", "state", "time"}), event
        assert not kinds or event.kind in kinds, event
        return event

    def until(self, kind):
        """All events up to the first of that kind."""
        events = [self.next()]
        while events[-1].kind != kind:
            events.append(self.next())
        return events

    def is_quiet(self, seconds=0.0):
        return self.line.is_quiet(seconds)

    def expect_closed(self):
        self.line.expect_closed()


@contextlib.contextmanager
def watching(upload, *fields):
    with upload.endpoint.line() as line:
        yield Watcher(line, upload.path, EVENTS, *fields)


@contextlib.contextmanager
def watching_all(operator, *fields):
    with operator.line() as line:
        yield Watcher(line, "/api/events", *operator.fields(), *fields, host="localhost")
