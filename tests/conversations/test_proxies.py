"""
Behind proxies: who asks, by what name the server is called, and whom it believes

What the fields mean is tested by tables in tests/protocol/forwarded.c; here is what the server makes of
them.
"""

import json
import subprocess

import pytest

from conversation import BUILD, request
from endpoint import VERSION, endpoints
from test_log import exchange_with, text_lines, values

FORGED = ("Forwarded: for=6.6.6.6;proto=https;host=evil.example", "X-Forwarded-For: 6.6.6.6",
          "X-Forwarded-Proto: https", "X-Forwarded-Host: evil.example")


def client_of(endpoint, name):
    return exchange_with(endpoint, lambda: map(values, text_lines(endpoint)), request=name)["client"]


def ask(endpoint, name, *fields):
    endpoint.ask("OPTIONS", "/files/", f"X-Request-ID: {name}", *fields, status=200)
    return client_of(endpoint, name)


def test_nobody_is_believed_who_is_not_trusted(endpoints):
    for arguments in ((), ("--trusted-proxies", "10.0.0.0/8,unix", "--public-url", "forwarded")):
        endpoint = endpoints(*arguments, data=f"data-{len(arguments)}")
        assert ask(endpoint, "one", *FORGED) == "127.0.0.1"
        answer = endpoint.create(10, *FORGED).answer
        assert answer.field("Location").startswith("/files/")


def test_a_trusted_proxy_tells_the_client(endpoints):
    endpoint = endpoints("--trusted-proxies", "127.0.0.1,10.0.0.0/8")
    assert ask(endpoint, "one", "X-Forwarded-For: 6.6.6.6, 203.0.113.9, 10.0.0.2") == "203.0.113.9"
    assert ask(endpoint, "two", 'Forwarded: for="[2001:db8::9]:1234"') == "2001:db8::9"
    assert ask(endpoint, "three", "Forwarded: for=6.6.6.6", "X-Forwarded-For: 203.0.113.9") == "127.0.0.1"
    assert ask(endpoint, "four", "X-Forwarded-For: <script>") == "127.0.0.1"
    assert ask(endpoint, "five") == "127.0.0.1"


def test_a_unix_socket_is_trusted_by_its_own_name(endpoints, tmp_path):
    for trusted, client in ("127.0.0.1", "unix"), ("unix", "203.0.113.9"):
        endpoint = endpoints("--trusted-proxies", trusted, "--listen", f"unix:{tmp_path}/{trusted}.sock",
                             data=f"data-{trusted}", listeners=2)
        with endpoint.server.line(1) as line:
            line.send(request("OPTIONS", "/files/", "X-Request-ID: one", "X-Forwarded-For: 203.0.113.9",
                              close=True))
            line.expect(200)
        assert client_of(endpoint, "one") == client


def places(endpoint, *fields):
    """All in which an upload's URL stands."""
    tus = endpoint.ask("POST", "/files/", VERSION, "Upload-Length: 10", *fields, status=201)
    path = "/files/" + tus.field("Location").rpartition("/")[2]
    status = endpoint.ask("GET", path, "Accept: application/json", *fields, status=200)
    draft = ("Upload-Draft-Interop-Version: 8", "Upload-Complete: ?1")
    with endpoint.line() as line:
        line.send(request("POST", "/files/", *draft, *fields, body=b"0123456789", close=True))
        early = line.expect_next(104)
        final = line.expect(201)
    found = {"tus": tus.field("Location"), "json": json.loads(status.body)["url"],
             "104": early.field("Location"), "ietf": final.field("Location")}
    bases = {name: url.rpartition("/")[0] + "/" for name, url in found.items()}
    assert len(set(bases.values())) == 1, found
    assert found["tus"] == found["json"] and found["104"] == found["ietf"]
    return bases["tus"]


def test_a_location_is_a_path(endpoints):
    assert places(endpoints()) == "/files/"


def test_a_public_url_is_told_everywhere_and_to_everybody(endpoints):
    endpoint = endpoints("--public-url", "https://uploads.example:8443/in/", "--trusted-proxies", "127.0.0.1")
    assert places(endpoint) == "https://uploads.example:8443/in/"
    assert places(endpoint, *FORGED) == "https://uploads.example:8443/in/"


def test_a_public_url_as_a_trusted_proxy_says(endpoints):
    endpoint = endpoints("--public-url", "forwarded", "--trusted-proxies", "127.0.0.1")
    assert places(endpoint, "X-Forwarded-Proto: https", "X-Forwarded-Host: a.example:8443") == \
        "https://a.example:8443/files/"
    assert places(endpoint, "Forwarded: for=203.0.113.9;host=a.example;proto=http") == \
        "http://a.example/files/"
    for fields in (), ("X-Forwarded-Host: a.example",), ("X-Forwarded-Proto: https",), \
            ("X-Forwarded-Proto: https", "X-Forwarded-Host: a.example/evil/"), \
            ("X-Forwarded-Proto: javascript", "X-Forwarded-Host: a.example"):
        assert places(endpoint, *fields) == "/files/"


def test_parts_may_be_named_by_their_public_urls(endpoints):
    endpoint = endpoints("--public-url", "https://uploads.example:8443/in/", "--trusted-proxies", "127.0.0.1")
    parts = [endpoint.ask("POST", "/files/", VERSION, "Upload-Length: 0", "Upload-Concat: partial",
                          status=201).field("Location") for _ in range(2)]
    here = parts[1].replace("https://uploads.example:8443/in/", "/files/")
    assert parts[0].startswith("https://uploads.example:8443/in/") and here.startswith("/files/")
    for names in (parts, [parts[0], here], [part.replace("https://uploads.example:8443", "") for part in parts]):
        endpoint.ask("POST", "/files/", VERSION, f"Upload-Concat: final;{' '.join(names)}", status=201)
    elsewhere = parts[0].replace("/in/", "/out/")
    endpoint.ask("POST", "/files/", VERSION, f"Upload-Concat: final;{elsewhere}", status=404)


def test_what_is_stored_of_a_final_response_goes_with_the_public_url(endpoints):
    """A client that lost the answer asks again, when the server has got another name."""
    draft = ("Upload-Draft-Interop-Version: 8", "Upload-Complete: ?1")
    endpoint = endpoints("--public-url", "https://one.example/files/")
    with endpoint.line() as line:
        line.send(request("POST", "/files/", *draft, body=b"0123456789", close=True))
        location = line.expect(201).field("Location")
    endpoint.stop()
    path = location.removeprefix("https://one.example")
    endpoint.arguments = ("--public-url", "https://two.example/files/")
    endpoint.start()
    with endpoint.line() as line:
        line.send(request("PATCH", path, *draft, "Upload-Offset: 10", "Content-Type: application/partial-upload",
                          body=b"", close=True))
        assert line.expect(201).field("Location") == f"https://two.example{path}"


@pytest.mark.parametrize("wrong", [
    ("--trusted-proxies", "localhost"), ("--trusted-proxies", "10.0.0.1/8"), ("--public-url", "/files/"),
    ("--public-url", "ftp://a.example/"), ("--public-url", "https://a.example"),
    ("--public-url", "https://a.example/files"), ("--public-url", "https://a.example/files/?a=/"),
    ("--public-url", "https:///files/"), ("--public-url", "https://u@a.example/"),
    ("--public-url", "https://a.example/%0d%0a/"), ("--log-format", "xml")])
def test_a_wrong_setting_is_refused_with_a_sentence(wrong, tmp_path):
    run = subprocess.run([BUILD / "server/ferryd", *wrong], capture_output=True, text=True, cwd=tmp_path)
    assert run.returncode == 2
    assert run.stderr.startswith(f"ferryd: {wrong[0]} {wrong[1]}: ") and run.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
