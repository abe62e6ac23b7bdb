"""
Uploads through nginx and Caddy, configured as the README says

The configurations are run as they stand; put in their places are the address of this test's server and where
the proxy listens.
"""

import contextlib
import hashlib
import http.client
import json
import os
import pathlib
import random
import re
import shutil
import socket
import subprocess

import pytest

import conversation
import voyage
from conversation import eventually, header, request
from readme import localized, section
from voyage import MIB

PROGRAMS = voyage.ROOT / "build" / "programs"  # tools/unpack
TUS = "Tus-Resumable: 1.0.0"
OCTETS = "Content-Type: application/offset+octet-stream"
DRAFT = "Upload-Draft-Interop-Version: 8"
KIB = 1024


def program(name):
    found = PROGRAMS / name if (PROGRAMS / name).exists() else shutil.which(name, path="/usr/sbin:/usr/bin")
    assert found, f"{name} is not here; tools/test brings it"
    return str(found)


def configuration(language, server):
    (text,) = [code for kind, code in section("Behind a proxy") if kind == language]
    return localized(text, server.url)


class Proxy:
    def __init__(self, folder, command, address):
        self.url = f"http://{address}/files/"
        self.host = address
        self.errors = open(folder / "errors", "w+b")
        self.process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=self.errors,
                                        stderr=self.errors, preexec_fn=conversation.die_with_parent)
        eventually("the proxy listens", self._listens)

    def _listens(self):
        assert self.process.poll() is None, pathlib.Path(self.errors.name).read_text()
        try:
            socket.create_connection(self.host.split(":"), 1).close()
        except ConnectionRefusedError:
            return False
        return True

    def line(self, **options):
        return conversation.Line(self.url, **options)

    def stop(self):
        self.process.terminate()
        self.process.wait(conversation.PATIENCE)
        self.errors.close()


def nginx(folder, server, without=None):
    address = voyage.own_address()
    text = configuration("nginx", server)
    assert "listen 80;" in text and (without or "") in text
    text = text.replace(without, "") if without else text
    (folder / "site.conf").write_text(text.replace("listen 80;", f"listen {address};"))
    places = "".join(f"{kind}_temp_path {folder}/{kind};\n"
                     for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    user = "user root;\n" if os.getuid() == 0 else ""
    (folder / "nginx.conf").write_text(
        f"{user}daemon off;\npid {folder}/pid;\nerror_log stderr;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{places}include {folder}/site.conf;\n}}\n")
    return Proxy(folder, [program("nginx"), "-p", str(folder), "-c", str(folder / "nginx.conf")], address)


def caddy(folder, server):
    address = voyage.own_address()
    host, port = address.split(":")
    text = configuration("caddy", server)
    assert "uploads.example {" in text
    text = text.replace("uploads.example {", f"http://:{port} {{\n    bind {host}")
    (folder / "Caddyfile").write_text("{\nadmin off\n}\n" + text)
    environment = ["env", f"HOME={folder}", f"XDG_DATA_HOME={folder}", f"XDG_CONFIG_HOME={folder}"]
    return Proxy(folder, [*environment, program("caddy"), "run", "--config", "Caddyfile"], address)


@pytest.fixture
def server(ferryd):
    return ferryd("--trusted-proxies", "127.0.0.1", "--public-url", "forwarded")


@pytest.fixture(params=[nginx, caddy], ids=["nginx", "caddy"])
def proxy(request, server, tmp_path):
    folder = tmp_path / "proxy"
    folder.mkdir()
    started = request.param(folder, server)
    yield started
    started.stop()


@pytest.fixture
def forgetful_nginx(server, tmp_path):
    """Collects answers, as it does unless it is told not to."""
    started = nginx(tmp_path, server, without="proxy_buffering off;")
    yield started
    started.stop()


def content(count, seed=1):
    return random.Random(seed).randbytes(count)


def create(proxy, length, *fields):
    with proxy.line() as line:
        line.send(request("POST", "/files/", TUS, f"Upload-Length: {length}", *fields, host=proxy.host, close=True))
        answer = line.expect(201)
    assert re.fullmatch(rf"http://{proxy.host}/files/[0-9a-f]{{32}}", answer.field("Location")), answer
    return answer


def path_of(answer):
    return "/files/" + answer.field("Location").rpartition("/")[2]


def offset_of(proxy, path):
    with proxy.line() as line:
        line.send(request("HEAD", path, TUS, host=proxy.host, close=True))
        return int(line.expect(200, method="HEAD").field("Upload-Offset"))


def begin_patch(proxy, path, offset, length):
    return proxy.line().send(header("PATCH", path, TUS, OCTETS, f"Upload-Offset: {offset}", length=length))


def test_bytes_arrive_while_the_client_still_sends(server, proxy):
    """The first ones are on the server's disk when the rest is not even written."""
    path = path_of(create(proxy, 64 * MIB))
    file = server.file_of(path)
    with begin_patch(proxy, path, 0, 64 * MIB) as line:
        line.send(content(64 * KIB))
        # committed with the connection open; a proxy that collects would not have connected yet
        eventually("they are in the file", lambda: file.exists() and file.stat().st_size >= 64 * KIB)
        assert file.read_bytes()[:64 * KIB] == content(64 * KIB)


def test_so_do_those_of_a_chunked_request(server, proxy):
    path = path_of(create(proxy, 64 * MIB))
    file = server.file_of(path)
    with proxy.line() as line:
        line.send(header("PATCH", path, TUS, OCTETS, "Upload-Offset: 0", "Transfer-Encoding: chunked"),
                  conversation.chunk(content(64 * KIB)))
        eventually("they are in the file", lambda: file.exists() and file.stat().st_size >= 64 * KIB)


def test_a_client_that_is_cut_off_again_and_again_loses_next_to_nothing(server, proxy):
    """What a proxy holds when its client is gone is lost: no more than fits between two sockets."""
    data = content(24 * MIB)
    path = path_of(create(proxy, len(data)))
    file = server.file_of(path)
    offset = cuts = 0
    while offset < len(data):
        until = min(len(data), offset + 5 * MIB + 4321)
        with begin_patch(proxy, path, offset, len(data) - offset) as line:
            line.send(data[offset:until])
            if until == len(data):
                line.expect(204)
            else:
                # a proxy may drop what it holds when its client is gone; by then all is in the file
                eventually("all arrives", lambda: file.exists() and file.stat().st_size >= until)
                line.reset()
                cuts += 1
        known = eventually("it is counted", lambda: (at := offset_of(proxy, path)) >= until and at)
        assert known == until
        offset = known
    assert cuts == 4
    assert hashlib.sha256(file.read_bytes()).digest() == hashlib.sha256(data).digest()


def test_a_body_may_be_large(server, proxy, video):
    """More than nginx takes unasked (1 MiB), and than it keeps in memory."""
    path = path_of(create(proxy, video.size))
    with begin_patch(proxy, path, 0, video.size) as line:
        with open(video.path, "rb") as file:
            line.socket.sendfile(file)
        line.expect(204)
    assert voyage.digest_of(server.file_of(path)) == video.digest
    with proxy.line() as line:
        line.send(request("GET", path, host=proxy.host, close=True))
        assert line.next_answer(method="HEAD").status == 200
        digest = hashlib.sha256(line.received)
        line.received = b""
        while piece := line.socket.recv(MIB):
            digest.update(piece)
    assert digest.hexdigest() == video.digest


def test_a_104_arrives_before_the_body_has_been_sent(server, proxy):
    with proxy.line() as line:
        line.send(header("POST", "/files/", DRAFT, "Upload-Complete: ?1", length=MIB),
                  content(64 * KIB))
        early = line.expect_next(104)
        assert early.field("Location").startswith("http://test/files/")
        line.send(content(MIB)[64 * KIB:])
        final = line.expect(201)
    assert final.field("Location") == early.field("Location")
    assert server.file_of(path_of(final)).read_bytes() == content(MIB)


def test_a_broken_upload_of_the_ietf_protocol_goes_on(server, proxy):
    data = content(3 * MIB)
    with proxy.line() as line:
        line.send(header("POST", "/files/", DRAFT, "Upload-Complete: ?1", length=len(data)), data[:MIB])
        path = path_of(line.expect_next(104))
        file = server.file_of(path)
        eventually("all arrives", lambda: file.exists() and file.stat().st_size >= MIB)
        line.reset()

    def offset():
        with proxy.line() as line:
            line.send(request("HEAD", path, DRAFT, host=proxy.host, close=True))
            return int(line.expect(204, method="HEAD").field("Upload-Offset"))
    eventually("it is counted", lambda: offset() == MIB)
    with proxy.line() as line:
        line.send(request("PATCH", path, DRAFT, f"Upload-Offset: {MIB}", "Upload-Complete: ?1",
                          "Content-Type: application/partial-upload", body=data[MIB:], host=proxy.host))
        line.expect(201)
    assert file.read_bytes() == data


def test_a_connection_is_good_for_more_than_one_request(server, proxy):
    with proxy.line() as line:
        for _ in range(3):
            line.send(request("POST", "/files/", TUS, "Upload-Length: 4", host=proxy.host))
            path = path_of(line.expect(201))
            line.send(request("PATCH", path, TUS, OCTETS, "Upload-Offset: 0", body=b"abcd", host=proxy.host))
            assert line.expect(204).field("Upload-Offset") == "4"


def test_the_log_has_the_client_and_the_name_of_its_request(server, proxy):
    """And nothing of what a client says of itself ahead."""
    with proxy.line() as line:
        line.socket = socket.create_connection(proxy.host.split(":"), source_address=("127.0.0.2", 0))
        line.send(request("POST", "/files/", TUS, "Upload-Length: 7", "X-Forwarded-For: 6.6.6.6",
                          "Forwarded: for=6.6.6.6;proto=https;host=evil.example", host=proxy.host, close=True))
        answer = line.expect(201)
    assert answer.field("Location").startswith(f"http://{proxy.host}/files/")
    name = answer.field("X-Request-ID")
    line = eventually("its line", lambda: [one for one in server.server.log().splitlines()
                                           if f" request={name} " in one])[0]
    assert " client=127.0.0.2 " in line


def test_a_page_of_another_origin_sees_the_same_answers(server, proxy):
    with proxy.line() as line:
        line.send(request("OPTIONS", "/files/", "Origin: https://app.example", "Access-Control-Request-Method: POST",
                          host=proxy.host, close=True))
        assert line.expect(200).field("Access-Control-Allow-Origin") == "*"


class Watcher:
    """An event stream that comes through a proxy, in whatever pieces that likes."""

    def __init__(self, answer):
        self.answer = answer

    def next(self):
        """(kind, offset) of the next event; None at the end."""
        fields = {"event": None}
        while fields["event"] is None:
            lines = list(iter(lambda: self.answer.readline().decode().rstrip("\n"), ""))
            if not lines:
                return None
            fields.update(line.split(": ", 1) for line in lines)
        return fields["event"], json.loads(fields["data"])["offset"]


@contextlib.contextmanager
def watching(proxy, path):
    connection = http.client.HTTPConnection(proxy.host, timeout=conversation.PATIENCE)
    with contextlib.closing(connection):
        connection.request("GET", path, headers={"Accept": "text/event-stream"})
        answer = connection.getresponse()
        assert (answer.status, answer.getheader("Content-Type")) == (200, "text/event-stream")
        with answer:
            yield Watcher(answer)


def watch_one(proxy):
    """Each event is waited for before there is another one: nothing comes by being pushed along."""
    path = path_of(create(proxy, 10))
    with watching(proxy, path) as watcher:
        assert watcher.next() == ("progress", 0)
        for offset in 0, 5:
            with begin_patch(proxy, path, offset, 5) as line:
                line.send(b"abcde")
                line.expect(204)
            assert watcher.next() == (("complete", 10) if offset else ("progress", 5))
        assert watcher.next() is None


def test_events_come_as_they_happen(server, proxy):
    watch_one(proxy)


def test_events_pass_one_who_collects_answers_unless_he_is_told_not_to(server, forgetful_nginx):
    watch_one(forgetful_nginx)


def test_who_watches_no_more_is_gone_from_the_server_as_well(server, proxy):
    path = path_of(create(proxy, 10))
    with watching(proxy, path) as watcher:
        assert watcher.next() == ("progress", 0)
    eventually("its line", lambda: re.search(f"GET {path} status=200 end=client-gone", server.server.log()))
