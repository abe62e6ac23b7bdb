"""
Partial and final uploads, as a client of tus sees them
"""

import json

from endpoint import OCTETS, VERSION, Upload, length_is

PARTIAL = "Upload-Concat: partial"
JSON = "Accept: application/json"


def words(*parts):
    """Upload-Concat of a final upload of these; parts are uploads or URLs."""
    return "final;" + " ".join(part if isinstance(part, str) else part.path for part in parts)


def part(endpoint, content=b"", length=None, *fields):
    """A partial upload, complete unless a length is told; its content came with its creation."""
    return endpoint.create(len(content) if length is None else length, PARTIAL, OCTETS, *fields, body=content)


def final(endpoint, *parts, fields=(), status=201):
    answer = endpoint.ask("POST", endpoint.base_path, VERSION, f"Upload-Concat: {words(*parts)}", *fields,
                          status=status)
    return Final(endpoint, answer) if status == 201 else answer


class Final(Upload):
    def read(self, *fields, status=200):
        return self.endpoint.ask("GET", self.path, *fields, status=status).body

    def status(self):
        return json.loads(self.read(JSON))

    def expect_pending(self, length):
        """What HEAD and GET say as long as a part is unfinished; length: None when it cannot be known yet."""
        for answer in self.look(), self.head():
            assert answer.field("Upload-Offset") is None
            assert answer.field("Upload-Length") == (None if length is None else str(length))
            assert answer.field("Upload-Defer-Length") is None
            assert answer.field("Content-Length") == "0"
        self.endpoint.ask("GET", self.path, status=409)
        told = self.status()
        assert (told["state"], told["complete"], told["length"]) == ("receiving", False, length)

    def expect_complete(self, content):
        for answer in self.look(), self.head():
            assert answer.field("Upload-Offset") == answer.field("Upload-Length") == str(len(content))
            assert answer.field("Upload-Expires") is None
        assert self.read() == content
        told = self.status()
        assert (told["state"], told["complete"], told["length"]) == ("complete", True, len(content))

    def expect_failed(self):
        """A part is lost: nothing will come of it."""
        for method, fields in (("GET", ()), ("HEAD", ()), ("HEAD", (VERSION,))):
            answer = self.endpoint.ask(method, self.path, *fields, status=410)
            assert answer.field("Upload-Offset") is None
            assert method == "HEAD" or "a part was deleted" in answer.text, answer
        told = self.status()
        assert (told["state"], told["complete"]) == ("invalidated", False)
