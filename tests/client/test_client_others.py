"""ferry status, ferry rm, redirects, and the command line."""

import base64
import json
import os
import ssl
import subprocess

import pytest

from fake_tus import Fault, TusServer


def encode(text):
    return base64.b64encode(text).decode()


def test_status_tells_offset_length_and_metadata(ferry, server):
    url = server.begin(4096, data=b"x" * 1024)
    server.uploads["begun"].metadata = f"filename {encode('né.mp4'.encode())},evil {encode(b'a' + bytes([27]) + b'[2J')},draft"
    server.version_wanted = False
    server.faults.append(Fault("HEAD", fields=["Upload-Expires: Wed, 25 Jun 2031 16:00:00 GMT"]))
    status, out, err = ferry.run("status", url)

    assert (status, err) == (0, "")
    assert out.splitlines() == [
        f"upload    {url}", "offset    1024 (1.0 KiB)", "length    4096 (4.0 KiB)", "percent   25",
        "expires   Wed, 25 Jun 2031 16:00:00 GMT", "metadata  filename=né.mp4",
        "metadata  evil=a?[2J", "metadata  draft=",
    ]


def test_status_as_json(ferry, server):
    url = server.begin(10, data=b"x" * 10)
    server.uploads["begun"].metadata = f"filename {encode(bytes([255]))}"
    status, out, _ = ferry.run("status", "--json", url)

    assert status == 0
    assert json.loads(out) == {"upload": url, "offset": 10, "length": 10, "complete": True,
                               "expires": None, "metadata": {"filename": "\ufffd"}}


def test_status_of_a_deferred_length(ferry, server):
    status, out, _ = ferry.run("status", server.begin(None))

    assert status == 0
    assert out.splitlines()[1:] == ["offset    0", "length    not known yet"]


def test_status_disturbs_nobody_who_is_sending(ferry, server):
    """A HEAD with Tus-Resumable would end the request that sends; only servers that insist get one."""
    server.version_wanted = False
    url = server.begin(10)
    assert ferry.run("status", url)[0] == 0
    assert "tus-resumable" not in server.requests[0].fields

    server.version_wanted = True
    assert ferry.run("status", url)[0] == 0
    assert ["tus-resumable" in request.fields for request in server.requests] == [False, False, True]


def test_status_of_nothing_fails(ferry, server):
    status, out, err = ferry.run("status", server.url + "nothing")

    assert (status, out) == (1, "")
    assert err == f"ferry: {server.url}nothing: the server answered 404; there is no such upload, or no upload endpoint\n"


def test_status_gives_up_soon(ferry, server):
    url = server.begin(10)
    server.stop()
    status, _, err = ferry.run("status", "--retry-time", "1", "--retry-delay", "10", url)

    assert status == 1 and "Failed to connect" in err


def test_rm_removes(ferry, server):
    url = server.begin(10)
    assert ferry.run("rm", url) == (0, "", "")
    assert server.uploads == {}
    status, _, err = ferry.run("rm", url)
    assert status == 1 and "there is no such upload" in err


def test_rm_tries_again_and_knows_its_own_deed(ferry, server):
    url = server.begin(10)
    server.faults += [Fault("DELETE", status=423), Fault("DELETE", mute=True)]
    status, _, _ = ferry.run("rm", "--retry-delay", "10", url)

    assert status == 0
    assert server.methods() == ["DELETE"] * 3


@pytest.mark.parametrize("number", [307, 308])
def test_redirects_are_followed_with_method_and_body(ferry, server, megabytes, number):
    ferry.file("file", megabytes)
    front = TusServer()
    front.faults += [Fault("POST", status=number, fields=[f"Location: {server.url}"])]
    server.faults += [Fault("PATCH", status=number, fields=["Location: 0" + "0" * 31])]
    status, out, _ = ferry.put("file", front.url)
    front.stop()

    assert status == 0 and out == server.url + "0" * 32 + "\n"
    assert server.only_upload().data == megabytes


def test_redirects_end(ferry, server):
    ferry.file("file", b"x")
    server.faults += [Fault("POST", status=307, fields=[f"Location: {server.url}"])] * 20
    status, _, err = ferry.put("file", server.url)

    assert status == 1 and "it redirects for ever" in err
    assert len(server.requests) == 10


@pytest.mark.parametrize("location", ["", "ftp://127.0.0.1/files/", "file:///etc/passwd"])
def test_redirects_to_other_worlds_are_refused(ferry, server, location):
    ferry.file("file", b"x")
    server.faults.append(Fault("POST", status=308, fields=[f"Location: {location}"] if location else []))
    status, _, err = ferry.put("file", server.url)

    assert status == 1 and "not to be trusted" in err


def test_credentials_stay_with_the_host_they_are_for(ferry, server):
    ferry.file("file", b"x")
    other = TusServer()
    server.faults.append(Fault("POST", status=307, fields=[f"Location: {other.url}"]))
    status, _, _ = ferry.put("--header", "Authorization: Bearer s", "--header", "Cookie: c=1", "--header", "X-Kind: video",
                             "file", server.url.replace("//", "//me:pw@"))
    other.stop()

    assert status == 0
    assert server.requests[0].fields["authorization"] == "Bearer s"
    for request in other.requests:
        assert "authorization" not in request.fields and "cookie" not in request.fields
        assert request.fields["x-kind"] == "video"


def test_a_certificate_that_nobody_vouches_for_ends_it_at_once(ferry):
    key = ferry.folder / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "1",
                    "-keyout", key, "-out", key.with_name("cert.pem")], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(key.with_name("cert.pem"), key)
    server = TusServer(context=context)
    ferry.file("file", b"x")
    status, _, err = ferry.put("file", server.url)
    server.stop()

    assert status == 1 and "certificate" in err and "trying again" not in err
    assert server.requests == []


@pytest.mark.parametrize("location", [None, "http://", "javascript:x"])
def test_a_created_upload_without_a_usable_name_is_an_error(ferry, server, location):
    ferry.file("file", b"x")
    fields = [] if location is None else [f"Location: {location}"]
    server.faults.append(Fault("POST", status=201, fields=fields))
    status, out, err = ferry.put("file", server.url)

    assert (status, out) == (1, "") and "Location" in err


@pytest.mark.parametrize("arguments", [
    [], ["fetch"], ["get"], ["get", "x"], ["get", "a", "b"], ["get", "--json", "-o", "-", "http://h/"], ["put"], ["put", "http://h/"], ["put", "file", "not-a-url"], ["put", "file", "ftp://h/"],
    ["put", "--chunk-size", "0", "f", "http://h/"], ["put", "--chunk-size", "1X", "f", "http://h/"],
    ["put", "--limit-rate", "-1", "f", "http://h/"], ["put", "--retry-time", "x", "f", "http://h/"],
    ["put", "--metadata", "k", "f", "http://h/"], ["put", "--metadata", "a b=c", "f", "http://h/"],
    ["put", "--header", "no colon", "f", "http://h/"], ["put", "--header", "A: b\r\nC: d", "f", "http://h/"],
    ["put", "--header", "Upload-Offset: 3", "f", "http://h/"], ["put", "--unknown", "f", "http://h/"],
    ["status"], ["status", "a", "b"], ["rm", "--json", "http://h/"], ["rm", "x"],
    ["put", "-", "-", "http://h/"], ["put", "--checksum", "sha-1", "f", "http://h/"], ["verify", "http://h/"],
    ["verify", "f", "x"], ["verify", "a", "b", "http://h/"], ["verify", "--force", "f", "http://h/"], ["put", "--jobs", "0", "f", "http://h/"],
])
def test_a_wrong_command_line_is_one_line_and_2(ferry, arguments):
    ferry.file("f", b"x")
    status, out, err = ferry.run(*arguments)

    assert (status, out) == (2, "")
    assert len(err.splitlines()) == 1 and "ferry" in err


def test_version(ferry):
    status, out, _ = ferry.run("--version")
    assert status == 0 and out.startswith("ferry 0.")


@pytest.mark.parametrize("kind", ["folder", "pipe", "unreadable"])
def test_what_is_no_file_is_said(ferry, server, kind):
    path = ferry.folder / "thing"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("thing")
    status, _, err = ferry.put("thing", server.url)

    assert status == 1 and len(err.splitlines()) == 1 and err.startswith("ferry: thing: ")
    assert server.requests == []
