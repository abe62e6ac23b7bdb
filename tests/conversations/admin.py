"""
The operator's listener of an endpoint, as the operator sees it

On its unix socket, or on TCP with the token; what a request must not have is written out by the tests.
"""

import json
import re
from urllib.parse import quote

import pytest

from conversation import Line, eventually, request
from endpoint import Endpoint


class Operator:
    def __init__(self, endpoint):
        self.endpoint = endpoint

    @property
    def url(self):
        """Where the log says that it is; a relative path is one of the server's folder."""
        found = eventually("the operator's listener", lambda: re.findall(
            r"the operator's listener is at (\S+)", self.endpoint.server.log()))[-1]
        return found if found.startswith("http") else f"unix:{self.endpoint.server.folder / found[5:]}"

    @property
    def token(self):
        return (self.endpoint.data / "api-token").read_text().strip()

    def fields(self):
        return (f"Authorization: Bearer {self.token}",) if self.url.startswith("http") else ()

    def line(self, **options):
        return Line(self.url, **options)

    def say(self, method, target, *fields, host="localhost", body=None):
        """As it is written, on a line of its own; with any answer."""
        with self.line() as line:
            line.send(request(method, target, *fields, host=host, body=body, close=True))
            answer = line.next_answer(method)
            line.expect_closed()
        assert answer.field("Cache-Control") == "no-store", answer
        assert answer.field("X-Content-Type-Options") == "nosniff", answer
        assert not [name for name, _ in answer.fields if name.lower().startswith(("access-control", "set-cookie", "tus-"))]
        if answer.status in (400, 401, 403, 404, 405, 409, 410, 421, 423):
            assert answer.field("Content-Type") == "text/plain; charset=utf-8", answer
            assert method == "HEAD" or re.fullmatch(rb"[ -~]{5,120}\n", answer.body), answer
        return answer

    def ask(self, method, target, *fields, status=200, **options):
        answer = self.say(method, target, *self.fields(), *fields, **options)
        assert answer.status == status, answer
        return answer

    def get(self, target, status=200):
        """JSON, in characters that do no harm anywhere."""
        answer = self.ask("GET", target, status=status)
        assert answer.field("Content-Type") == "application/json"
        assert re.fullmatch(rb"[ -~\n]+\n", answer.body), answer.body
        return json.loads(answer.body)

    def page(self, **query):
        text = "&".join(f"{key}={quote(str(value), safe=':%')}" for key, value in query.items())
        return self.get("/api/uploads" + ("?" + text if text else ""))

    def pages(self, **query):
        """One after the other, to the last."""
        while True:
            page = self.page(**query)
            yield page["uploads"]
            if page["next"] is None:
                return
            query["cursor"] = page["next"]

    def listed(self, **query):
        """The ids of all, in their order."""
        return [upload["id"] for uploads in self.pages(**query) for upload in uploads]


@pytest.fixture(params=["unix", "tcp"])
def operator(request, servers, tmp_path):
    """Of an endpoint of its own, on each kind of listener."""
    arguments = [] if request.param == "unix" else ["--admin-listen", "127.0.0.1:0"]
    return Operator(Endpoint(servers, tmp_path, *arguments))


@pytest.fixture
def tcp(servers, tmp_path):
    return Operator(Endpoint(servers, tmp_path, "--admin-listen", "127.0.0.1:0"))


@pytest.fixture
def unix(servers, tmp_path):
    return Operator(Endpoint(servers, tmp_path))
