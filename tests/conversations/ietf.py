"""
An upload endpoint, as clients of the IETF's resumable uploads see it, in each version

A version is the number of Upload-Draft-Interop-Version, or None for a client of the coming RFC, which
sends none. Fields are written in the words of the version; all else is the tests' own.
"""

import contextlib
import json
import re

import pytest

from conversation import header, request
from endpoint import Endpoint, Upload

VERSIONS = [3, 4, 5, 6, 7, 8, 9, 10, None]
NEWEST = [10, None]
PARTIAL = "Content-Type: application/partial-upload"
UNKNOWN = "/files/" + 32 * "0"

every_version = pytest.mark.parametrize("version", VERSIONS)


def age(version):
    """For comparisons: the RFC is the newest."""
    return version or 99


def speaks(version):
    return () if version is None else (f"Upload-Draft-Interop-Version: {version}",)


def whole(version, complete=True):
    """Whether the upload is complete by this request."""
    if version == 3:
        return f"Upload-Incomplete: ?{int(not complete)}"
    return f"Upload-Complete: ?{int(complete)}"


def creates(version, complete, *fields):
    return (*speaks(version), whole(version, complete), *fields)


def appends(version, offset, complete, *fields):
    media_type = (PARTIAL,) if age(version) >= 6 else ()
    return (*speaks(version), *media_type, f"Upload-Offset: {offset}", whole(version, complete), *fields)


def told_complete(answer, version):
    """True, False, or None where the answer does not say."""
    value = answer.field("Upload-Incomplete" if version == 3 else "Upload-Complete")
    assert value in (None, "?0", "?1"), answer
    return None if value is None else (value == "?1") != (version == 3)


def check_answer(answer, version, method="GET"):
    """What holds for every answer of this protocol."""
    assert answer.field("Upload-Draft-Interop-Version") == (None if version is None else str(version)), answer
    assert answer.field("Cache-Control") == "no-store", answer
    if version != 3:
        assert answer.field("Upload-Incomplete") is None, answer
    if answer.status >= 400 and answer.field("Content-Type") == "application/problem+json":
        json.loads(answer.body)
    elif answer.status >= 400:
        assert answer.field("Content-Type") == "text/plain; charset=utf-8", answer
        assert method == "HEAD" or re.fullmatch(rb"[ -~]{5,120}\n", answer.body), answer
    return answer


def problem(answer):
    """The type of the problem, and all of it; None for an answer without."""
    if answer.field("Content-Type") != "application/problem+json":
        return None
    return json.loads(answer.body)["type"].rpartition("#")[2]


def limits(answer):
    value = answer.field("Upload-Limit")
    return None if value is None else {key: int(number) for key, number in
                                       (pair.split("=") for pair in value.split(", "))}


class IetfEndpoint(Endpoint):
    def say(self, version, method, target, *fields, status, body=None, chunks=None):
        """One request on a line of its own; the final answer, with what came before it as .interim."""
        with self.line() as line:
            line.send(request(method, target, *fields, body=body, chunks=chunks, close=True))
            interim = []
            while (answer := line.next_answer(method)).status < 200:
                interim.append(answer)
            assert status in (None, answer.status), f"{status} expected, got {answer}"
            answer.interim = interim
            line.expect_closed()
            return check_answer(answer, version, method)

    def make(self, version, complete=False, *fields, body=None, status=201, **options):
        """A new upload."""
        answer = self.say(version, "POST", self.base_path, *creates(version, complete, *fields),
                          body=body, status=status, **options)
        return IetfUpload(self, version, answer)


class IetfUpload(Upload):
    def __init__(self, endpoint, version, answer=None, path=None):
        super().__init__(endpoint, answer, path)
        self.version = version

    def ask(self, method, *fields, status, **options):
        return self.endpoint.say(self.version, method, self.path, *fields, status=status, **options)

    def head(self, status=None):
        """204; where the request has no mark of a protocol, 200 of what is complete: it may be a download."""
        if status is None:
            answer = self.ask("HEAD", *speaks(self.version), status=None)
            download = self.version is None and answer.field("Upload-Complete") == "?1"
            assert answer.status == (200 if download else 204), answer
            return answer
        return self.ask("HEAD", *speaks(self.version), status=status)

    def offset(self):
        return int(self.head().field("Upload-Offset"))

    def append(self, offset, body=b"", complete=False, *fields, status=None, chunks=None):
        if status is None:
            status = 201 if complete or age(self.version) <= 6 else 204
        return self.ask("PATCH", *appends(self.version, offset, complete, *fields),
                        body=None if chunks is not None else body, chunks=chunks, status=status)

    def cancel(self, status=204):
        return self.ask("DELETE", *speaks(self.version), status=status)

    def begin(self, line, offset, length, body=b"", complete=True, *fields):
        """An append whose content has so many bytes; these of them are sent."""
        line.send(header("PATCH", self.path, *appends(self.version, offset, complete, *fields),
                         length=length), body)
        return line

    def expect_at(self, offset, complete, content=None):
        """What an offset retrieval says, and the bytes on the disk."""
        answer = self.head()
        assert answer.field("Upload-Offset") == str(offset), answer
        assert told_complete(answer, self.version) is complete, answer
        if content is not None:
            assert len(content) == offset
            assert self.bytes_on_disk()[:offset] == content, "the bytes on the disk are others"
        return answer

    @contextlib.contextmanager
    def unchanged(self):
        def state():
            answer = self.head()
            offset = int(answer.field("Upload-Offset"))
            return (offset, told_complete(answer, self.version), answer.field("Upload-Length"),
                    self.bytes_on_disk()[:offset])
        before = state()
        yield
        assert state() == before


def interrupted(endpoint, version, line):
    """The upload that a 104 on this line has announced."""
    answer = line.expect_next(104)
    assert answer.field("Upload-Draft-Interop-Version") == str(version), answer
    return IetfUpload(endpoint, version, answer)


@pytest.fixture(scope="module")
def endpoint(module_servers, tmp_path_factory):
    """One for all the tests of a module."""
    return IetfEndpoint(module_servers, tmp_path_factory.mktemp("endpoint"))


@pytest.fixture
def endpoints(servers, tmp_path):
    """Makes endpoints with arguments of their own."""
    def make(*arguments, **options):
        return IetfEndpoint(servers, tmp_path, *arguments, **options)
    return make
