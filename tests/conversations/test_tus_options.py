"""
tus 1.0.0, "OPTIONS" and the announcements of every extension; the Fetch standard, "CORS protocol"

Numbers in brackets are those of spec/tus.md.
"""

import os
import re
import subprocess

import pytest

from conversation import BUILD, PATIENCE, SANITIZED, WRAPPER, eventually, header, request
from endpoint import (OCTETS, VERSION, Endpoint, appends, check_general, endpoint, endpoints, follow_up,
                      length_is, lower_names, offset_is, upload)

ORIGIN = "Origin: https://app.example"


def options(endpoint, target, *fields):
    with endpoint.line() as line:
        line.send(request("OPTIONS", target, *fields))
        answer = line.next_answer()
        follow_up(line)
        assert answer.status == 200 and answer.body == b"", answer
        return answer


@pytest.fixture(params=["the endpoint", "an upload", "an upload that is not there"])
def target(request, endpoint, upload):
    return {"the endpoint": "/files/", "an upload": upload.path}.get(request.param, "/files/" + 32 * "0")


# --- what the server can do [4-7, 33, 44, 52, 61, 79] ---


def test_options_tell_the_version_and_the_extensions(endpoint, target):
    """[1, 5, 6, table R] 200; a list without blanks, which one client does not trim."""
    answer = options(endpoint, target)
    assert answer.field("Tus-Version") == "1.0.0"
    assert answer.field("Tus-Resumable") == "1.0.0"
    extensions = answer.field("Tus-Extension")
    assert re.fullmatch("[a-z-]+(,[a-z-]+)*", extensions)
    assert len(set(extensions.split(","))) == len(extensions.split(","))


def test_options_announce_what_the_server_does(endpoint):
    """[33, 44, 52, 61, 79, 82, 91]"""
    extensions = set(options(endpoint, "/files/").field("Tus-Extension").split(","))
    assert {"creation", "creation-with-upload", "creation-defer-length", "expiration", "termination", "concatenation",
            "concatenation-unfinished"} <= extensions


def test_options_announce_nothing_else(endpoint):
    """[8, 68, 76, 82, 91] An extension that is announced has tests: add them, then change this one."""
    answer = options(endpoint, "/files/")
    extensions = set(answer.field("Tus-Extension").split(","))
    assert extensions == {"creation", "creation-with-upload", "creation-defer-length", "expiration", "checksum",
                          "checksum-trailer", "termination", "concatenation", "concatenation-unfinished"}
    assert ("checksum" in extensions) == (answer.field("Tus-Checksum-Algorithm") is not None)


@pytest.mark.parametrize("version", ["9.9.9", "1.0.0", "", "nonsense"])
def test_options_ignore_the_version(endpoint, target, version):
    """[4]"""
    assert options(endpoint, target, f"Tus-Resumable: {version}").field("Tus-Version") == "1.0.0"


def test_options_tell_no_maximum_where_there_is_none(endpoint):
    """[7]"""
    assert options(endpoint, "/files/").field("Tus-Max-Size") is None


@pytest.mark.parametrize("argument, bytes", [("1000", 1000), ("4G", 4 * 2**30)])
def test_options_tell_the_maximum(endpoints, argument, bytes):
    """[7]"""
    assert options(endpoints("--max-size", argument), "/files/").field("Tus-Max-Size") == str(bytes)


def test_options_announce_no_expiration_where_nothing_expires(endpoints):
    """[61]"""
    assert "expiration" not in options(endpoints("--expire-after", "0"), "/files/").field("Tus-Extension")


def test_options_for_the_server_as_a_whole(endpoint):
    """OPTIONS * is for the server, whose only service this is."""
    answer = options(endpoint, "*")
    assert answer.field("Tus-Version") == "1.0.0"


def test_options_are_for_the_endpoint_of_the_configured_path(endpoints):
    endpoint = endpoints("--base-path", "/a/b/", base_path="/a/b/")
    assert options(endpoint, "/a/b/").field("Tus-Version") == "1.0.0"
    endpoint.ask("OPTIONS", "/a/b/" + 32 * "0", status=200)
    with endpoint.line() as line:
        line.send(request("OPTIONS", "/files/"))
        line.expect(404)


def test_the_endpoint_may_be_all_there_is(endpoints):
    endpoint = endpoints("--base-path", "/", base_path="/")
    upload = endpoint.create(3)
    upload.patch(0, b"abc")
    upload.expect(3, b"abc")
    assert endpoint.server.ask("/healthz") == "ok"


def test_options_may_have_a_body(endpoint, target):
    with endpoint.line() as line:
        line.send(request("OPTIONS", target, body=b"abc"))
        line.expect(200)
        follow_up(line)


# --- web pages of other origins [3.1 of the requirements] ---

METHODS = {"POST", "HEAD", "PATCH", "OPTIONS", "GET", "DELETE"}
SENT = {"authorization", "content-type", "origin", "tus-resumable", "upload-length", "upload-offset", "upload-metadata",
        "upload-defer-length", "upload-concat", "upload-checksum", "upload-incomplete", "upload-complete",
        "upload-draft-interop-version", "content-disposition", "content-digest", "repr-digest", "want-repr-digest",
        "want-content-digest", "incremental", "idempotency-key", "range", "if-range", "if-none-match", "if-match",
        "x-http-method-override", "x-request-id", "x-requested-with"}
READ = {"location", "upload-offset", "upload-length", "upload-metadata", "upload-defer-length", "upload-expires",
        "upload-concat", "upload-incomplete", "upload-complete", "upload-limit", "upload-draft-interop-version",
        "tus-version", "tus-resumable", "tus-max-size", "tus-extension", "tus-checksum-algorithm", "retry-after",
        "repr-digest", "content-digest", "ferry-digest", "etag", "content-range", "accept-ranges",
        "content-disposition", "x-request-id"}


def names(answer, field, case=str.lower):
    return {case(name) for name in re.split(r",\s*", answer.field(field) or "")}


def preflight(endpoint, target, method="PATCH", origin=ORIGIN):
    return options(endpoint, target, origin, f"Access-Control-Request-Method: {method}",
                   "Access-Control-Request-Headers: tus-resumable,upload-offset,content-type")


@pytest.mark.parametrize("method", sorted(METHODS))
def test_a_preflight_allows_what_clients_do(endpoint, target, method):
    """[CORS] All methods and all header fields that a browser asks for."""
    answer = preflight(endpoint, target, method)
    assert answer.field("Access-Control-Allow-Origin") == "*"
    assert METHODS <= set(re.split(", *", answer.field("Access-Control-Allow-Methods")))
    assert SENT <= names(answer, "Access-Control-Allow-Headers")
    assert int(answer.field("Access-Control-Max-Age")) > 0


def test_a_preflight_never_allows_credentials(endpoint, target):
    """[CORS] "*" and credentials exclude each other."""
    assert preflight(endpoint, target).field("Access-Control-Allow-Credentials") is None


def test_plain_options_are_no_preflight(endpoint):
    answer = options(endpoint, "/files/")
    assert answer.field("Access-Control-Allow-Methods") is None
    assert answer.field("Access-Control-Allow-Origin") is None


def expect_readable(answer, origin="*"):
    assert answer.field("Access-Control-Allow-Origin") == origin, answer
    assert READ <= names(answer, "Access-Control-Expose-Headers"), answer
    assert answer.field("Access-Control-Allow-Credentials") is None, answer


def expect_unreadable(answer):
    assert not any(name.startswith("access-control-") for name in lower_names(answer)), answer


def test_a_page_can_read_every_answer(endpoint, upload):
    """[CORS] Of every operation."""
    expect_readable(endpoint.ask("POST", "/files/", VERSION, length_is(3), ORIGIN, status=201))
    expect_readable(endpoint.ask("POST", "/files/", VERSION, length_is(3), OCTETS, ORIGIN, body=b"abc", status=201))
    expect_readable(endpoint.ask("HEAD", upload.path, VERSION, ORIGIN, status=200))
    expect_readable(endpoint.ask("HEAD", upload.path, ORIGIN, status=200))
    expect_readable(endpoint.ask("PATCH", upload.path, *appends(10), ORIGIN, body=b"abc", status=204))
    expect_readable(endpoint.ask("DELETE", upload.path, VERSION, ORIGIN, status=204))


def test_a_page_can_read_every_refusal(endpoint, upload):
    """[CORS] Otherwise it sees a network error, and retries."""
    def refused(method, target, *fields, status, body=None):
        expect_readable(endpoint.ask(method, target, *fields, ORIGIN, status=status, body=body))

    refused("POST", "/files/", VERSION, status=400)
    refused("POST", "/files/", length_is(3), status=412)
    refused("POST", "/files/", VERSION, length_is(3), OCTETS, body=b"abcd", status=413)
    refused("PATCH", upload.path, *appends(0), status=409)
    refused("PATCH", upload.path, VERSION, status=415)
    refused("PATCH", "/files/" + 32 * "0", *appends(0), status=404)
    refused("HEAD", "/files/" + 32 * "0", VERSION, status=404)
    refused("DELETE", "/files/nothing", VERSION, status=404)
    refused("PUT", "/files/", status=405)
    refused("GET", "/files/a/b", status=404)
    refused("POST", "/files/", VERSION, length_is(3), "Expect: a-miracle", status=417)
    refused("POST", "/files/", VERSION, length_is(3), "X-HTTP-Method-Override: a b", status=400)


def test_a_page_can_read_a_refusal_that_comes_before_the_body(endpoint, upload):
    """[CORS] Which takes another way out."""
    with endpoint.line() as line:
        line.send(header("PATCH", upload.path, *appends(0), ORIGIN, "Expect: 100-continue", length=50))
        expect_readable(line.expect_next(409))


def test_a_page_can_read_the_answer_to_what_is_no_message(endpoint):
    with endpoint.line() as line:
        line.send(request("POST", "/files/", ORIGIN, "Content-Length: 3", "Transfer-Encoding: chunked"))
        expect_readable(line.expect(400))


def test_a_client_that_is_no_page_is_told_nothing_of_pages(endpoint, upload):
    expect_unreadable(upload.head())
    expect_unreadable(upload.patch(3, status=409))


@pytest.fixture(scope="module")
def strict(module_servers, tmp_path_factory):
    """For the pages of one origin."""
    return Endpoint(module_servers, tmp_path_factory.mktemp("strict"), "--cors-origin", "https://app.example")


def test_one_origin_may_be_allowed(strict):
    """[CORS] Then it is named, and caches are told that the answer depends on it."""
    answer = preflight(strict, "/files/")
    assert answer.field("Access-Control-Allow-Origin") == "https://app.example"
    assert "origin" in names(answer, "Vary")
    answer = strict.ask("POST", "/files/", VERSION, length_is(3), ORIGIN, status=201)
    expect_readable(answer, "https://app.example")
    assert "origin" in names(answer, "Vary")


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "https://app.example.evil", "http://app.example",
                                    "https://app.example:8443", "https://app.example/", "", "*",
                                    "https://app.example, https://evil.example"])
def test_the_pages_of_other_origins_can_read_nothing(strict, origin):
    """[CORS] But are answered: what may be read is the browser's business."""
    expect_unreadable(preflight(strict, "/files/", origin=f"Origin: {origin}"))
    answer = strict.ask("POST", "/files/", VERSION, length_is(3), f"Origin: {origin}", status=201)
    expect_unreadable(answer)
    assert "origin" in names(answer, "Vary")
    expect_unreadable(strict.ask("HEAD", "/files/nothing", f"Origin: {origin}", status=404))


def test_an_answer_to_nobody_s_page_depends_on_the_origin_too(strict):
    """[Fetch, "CORS protocol and HTTP caches"] Vary stands there even when the request has no Origin."""
    assert "origin" in names(strict.ask("HEAD", "/files/nothing", status=404), "Vary")


@pytest.fixture(scope="module")
def several(module_servers, tmp_path_factory):
    """For the pages of some."""
    return Endpoint(module_servers, tmp_path_factory.mktemp("several"), "--cors-origin",
                    "https://App.example, http://localhost:8080 chrome-extension://abc")


@pytest.mark.parametrize("origin", ["https://app.example", "http://localhost:8080", "chrome-extension://abc"])
def test_several_origins_may_be_allowed(several, origin):
    """[CORS] The one that asks is named, as browsers write it, also in refusals."""
    field = f"Origin: {origin}"
    answer = preflight(several, "/files/", origin=field)
    assert answer.field("Access-Control-Allow-Origin") == origin
    assert METHODS <= names(answer, "Access-Control-Allow-Methods", str)
    for answer in (several.ask("POST", "/files/", VERSION, length_is(3), field, status=201),
                   several.ask("POST", "/files/", VERSION, field, status=400),
                   several.ask("HEAD", "/files/nothing", field, status=404)):
        expect_readable(answer, origin)
        assert "origin" in names(answer, "Vary")


def test_of_several_origins_no_other_is_allowed(several):
    for origin in ("https://evil.example", "http://localhost", "null", "https://App.example, http://localhost:8080"):
        answer = preflight(several, "/files/", origin=f"Origin: {origin}")
        expect_unreadable(answer)
        assert "origin" in names(answer, "Vary")


@pytest.mark.parametrize("argument", ["app.example", "https://app.example/", "*,https://app.example"])
def test_a_list_that_is_none_is_refused_at_the_start(tmp_path, argument):
    """In one line, before anything is touched."""
    ended = subprocess.run([BUILD / "server/ferryd", "--listen", "127.0.0.1:0", "--data", tmp_path / "data",
                            "--cors-origin", argument], capture_output=True, text=True, timeout=PATIENCE)
    assert ended.returncode == 2
    assert re.fullmatch(r"ferryd: --cors-origin .* origins are wanted, .*\n", ended.stderr), ended.stderr
    assert not (tmp_path / "data").exists()


@pytest.mark.skipif(bool(SANITIZED or WRAPPER), reason="sanitizers and valgrind want to be loaded first")
def test_a_preflight_asks_no_disk(endpoints, tmp_path):
    """[CORS] The one thread for disk and database is busy for a minute; a preflight is answered at once."""
    slow = tmp_path / "slow"
    slow.write_text("* write 60000\n")
    endpoint = endpoints("--io-threads", "1", env={
        **os.environ, "LD_PRELOAD": str(BUILD / "tests/faults/slow_disk.so"), "SLOW_DISK": str(slow)})
    upload = endpoint.create(10)
    with endpoint.line() as writer, endpoint.line() as reader:
        upload.begin(writer, 0, 10, b"0123456789")
        eventually("the disk is busy", (tmp_path / "slow.log").read_text)
        reader.send(request("HEAD", upload.path))
        for target in ("/files/", upload.path, "/files/nothing"):
            expect_readable(preflight(endpoint, target))
        assert reader.is_quiet(), "the disk was not busy"
    endpoint.crash()


def test_no_origin_at_all_may_be_allowed(endpoints):
    """[CORS]"""
    endpoint = endpoints("--cors-origin", "")
    expect_unreadable(preflight(endpoint, "/files/"))
    expect_unreadable(endpoint.ask("POST", "/files/", VERSION, length_is(3), ORIGIN, status=201))


def test_the_health_of_the_server_is_nothing_for_pages(endpoint):
    with endpoint.line() as line:
        line.send(request("GET", "/healthz", ORIGIN))
        expect_unreadable(line.expect(200))
