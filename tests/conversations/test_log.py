"""
The line that is written at the end of every exchange, and the name by which a request is found again

What it must show is here as text and as JSON; what it must withstand is whatever a client can choose.
"""

import json
import re

import pytest

from conversation import eventually, header, request
from endpoint import VERSION, Endpoint, appends, endpoint

MADE = re.compile(r"[0-9a-f]{16}-\d+")  # a request id of the server's own


def whole_lines(log):
    """The last one may be on its way."""
    return log.rpartition("\n")[0].splitlines()


def text_lines(endpoint):
    return [line for line in whole_lines(endpoint.server.log()) if line.startswith("<6>exchange: ")]


def values(line):
    """A line's name=value pairs; its first words are the method and the target."""
    words = line.removeprefix("<6>exchange: ").split(" ")
    pairs = [word.split("=", 1) for word in words[2:]]
    assert all(len(pair) == 2 for pair in pairs), line
    assert len(dict(pairs)) == len(pairs), line
    return dict(pairs, method=words[0], target=words[1])


def objects(endpoint):
    lines = whole_lines(endpoint.server.log())
    return [json.loads(line) for line in lines if not re.match(r"==\d+==WARNING: ASan doesn't fully support", line)]


def exchange_with(endpoint, lines, **wanted):
    """The one that has these values, once it is there."""
    def find():
        found = [one for one in lines() if all(str(one.get(k)) == str(v) for k, v in wanted.items())]
        assert len(found) < 2, found
        return found[0] if found else None
    return eventually(f"{wanted} in the log", find)


@pytest.fixture(scope="module")
def json_endpoint(module_servers, tmp_path_factory):
    return Endpoint(module_servers, tmp_path_factory.mktemp("json"), "--log-format", "json")


NAMES = {"method", "target", "status", "end", "received", "sent", "ms", "network_ms", "disk_ms",
         "database_ms", "client", "upload", "request", "exchange"}


def test_a_line_says_all_there_is_to_say(endpoint):
    upload = endpoint.create(10)
    endpoint.ask("PATCH", upload.path, *appends(0), "X-Request-ID: mine-1", body=b"0123456789", status=204)
    line = exchange_with(endpoint, lambda: map(values, text_lines(endpoint)), request="mine-1")
    assert set(line) == NAMES
    assert (line["method"], line["target"], line["status"]) == ("PATCH", upload.path, "204")
    assert (line["end"], line["received"], line["sent"]) == ("answered", "10", "0")
    assert (line["client"], line["upload"]) == ("127.0.0.1", upload.id)
    times = {name: float(line[name]) for name in NAMES if name.endswith("ms")}
    assert all(re.fullmatch(r"\d+\.\d{3}", line[name]) for name in times)
    assert times["database_ms"] > 0 and times["disk_ms"] > 0
    assert times["network_ms"] + times["disk_ms"] + times["database_ms"] <= times["ms"] + 0.003


def test_the_same_as_json(json_endpoint):
    upload = json_endpoint.create(10)
    json_endpoint.ask("PATCH", upload.path, *appends(0), "X-Request-ID: mine-2", body=b"0123456789",
                      status=204)
    one = exchange_with(json_endpoint, lambda: objects(json_endpoint), request="mine-2")
    assert set(one) == NAMES | {"time", "level", "module"}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", one["time"])
    assert (one["level"], one["module"], one["status"], one["received"]) == ("info", "exchange", 204, 10)
    assert (one["method"], one["target"], one["upload"]) == ("PATCH", upload.path, upload.id)
    assert 0 < one["database_ms"] < one["ms"]


def test_a_creation_is_found_by_the_upload_it_made(endpoint):
    upload = endpoint.create(10)
    line = exchange_with(endpoint, lambda: map(values, text_lines(endpoint)), upload=upload.id)
    assert (line["method"], line["status"]) == ("POST", "201")


def test_waiting_for_a_client_counts_as_network(endpoint):
    """It stops in the middle of the body, until what has come counts: a second after a MiB of it came."""
    mebibyte = bytes(1 << 20)
    upload = endpoint.create(2 * len(mebibyte))
    with endpoint.line() as line:
        upload.begin(line, 0, 2 * len(mebibyte), mebibyte, "X-Request-ID: slow")
        eventually("what has come counts", lambda: upload.offset() == len(mebibyte))
        line.send(mebibyte)
        line.expect(204)
    one = exchange_with(endpoint, lambda: map(values, text_lines(endpoint)), request="slow")
    waited_ms = 500  # at least; the rest is for a machine that stalls
    assert float(one["network_ms"]) >= waited_ms
    assert float(one["disk_ms"]) + float(one["database_ms"]) <= float(one["ms"]) - waited_ms


def test_an_answer_names_its_request(endpoint):
    for sent in "a", "f058ebd6-02f7-4d3f-942e-904344e8cde5", "Root=1-67891233-abc:_~./+@", "x" * 128:
        answer = endpoint.ask("OPTIONS", "/files/", f"X-Request-ID: {sent}", status=200)
        assert answer.field("X-Request-ID") == sent


@pytest.mark.parametrize("sent", ["", " ", "a b", "a\"b", "a\\b", "a=b,c", "{}", "<b>", "\xe9", "a\tb", "x" * 129])
def test_a_name_that_could_do_harm_is_replaced(endpoint, sent):
    answer = endpoint.ask("OPTIONS", "/files/", f"X-Request-ID: {sent}", status=200)
    assert MADE.fullmatch(answer.field("X-Request-ID"))


def test_two_names_are_none(endpoint):
    answer = endpoint.ask("OPTIONS", "/files/", "X-Request-ID: a", "X-Request-ID: b", status=200)
    assert MADE.fullmatch(answer.field("X-Request-ID"))


def test_every_answer_has_a_name_of_its_own(endpoint):
    """Also those before a body has ended, of requests that cannot be read, and beside the endpoint."""
    upload = endpoint.create(100)
    seen = set()
    asked = [(request("GET", "/nowhere"), 404), (request("GET", "/healthz"), 200),
             (request("BREW", "/files/"), 405), (b"GET / HTTP/1.1\r\n\r\n", 400),
             (b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
             (header("PATCH", upload.path, *appends(7), length=10 ** 9) + b"x", 409),
             (request("POST", "/files/", VERSION, "Upload-Length: -1"), 400)]
    for text, status in asked:
        with endpoint.line() as line:
            line.send(text)
            answer = line.expect(status, method=text.split(b" ")[0].decode())
            name = answer.field("X-Request-ID")
            assert MADE.fullmatch(name), answer
            seen.add(name)
            if status == 409 or status == 400:
                line.half_close()
    assert len(seen) == len(asked)
    for name in seen:
        exchange_with(endpoint, lambda: map(values, text_lines(endpoint)), request=name)


FORGERIES = [
    b"GET /files/x status=200 end=answered client=6.6.6.6 HTTP/1.1",
    b"GET /files/x\tstatus=200 HTTP/1.1",
    b"GET /files/%0a<3>exchange: HTTP/1.1",
    b"GET /files/\x1b[31m\x07 HTTP/1.1",
    b"GET /files/\xff\xfe\xc3\xa9 HTTP/1.1",
    b'GET /files/","status":200,"x":" HTTP/1.1',
    b"GET /files/\\u0022\\ HTTP/1.1",
    b"G\"ET /files/ HTTP/1.1",
    b"G=E,T /files/ HTTP/1.1",
    b"GET /files/" + b"A" * 5000 + b" HTTP/1.1",
    b"GET /files/" + b'"' * 5000 + b" HTTP/1.1",
    b"GET /files/\xe2\x80\xa8\xe2\x80\xae HTTP/1.1",
]


@pytest.mark.parametrize("line", FORGERIES)
def test_nothing_that_a_client_sends_forges_a_line(endpoint, json_endpoint, line):
    for server, read in (endpoint, lambda: [values(one) for one in text_lines(endpoint)]), \
                        (json_endpoint, lambda: [one for one in objects(json_endpoint)
                                                 if one["module"] == "exchange"]):
        before = len(read())
        with server.line() as one:
            one.send(line + b"\r\nHost: a\r\nX-Request-ID: a status=200\r\nUser-Agent: \"\x1b[31m\r\n\r\n")
            one.half_close()
            one.read_until_closed()
        eventually("its line is there", lambda: len(read()) > before)
        written = read()[before:]
        assert len(written) == 1, written
        assert int(written[0]["status"]) in (0, 400, 404, 405), written
        assert written[0]["client"] == "127.0.0.1"
        assert MADE.fullmatch(written[0]["request"])
    assert all(re.fullmatch(r"[ -~]*", text) for text in text_lines(endpoint))


def test_control_characters_stay_in_their_line(endpoint):
    for byte in [*range(33), *b'"#%<=\\', 127, 128, 160, 194, 255]:
        if bytes([byte]) in b"\r\n":
            continue
        before = len(text_lines(endpoint))
        with endpoint.line() as one:
            one.send(b"GET /x" + bytes([byte]) + b"y HTTP/1.1\r\nHost: a\r\n\r\n").half_close()
            one.read_until_closed()
        eventually("its line is there", lambda: len(text_lines(endpoint)) > before)
        (written,) = map(values, text_lines(endpoint)[before:])
        assert re.fullmatch(r"[!-~]*", written["target"])


def test_other_lines_are_objects_too(json_endpoint):
    modules = {one["module"] for one in objects(json_endpoint) if "message" in one}
    assert "directory" in modules
