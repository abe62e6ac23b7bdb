"""
The operator's listener: who is let in, and what he is told

Its own server beside the endpoint's: on a unix socket in the data directory, or on TCP with a token.
"""

import json
import os
import pathlib
import re
import stat
import subprocess

import pytest

import conversation
from admin import Operator, operator, tcp, unix
from conversation import PATIENCE, SANITIZED, WRAPPER, Line, bound, eventually, header, request
from endpoint import VERSION, Endpoint, b64, endpoints, pattern
from test_listening import complains

NOTHING = "0" * 32
ROUTES = [("GET", "/healthz"), ("GET", "/readyz"), ("GET", "/api/uploads"), ("GET", "/api/stats"),
          ("GET", f"/api/uploads/{NOTHING}"), ("DELETE", f"/api/uploads/{NOTHING}"),
          ("POST", f"/api/uploads/{NOTHING}/expire")]
ELSEWHERE = [("GET", "/"), ("POST", "/api/stats"), ("OPTIONS", "*"), ("GET", "/files/"), ("TRACE", "/api/uploads"),
             ("PUT", f"/api/uploads/{NOTHING}"), ("GET", f"/api/uploads/{NOTHING}/expire")]


# --- who is let in ---


@pytest.mark.parametrize("method, target", ROUTES + ELSEWHERE)
def test_on_tcp_nothing_is_told_without_the_token(tcp, method, target):
    """Not even what there is."""
    token = tcp.token
    for fields in ((), ("Authorization: Bearer",), ("Authorization: Bearer wrong-wrong-wrong-wrong",),
                   (f"Authorization: Bearer {token[:-1]}",), (f"Authorization: Bearer {token}0",),
                   (f"Authorization: Bearer {token.upper()}",), (f"Authorization: Basic {b64('a:' + token)}",),
                   (f"Cookie: token={token}",), (f"X-Api-Key: {token}",)):
        answer = tcp.say(method, target, *fields)
        assert answer.status == 401, (fields, answer)
        assert answer.field("WWW-Authenticate") == 'Bearer realm="ferryd"'
    if target != "*":
        assert tcp.say(method, f"{target}?access_token={token}").status == 401
    assert tcp.say(method, target, *tcp.fields(), *tcp.fields()).status == 400
    assert token not in tcp.endpoint.server.log().replace(f"access_token={token}", "")


@pytest.mark.parametrize("method, target", ROUTES)
def test_with_the_token_everything_is(tcp, method, target):
    status = 404 if NOTHING in target else 200
    tcp.ask(method, target, status=status)
    answer = tcp.say(method, target, f"authorization: bearer {tcp.token}", host="ferry.internal:9000")
    assert answer.status == status


def test_the_token_is_made_once_and_for_its_owner(tcp):
    path = tcp.endpoint.data / "api-token"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert re.fullmatch("[0-9a-f]{64}", tcp.token)
    before = tcp.token
    tcp.endpoint.stop()
    tcp.endpoint.start()
    assert tcp.token == before
    tcp.ask("GET", "/api/stats")
    assert sorted(p.name for p in tcp.endpoint.data.iterdir() if "token" in p.name) == ["api-token"]


def test_the_token_may_be_the_operator_s_own(endpoints, tmp_path):
    (tmp_path / "token").write_text("an-operators-own-token\n")
    (tmp_path / "token").chmod(0o600)
    operator = Operator(endpoints("--admin-listen", "[::1]:0" if pathlib.Path("/proc/net/if_inet6").exists()
                                  else "127.0.0.1:0", "--api-token-file", str(tmp_path / "token")))
    assert operator.say("GET", "/readyz", "Authorization: Bearer an-operators-own-token").status == 200
    assert operator.say("GET", "/readyz").status == 401
    assert not (operator.endpoint.data / "api-token").exists()


@pytest.mark.parametrize("text, mode, word", [
    (None, None, "No such file"), ("", 0o600, "empty"), ("short\n", 0o600, "wanted"),
    ("no blanks are in tokens\n", 0o600, "wanted"), ("token-with-more\0behind-it\n", 0o600, "wanted"),
    ("an-operators-own-token\n", 0o644, "others can get at it, its mode is 0644, not (0640 or )?0600"),
])
def test_a_token_file_that_holds_none(tmp_path, text, mode, word):
    """Or one that is no secret."""
    if text is not None:
        (tmp_path / "token").write_text(text)
        (tmp_path / "token").chmod(mode)
    (tmp_path / "data").mkdir()
    done = subprocess.run([*WRAPPER, str(conversation.BUILD / "server/ferryd"), "--listen", "127.0.0.1:0", "--data", "data",
                           "--admin-listen", "127.0.0.1:0", "--api-token-file", "token"],
                          cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 1
    assert "listening on" not in done.stdout
    assert re.search(f"token: .*token.*{word}", done.stderr), done.stderr


def test_the_socket_is_its_owner_s_alone(unix):
    path = unix.endpoint.data / "admin.sock"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    unix.ask("GET", "/api/stats")
    unix.endpoint.stop()
    assert not path.exists()
    assert not (unix.endpoint.data / "api-token").exists()


@pytest.mark.parametrize("host", ["evil.example", "evil.example:1081", "localhost.evil.example", "ferry"])
def test_a_name_that_leads_to_us_is_no_way_in(operator, host):
    """DNS rebinding: a page of evil.example, whose name has our address by now, asks as if it were ours."""
    upload = operator.endpoint.create(10)
    refused = 401 if operator.url.startswith("http") else 421
    for method, target in ROUTES + [("DELETE", f"/api/uploads/{upload.id}"),
                                    ("POST", f"/api/uploads/{upload.id}/expire")]:
        for fields in ((), (f"Origin: http://{host}",), ("Sec-Fetch-Site: same-origin",)):
            assert operator.say(method, target, *fields, host=host).status == refused
    upload.look()


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:80", "127.0.0.1", "[::1]:1081", ""])
def test_an_address_may_be_asked_for(unix, host):
    assert unix.say("GET", "/healthz", host=host).status == 200


FOREIGN = [("Origin: https://evil.example", "Content-Type: application/x-www-form-urlencoded"),
           ("Origin: null", "Content-Type: text/plain"), ("Sec-Fetch-Site: cross-site",),
           ("Sec-Fetch-Site: same-site", "Sec-Fetch-Mode: navigate"), ("Origin: http://localhost:8080",),
           ("Content-Type: multipart/form-data; boundary=x",), ("Content-Type: application/x-www-form-urlencoded",)]


@pytest.mark.parametrize("fields", FOREIGN, ids=" ".join)
def test_a_form_of_another_site_changes_nothing(operator, fields):
    """With the token, too, though no form can send it."""
    upload = operator.endpoint.create(10)
    for method, target, body in (("POST", f"/api/uploads/{upload.id}/expire", b"a=b"),
                                 ("DELETE", f"/api/uploads/{upload.id}", None), ("GET", "/api/uploads", None)):
        operator.ask(method, target, *fields, body=body, status=403)
    upload.look()
    operator.ask("POST", f"/api/uploads/{upload.id}/expire", "Sec-Fetch-Site: same-origin", status=204)


def test_methods_are_what_they_are(operator):
    """No X-HTTP-Method-Override, no preflight."""
    upload = operator.endpoint.create(10)
    target = f"/api/uploads/{upload.id}"
    answer = operator.ask("POST", target, "X-HTTP-Method-Override: DELETE", status=405)
    assert answer.field("Allow") == "GET, DELETE"
    operator.ask("GET", target, "X-HTTP-Method-Override: DELETE")
    operator.ask("OPTIONS", target, "Access-Control-Request-Method: DELETE", status=405)
    operator.ask("HEAD", target)
    upload.look()
    for target in ("/files/" + upload.id, "/api", "/api/uploads/", "/api/uploads//expire", "/api/uploads/a/b/expire"):
        operator.ask("GET", target, status=404)


def test_the_endpoint_has_none_of_it(operator):
    for target in ("/readyz", "/api/uploads", "/api/stats", "/metrics"):
        with operator.endpoint.line() as line:
            line.send(request("GET", target, *operator.fields(), close=True))
            line.expect(404)


def test_a_crowded_endpoint_does_not_shut_the_operator_out(endpoints):
    operator = Operator(endpoints("--max-connections", "2", "--max-connections-per-address", "2"))
    with operator.endpoint.line() as one, operator.endpoint.line() as two:
        for line in (one, two):
            line.send(b"GET /healthz HTTP/1.1\r\n")
        with operator.endpoint.line() as third:
            third.expect(503)
        operator.ask("GET", "/api/stats")


# --- lists ---


def make_states(operator):
    """One of each state but damaged, which takes a restart; newest first."""
    endpoint = operator.endpoint
    uploads = {"damaged": endpoint.create(100, f"Upload-Metadata: kind {b64('a b')}")}
    uploads["damaged"].patch(0, b"0123456789")
    endpoint.stop()
    uploads["damaged"].file.write_bytes(b"")
    endpoint.start()
    uploads["damaged"].patch(10, b"abc", status=410)
    uploads["complete"] = endpoint.create(3, "Content-Type: application/offset+octet-stream", body=b"abc")
    uploads["stalled"] = endpoint.create(10, f"Upload-Metadata: kind {b64('c')},other")
    uploads["active"] = endpoint.create(10)
    return uploads


def test_lists_by_state(operator):
    uploads = make_states(operator)
    with operator.endpoint.line() as line:
        uploads["active"].begin(line, 0, 10, b"01")
        eventually("somebody writes", lambda: operator.get(f"/api/uploads/{uploads['active'].id}")["writing"])
        for state in ("active", "stalled", "complete", "damaged"):
            assert operator.listed(state=state) == [uploads[state].id], state
        assert operator.listed(state="invalidated") == []
        assert operator.listed() == [uploads[state].id for state in ("active", "stalled", "complete", "damaged")]
        listed = {upload["id"]: upload for upload in operator.page()["uploads"]}
        for upload in uploads.values():
            with operator.endpoint.line() as other:
                other.send(request("GET", upload.path, "Accept: application/json", close=True))
                assert listed[upload.id] == json.loads(other.expect(200).body)
    eventually("nobody writes", lambda: operator.listed(state="active") == [])


def test_lists_by_age_and_metadata(operator):
    uploads = make_states(operator)
    ids = [uploads[state].id for state in ("active", "stalled", "complete", "damaged")]
    assert operator.listed(newer=1000) == ids
    assert operator.listed(older=0) == ids
    assert operator.listed(older=1000) == []
    assert operator.listed(older=1000, newer=500) == []
    assert operator.listed(metadata="kind") == [uploads["stalled"].id, uploads["damaged"].id]
    assert operator.listed(metadata="kind:a%20b") == [uploads["damaged"].id]
    assert operator.listed(metadata="kind:c", state="stalled") == [uploads["stalled"].id]
    assert operator.listed(metadata="kind:c", state="complete") == []
    assert operator.listed(metadata="other:") == [uploads["stalled"].id]
    for nothing in ("Kind", "kin", "kind:", "kind:C", "kind%3Aa%20b", "kind:a"):
        assert operator.listed(metadata=nothing) == [], nothing


def test_pages_stay_while_uploads_come_and_go(operator):
    uploads = [operator.endpoint.create(10) for _ in range(10)][::-1]
    first = operator.page(limit=4)
    assert [upload["id"] for upload in first["uploads"]] == [upload.id for upload in uploads[:4]]
    for gone in (uploads[3], uploads[5]):
        gone.delete()
    operator.endpoint.create(10)
    operator.endpoint.stop()
    operator.endpoint.start()
    rest = [upload.id for upload in uploads if upload is not uploads[5]][4:]
    assert operator.listed(limit=2, cursor=first["next"]) == rest
    assert operator.page(limit=1000)["next"] is None


BAD = ["x=1", "state", "state=", "state=receiving", "state=active&state=active", "older=-1", "older=1h", "newer=4000000001",
       "metadata=", "metadata=%2", "limit=0", "limit=1001", "limit=1e2", "cursor=", "cursor=1", "cursor=" + 32 * "0",
       "cursor=" + 32 * "f", "cursor=" + 31 * "0" + "g", "cursor=%30" + 31 * "1", "cursor=../../etc/passwd",
       "cursor=0000000000000001'%20OR%201=1", "&", "state=active&", "limit=1;state=active"]


@pytest.mark.parametrize("query", BAD)
def test_a_query_that_means_nothing(unix, query):
    answer = unix.ask("GET", "/api/uploads?" + query, status=400)
    words = ("state", "older", "newer", "metadata", "limit", "cursor")
    assert any(word in answer.text for word in words), answer


def test_hostile_metadata_is_told_harmlessly(operator):
    """Admin.get() looks at every byte: nothing a terminal or a page would act on."""
    values = {"filename": "\x1b]0;pwned\x07\r\nX: y\0", "script": "</script><script>alert(1)</script>", "quotes": "\"\\'`$(id)",
              "bidi": "\u202etxt.exe", "long": "x" * 3000}
    metadata = ",".join(f"{key} {b64(value)}" for key, value in values.items())
    upload = operator.endpoint.create(10, f"Upload-Metadata: {metadata},raw /w==,\xfcber {b64('x')},__proto__ {b64('y')}")
    told = operator.get(f"/api/uploads/{upload.id}")["metadata"]
    assert {key: told[key] for key in values} == values
    assert told["raw"] == {"base64": "/w=="}
    assert told["\xfcber"] == "x"
    assert operator.page()["uploads"][0]["metadata"] == told
    assert operator.listed(metadata="filename:%1b]0;pwned%07%0d%0aX:%20y%00") == [upload.id]
    assert operator.listed(metadata="%FCber:x") == [upload.id]
    assert operator.listed(metadata="raw:%ff") == [upload.id]
    assert "\x1b" not in operator.endpoint.server.log()


def test_a_page_of_large_metadata_is_short(unix):
    """Four MiB of it are enough for one."""
    large = "x" * 45000
    for _ in range(110):
        unix.endpoint.create(10, f"Upload-Metadata: large {b64(large)}")
    pages = [len(page) for page in unix.pages(limit=1000)]
    assert sum(pages) == 110
    assert len(pages) == 2 and pages[0] < 100, pages


# --- one upload ---


def test_an_upload_is_told_and_deleted(operator):
    upload = operator.endpoint.create(10)
    target = f"/api/uploads/{upload.id}"
    assert operator.get(target)["url"] == upload.path
    operator.ask("DELETE", target, status=204)
    upload.look(status=410)
    for method in ("GET", "DELETE"):
        operator.ask(method, target, status=410)
    operator.ask("POST", target + "/expire", status=410)
    eventually("its row is gone", lambda: operator.endpoint.rows() == set())


def test_a_deletion_ends_who_writes(operator):
    upload = operator.endpoint.create(10)
    with operator.endpoint.line() as line:
        upload.begin(line, 0, 10, b"01234")
        upload.wait_for_bytes(1)
        operator.ask("DELETE", f"/api/uploads/{upload.id}", status=204)
        line.read_until_closed()
    upload.look(status=410)


def test_an_unfinished_upload_expires_early(operator):
    upload = operator.endpoint.create(10)
    upload.patch(0, b"01234")
    operator.ask("POST", f"/api/uploads/{upload.id}/expire", body=b"", status=204)
    upload.look(status=410)
    eventually("its file is gone", lambda: operator.endpoint.files() == set())
    operator.ask("POST", f"/api/uploads/{NOTHING}/expire", status=404)
    operator.ask("POST", "/api/uploads/x/expire", status=404)


def test_what_is_complete_or_written_to_does_not_expire(operator):
    whole = operator.endpoint.create(3, "Content-Type: application/offset+octet-stream", body=b"abc")
    operator.ask("POST", f"/api/uploads/{whole.id}/expire", status=409)
    upload = operator.endpoint.create(10)
    with operator.endpoint.line() as line:
        upload.begin(line, 0, 10, b"01234")
        upload.wait_for_bytes(1)
        operator.ask("POST", f"/api/uploads/{upload.id}/expire", status=423)
        line.send(b"56789")
        line.expect(204)
    assert [state["state"] for state in operator.page()["uploads"]] == ["complete", "complete"]


# --- figures ---


def test_the_figures_are_those_of_the_uploads(operator):
    before = operator.get("/api/stats")
    assert before["uploads"] == {"receiving": 0, "complete": 0, "verifying": 0, "invalidated": 0, "damaged": 0,
                                 "deleted": 0}
    make_states(operator)  # restarts the server
    with operator.endpoint.line() as line:
        upload = operator.endpoint.create(2_000_000)
        upload.begin(line, 0, 2_000_000, pattern(1_500_000))
        upload.wait_for_bytes(1_500_000)
        stats = eventually("the bytes are acknowledged",
                           lambda: (lambda s: s["acknowledged_bytes"] >= 1_000_000 and s)(operator.get("/api/stats")))
        assert stats["uploads"] == {"receiving": 3, "complete": 1, "verifying": 0, "invalidated": 0, "damaged": 1,
                                    "deleted": 0}
        assert stats["writing"] == 1
        assert stats["received_bytes"] >= 1_500_000
        rates = eventually("a second has gone by", lambda: (lambda r: r["received_bytes_per_s"] > 0 and r)(
            operator.get("/api/stats")["rates"]))
        assert set(rates) == {"received_bytes_per_s", "acknowledged_bytes_per_s", "requests_per_s"}
    assert stats["disk"]["free_bytes"] <= stats["disk"]["total_bytes"]
    assert stats["disk"]["min_free_bytes"] == 64 << 20
    assert stats["database"]["bytes"] == (operator.endpoint.data / "ferry.db").stat().st_size
    assert stats["database"]["wal_bytes"] > 0


# --- readiness ---


def test_ready_when_nothing_is_wrong(operator):
    eventually("it is ready", lambda: json.loads(operator.say("GET", "/readyz", *operator.fields()).body) == {
        "ready": True, "reasons": []})
    assert operator.ask("GET", "/healthz").text == "ok"


def test_not_ready_without_space(endpoints):
    operator = Operator(endpoints("--min-free", "8000000T"))
    told = operator.get("/readyz", status=503)
    assert told["ready"] is False
    assert len(told["reasons"]) == 1 and "bytes are free" in told["reasons"][0]


def test_not_ready_while_the_endpoint_stops(operator):
    """Its downloads have a second more; the operator sees it, and who shares out requests."""
    upload = operator.endpoint.create(16 << 20)
    upload.patch(0, bytes(16 << 20))
    with operator.endpoint.line(receive_buffer=4096) as reader, operator.line() as line:
        reader.send(request("GET", upload.path))
        reader.wait_for_bytes(1)
        operator.endpoint.server.process.terminate()

        def stopping():
            line.send(request("GET", "/readyz", *operator.fields(), host="localhost"))
            answer = line.next_answer()
            return answer.status == 503 and json.loads(answer.body)["reasons"]

        assert eventually("it is not ready", stopping) == ["the server is going down"]
    operator.endpoint.stop()


preloads = pytest.mark.skipif(bool(SANITIZED or WRAPPER), reason="sanitizers and valgrind want to be loaded first")


@preloads
@pytest.mark.parametrize("call", ["write", "sync"])
def test_not_ready_while_the_disk_hangs(endpoints, tmp_path, call):
    """Whoever asks is told in time, and a hundred of them cost the disk one trial."""
    slow = tmp_path / "slow"
    slow.write_text(f"lock {call} 60000\n")
    operator = Operator(endpoints(env={**os.environ, "LD_PRELOAD": str(conversation.BUILD / "tests/faults/slow_disk.so"),
                                       "SLOW_DISK": str(slow)}))
    lines = [operator.line() for _ in range(100)]
    for line in lines:
        line.send(request("GET", "/readyz", host="localhost"))
    operator.ask("GET", "/healthz")
    operator.ask("GET", "/api/stats")
    for line in lines:
        told = json.loads(line.expect(503, seconds=bound(5)).body)
        assert told == {"ready": False, "reasons": ["the disk or the database does not answer"]}
        line.close()
    assert (tmp_path / "slow.log").read_text() == f"lock {call}\n"
    assert operator.get("/readyz", status=503)["ready"] is False
    slow.write_text("")
    eventually("it is ready again", lambda: operator.say("GET", "/readyz").status == 200)


# --- its place ---


def test_a_socket_of_a_killed_server_is_replaced(unix):
    path = unix.endpoint.data / "admin.sock"
    unix.endpoint.crash()
    assert path.is_socket()
    unix.endpoint.start()
    unix.ask("GET", "/api/stats")


def test_a_socket_of_a_living_server_is_not(unix, tmp_path):
    """The lock of the data directory keeps a second server off, whatever it was told about its listeners."""
    for more in ((), ("--admin-listen", "none")):
        done = subprocess.run([*WRAPPER, str(conversation.BUILD / "server/ferryd"), "--listen", "127.0.0.1:0",
                               "--data", str(unix.endpoint.data), *more], capture_output=True, text=True, timeout=PATIENCE)
        assert done.returncode == 1
        unix.ask("GET", "/api/stats")
    complains("--listen", "127.0.0.1:0", "--data", str(tmp_path / "other"), "--log-level", "error",
              "--admin-listen", f"unix:{unix.endpoint.data}/admin.sock", status=1, about=["admin.sock", "in use"])
    unix.ask("GET", "/api/stats")


def test_a_place_of_one_s_own(endpoints, tmp_path):
    operator = Operator(endpoints("--admin-listen", f"unix:{tmp_path}/own.sock"))
    operator.ask("GET", "/healthz")
    assert stat.S_IMODE((tmp_path / "own.sock").stat().st_mode) == 0o600
    assert not (operator.endpoint.data / "admin.sock").exists()
    operator.endpoint.stop()
    assert not (tmp_path / "own.sock").exists()


def test_none_at_all(endpoints):
    endpoint = endpoints("--admin-listen", "none")
    assert not (endpoint.data / "admin.sock").exists()
    assert "operator's listener" not in endpoint.server.log()


def test_a_data_directory_that_is_too_deep_for_a_socket(endpoints):
    """Uploads matter more: a warning, and the server runs."""
    endpoint = endpoints(data="d" * 120)
    assert "there is no operator's listener" in endpoint.server.log()
    endpoint.create(10)
    complains("--listen", "127.0.0.1:0", "--data", str(endpoint.data) + "2", "--log-level", "error", "--admin-listen",
              f"unix:{endpoint.data}/admin.sock", status=1, about=["107 bytes"])


def test_a_port_that_is_taken(endpoints, tmp_path):
    endpoint = endpoints()
    complains("--listen", "127.0.0.1:0", "--data", str(tmp_path / "other"), "--log-level", "error",
              "--admin-listen", f"127.0.0.1:{endpoint.server.port}", status=1, about=["in use"])


def test_both_stop_in_time_whatever_their_connections_do(operator):
    upload = operator.endpoint.create(1000)
    with (operator.endpoint.line() as writer, operator.line() as silent, operator.line() as half,
          operator.line() as body, operator.line() as idle):
        upload.begin(writer, 0, 1000, b"0123")
        upload.wait_for_bytes(1)
        half.send(b"GET /api/uploads HTTP/1.1\r\nHost: local")
        body.send(header("POST", f"/api/uploads/{upload.id}/expire", *operator.fields(), length=100).replace(
            b"Host: test", b"Host: localhost"), b"12")
        idle.send(request("GET", "/healthz", *operator.fields(), host="localhost"))
        idle.expect(200)
        assert operator.endpoint.stop() < bound(5)
        assert silent.read_until_closed() == b""
    assert not (operator.endpoint.data / "admin.sock").exists()
