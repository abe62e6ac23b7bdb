"""
What a server answers is what spec/openapi.yaml says: no status, no header field and no member of a status that does
not stand there, and none missing that is required
"""

import json
import re

import pytest

import openapi
from concat import part
from admin import Operator, operator, tcp, unix
from conversation import Answer, eventually
from endpoint import OCTETS, VERSION, Upload, appends, b64, endpoint, endpoints, length_is, upload
from watching import EVENTS, last_event_id, watching, watching_all

DOCUMENT = openapi.load()
ORIGIN = "Origin: https://app.example"
JSON = "Accept: application/json"

# Of HTTP itself, and what the description says of all answers to pages.
GENERAL = {"date", "connection", "content-length", "content-type", "x-request-id",
           "access-control-allow-origin", "access-control-expose-headers"}
OPERATOR = {"date", "connection", "content-length", "content-type", "x-request-id"}
PREFLIGHT = {"access-control-allow-methods", "access-control-allow-headers", "access-control-max-age"}


def field_value(schema, text):
    """A field has text alone; where a number is described it must be written as one."""
    schema = openapi.follow(DOCUMENT, schema)
    if schema.get("type") == "integer" or isinstance(schema.get("const"), int):
        assert re.fullmatch("0|[1-9][0-9]*", text), text
        return int(text)
    return text


def check_fields(answer, described, path):
    general = GENERAL | PREFLIGHT if path.startswith("/files/") else OPERATOR
    told = {name.lower(): value for name, value in answer.fields}
    assert set(told) - general - {name.lower() for name in described} == set(), "not described"
    for name, header in described.items():
        header = openapi.follow(DOCUMENT, header)
        value = told.get(name.lower())
        assert value is not None or not header.get("required"), f"{name} is missing"
        if value is not None:
            openapi.validate(DOCUMENT, header["schema"], field_value(header["schema"], value))


def check_content(answer, described):
    kind = (answer.field("Content-Type") or "").partition(";")[0]
    if not answer.body:
        return
    assert kind in described or "*/*" in described, kind
    schema = described.get(kind, {}).get("schema")
    if schema:
        body = answer.body.decode()
        openapi.validate(DOCUMENT, schema, json.loads(body) if kind == "application/json" else body)


def check(method, path, answer):
    """path: as it stands in the description."""
    operation = DOCUMENT["paths"][path][method.lower()]
    assert str(answer.status) in operation["responses"], answer
    response = openapi.follow(DOCUMENT, operation["responses"][str(answer.status)])
    try:
        check_fields(answer, response.get("headers", {}), path)
        check_content(answer, response.get("content", {}))
    except Exception as error:
        raise AssertionError(f"{method} {path}: {answer}") from error
    return answer


def ask(endpoint, method, target, *fields, status, **options):
    path = "/files/" if target == "/files/" else "/files/{id}"
    return check(method, path, endpoint.ask(method, target, *fields, status=status, **options))


def test_the_health_is_as_described(endpoint):
    with endpoint.line() as line:
        line.send(b"GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n")
        check("GET", "/healthz", line.expect(200))


@pytest.mark.parametrize("fields", [(), (ORIGIN,), (ORIGIN, "Access-Control-Request-Method: PATCH")])
def test_options_are_as_described(endpoints, fields):
    endpoint = endpoints("--max-size", "1M", "--cors-origin", "https://app.example")
    ask(endpoint, "OPTIONS", "/files/", *fields, status=200)
    ask(endpoint, "OPTIONS", "/files/" + 32 * "0", *fields, status=200)


def test_creations_are_as_described(endpoint):
    for fields, status, body in (
            ((VERSION, length_is(10)), 201, None),
            ((VERSION, length_is(0), ORIGIN), 201, None),
            ((VERSION, "Upload-Defer-Length: 1", OCTETS), 201, b"abc"),
            ((VERSION,), 400, None),
            ((length_is(10),), 412, None),
            ((VERSION, length_is(2), OCTETS), 413, b"abc"),
            ((VERSION, length_is(2), "Expect: more"), 417, None)):
        ask(endpoint, "POST", "/files/", *fields, status=status, body=body)


def test_a_creation_whose_body_is_refused_half_way_is_as_described(endpoint):
    answer = ask(endpoint, "POST", "/files/", VERSION, length_is(2), OCTETS, status=413, chunks=(b"abc",))
    assert answer.field("Location")


def test_concatenations_are_as_described(endpoints):
    endpoint = endpoints("--max-size", "1M")
    one, begun, gone = part(endpoint, b"abc"), part(endpoint, b"a", 3), part(endpoint, b"abc")
    gone.delete()

    def concatenate(*urls, fields=(), status, body=None):
        return ask(endpoint, "POST", "/files/", VERSION, f"Upload-Concat: final;{' '.join(urls)}", *fields, status=status,
                   body=body)
    complete, pending, broken = (Upload(endpoint, concatenate(*urls, fields=(ORIGIN,), status=201))
                                 for urls in ((one.path,), (one.path, begun.path), (begun.path,)))
    for urls, fields, status in (
            ((), (), 400), ((one.path,), (length_is(3),), 400), ((one.path,), (OCTETS,), 403), (("nothing",), (), 404),
            ((gone.path,), (), 410), ((complete.path,), (), 400), (3000 * (one.path,), (), 431)):
        concatenate(*urls, fields=fields, status=status)
    for upload in one, complete, pending:
        for fields in ((), (VERSION,), (JSON,)):
            ask(endpoint, "HEAD", upload.path, *fields, status=200)
        ask(endpoint, "GET", upload.path, JSON, status=200)
    ask(endpoint, "GET", complete.path, status=200)
    ask(endpoint, "GET", complete.path, "Range: bytes=1-", status=206)
    ask(endpoint, "GET", pending.path, status=409)
    ask(endpoint, "PATCH", complete.path, *appends(0), status=403, body=b"abc")
    begun.delete()
    for method, fields in (("HEAD", ()), ("GET", ()), ("HEAD", (VERSION,))):
        ask(endpoint, method, broken.path, *fields, status=410)
    one.delete()
    for upload in complete, pending, broken:
        ask(endpoint, "GET", upload.path, JSON, status=200)
    ask(endpoint, "DELETE", pending.path, VERSION, status=204)


def test_repeated_creations_are_as_described(endpoint):
    key = 'Idempotency-Key: "%032d"' % 1
    for fields, status in ((length_is(10), 201), (length_is(10), 201), (length_is(11), 422)):
        answer = ask(endpoint, "POST", "/files/", VERSION, fields, key, status=status)
    ask(endpoint, "POST", "/files/", VERSION, length_is(10), "Idempotency-Key: x", status=400)
    answer = ask(endpoint, "POST", "/files/", VERSION, length_is(10), key, status=201)
    Upload(endpoint, answer).delete()
    ask(endpoint, "POST", "/files/", VERSION, length_is(10), key, status=410)


def test_looks_are_as_described(endpoint, upload):
    for fields in ((), (VERSION,), (JSON,), (ORIGIN,), ("Accept: */*",)):
        ask(endpoint, "HEAD", upload.path, *fields, status=200)
    ask(endpoint, "HEAD", endpoint.deferred().path, VERSION, status=200)
    ask(endpoint, "HEAD", endpoint.create(3, f"Upload-Metadata: filename {b64('x')}").path, status=200)
    ask(endpoint, "HEAD", endpoint.create(0).path, VERSION, status=200)
    ask(endpoint, "HEAD", "/files/nothing", status=404)
    ask(endpoint, "HEAD", upload.path, "Tus-Resumable: 2", status=412)


def test_appends_are_as_described(endpoint, upload):
    for fields, status in (
            (appends(10), 204), (appends(13, ORIGIN), 204), (appends(10), 409), (appends("x"), 400),
            ((VERSION, "Upload-Offset: 16"), 415), (appends(16)[1:], 412), (appends(16, length_is(99)), 400)):
        ask(endpoint, "PATCH", upload.path, *fields, status=status, body=b"abc")
    ask(endpoint, "PATCH", upload.path, *appends(16), status=413, body=bytes(85))
    ask(endpoint, "PATCH", "/files/nothing", *appends(0), status=404, body=b"abc")


def test_terminations_are_as_described(endpoint, upload):
    ask(endpoint, "DELETE", upload.path, status=412)
    ask(endpoint, "DELETE", upload.path, VERSION, status=204)
    for method, fields in (("DELETE", (VERSION,)), ("PATCH", appends(10)), ("HEAD", ()), ("GET", (JSON,))):
        ask(endpoint, method, upload.path, *fields, status=410)
    ask(endpoint, "DELETE", "/files/nothing", VERSION, status=404)


def test_the_status_is_as_described(endpoints):
    """In every state that an upload of tus can get into."""
    endpoint = endpoints()
    damaged = endpoint.create(100)
    damaged.patch(0, b"0123456789")
    endpoint.stop()
    damaged.file.write_bytes(b"")
    endpoint.start()
    damaged.patch(10, b"abc", status=410)

    writing = endpoint.create(100, 'Upload-Metadata: "\\} AA==,raw /w==,\xfc /w==,empty')
    uploads = [damaged, writing, endpoint.create(2**63 - 1), endpoint.deferred(),
               endpoint.create(3, OCTETS, body=b"abc"), endpoint.create(0)]
    with endpoint.line() as line:
        writing.begin(line, 0, 100, b"0123456789")
        eventually("somebody writes", lambda: json.loads(
            ask(endpoint, "GET", writing.path, JSON, status=200).body)["writing"])
        told = [json.loads(ask(endpoint, "GET", upload.path, JSON, ORIGIN, status=200).body) for upload in uploads]
    assert [status["state"] for status in told] == ["damaged", *3 * ["receiving"], *2 * ["complete"]]
    ask(endpoint, "GET", "/files/nothing", JSON, status=404)


def test_the_bytes_are_as_described(endpoint):
    upload = endpoint.create(3, OCTETS, body=b"abc")
    for fields in ((), (ORIGIN,), ("Accept: text/html, */*;q=0.8",)):
        ask(endpoint, "GET", upload.path, *fields, status=200)


def ask_operator(operator, method, target, *fields, status, path=None, **options):
    path = path or ("/api/uploads/{id}" if target.startswith("/api/uploads/") else target.partition("?")[0])
    return check(method, path, operator.ask(method, target, *fields, status=status, **options))


def test_what_the_operator_is_told_is_as_described(operator):
    unfinished = operator.endpoint.create(10, f"Upload-Metadata: filename {b64('x')}")
    whole = operator.endpoint.create(3, OCTETS, body=b"abc")
    one, other = (f"/api/uploads/{upload.id}" for upload in (unfinished, whole))
    eventually("it is ready", lambda: operator.say("GET", "/readyz", *operator.fields()).status == 200)
    ask_operator(operator, "GET", "/readyz", status=200)
    ask_operator(operator, "GET", "/api/stats", status=200)
    ask_operator(operator, "GET", "/metrics", status=200)
    ask_operator(operator, "GET", "/api/uploads", status=200)
    ask_operator(operator, "GET", "/api/uploads?limit=1", status=200)
    ask_operator(operator, "GET", "/api/uploads?limit=0", status=400)
    ask_operator(operator, "GET", one, status=200)
    with operator.endpoint.line() as line:
        unfinished.begin(line, 0, 10, b"01")
        unfinished.wait_for_bytes(1)
        ask_operator(operator, "POST", one + "/expire", status=423, path="/api/uploads/{id}/expire")
    ask_operator(operator, "POST", other + "/expire", status=409, path="/api/uploads/{id}/expire")
    ask_operator(operator, "DELETE", other, status=204)
    eventually("nobody writes", lambda: operator.say("POST", one + "/expire", *operator.fields()).status == 204)
    ask_operator(operator, "POST", one + "/expire", status=410, path="/api/uploads/{id}/expire")
    for method, path in (("GET", "/api/uploads/{id}"), ("DELETE", "/api/uploads/{id}"), ("POST", "/api/uploads/{id}/expire")):
        ask_operator(operator, method, path.replace("{id}", unfinished.id), status=410, path=path)
        ask_operator(operator, method, path.replace("{id}", "nothing"), status=404, path=path)
        ask_operator(operator, method, path.replace("{id}", unfinished.id), "Origin: null", status=403, path=path)


def test_events_are_as_described(operator):
    endpoint = operator.endpoint
    upload = endpoint.create(3, ORIGIN)
    path = "/files/{id}"
    with watching(upload, ORIGIN) as watcher, watching_all(operator, "Last-Event-ID: 1") as all_of_them:
        for told, described in ((watcher, path), (all_of_them, "/api/events")):
            answer = Answer(200, list(told.fields.items()), b"")
            check("GET", described, answer)
        upload.patch(0, b"abc")
        events = watcher.until("complete") + all_of_them.until("complete")
    assert {event.kind for event in events} >= {"progress", "complete", "reset"}
    for event in events:
        openapi.validate(DOCUMENT, DOCUMENT["components"]["schemas"]["Event"], event.data)
    ask(endpoint, "GET", upload.path, EVENTS, last_event_id(events[-1].id), status=204)
    ask(endpoint, "GET", upload.path, EVENTS, last_event_id("1"), last_event_id("2"), status=400)
    ask(endpoint, "GET", "/files/nothing", EVENTS, status=404)


def test_who_is_not_let_in_is_told_as_described(tcp):
    for path in ("/readyz", "/api/uploads", "/api/stats", "/api/events", "/metrics"):
        assert check("GET", path, tcp.say("GET", path)).status == 401
        assert check("GET", path, tcp.say("GET", path, "Origin: null", *tcp.fields())).status == 403


def test_a_name_that_is_not_ours_is_told_as_described(unix):
    for path in ("/readyz", "/api/uploads", "/api/stats", "/api/events", "/metrics"):
        assert check("GET", path, unix.say("GET", path, host="evil.example")).status == 421


def test_an_endpoint_that_is_not_ready_is_told_as_described(endpoints):
    ask_operator(Operator(endpoints("--min-free", "8000000T")), "GET", "/readyz", status=503)


def test_what_is_not_described_is_noticed(endpoint, upload):
    """The check can fail."""
    answer = endpoint.ask("GET", upload.path, JSON, status=200)
    check("GET", "/files/{id}", answer)
    for change in (lambda told: told.pop("length"), lambda told: told.update(size=1),
                   lambda told: told.update(state="done"), lambda told: told.update(offset="10"),
                   lambda told: told.update(created="yesterday"), lambda told: told.update(digest={})):
        told = json.loads(answer.body)
        change(told)
        with pytest.raises(Exception):
            check_content(type(answer)(200, answer.fields, json.dumps(told).encode()),
                          DOCUMENT["paths"]["/files/{id}"]["get"]["responses"]["200"]["content"])
    for field in (("X-Powered-By", "x"), ("Upload-Offset", "-1"), ("Upload-Offset", "010")):
        fields = [other for other in answer.fields if other[0] != field[0]] + [field]
        with pytest.raises(AssertionError):
            check("GET", "/files/{id}", type(answer)(200, fields, answer.body))
