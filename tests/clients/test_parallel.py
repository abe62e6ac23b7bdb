"""A real video in four parts at once, over lines that break, to a server that is killed

tus-js-client makes partial uploads of it and has them concatenated in the end (parallelUploads: 4). What comes
of it is the video, and when it is removed nothing is left: parts of attempts that came to nothing expire.
"""

import contextlib
import hashlib
import sqlite3
import urllib.request

import pytest

import conversation
import proxy as line
import voyage
from conversation import eventually, request
from voyage import MIB, say

PARTS = 4
PARTIAL = ("Tus-Resumable: 1.0.0", "Upload-Concat: partial", "Upload-Length: 10",
           "Content-Type: application/offset+octet-stream")


def ask(server, method, target, *fields, status, body=None):
    with server.line() as connection:
        connection.send(request(method, server.path_of(target), *fields, body=body, close=True))
        return connection.expect(status, method=method)


def files(server):
    return {path.name for path in (server.data / "files").glob("??/*")}


def parts_of(server, url):
    parts = {part.rsplit("/", 1)[1] for part in server.head(url).field("Upload-Concat").split()}
    assert len(parts) == PARTS
    return parts


def sweep(server):
    """Wakes the janitor, who else comes once a minute."""
    answer = ask(server, "POST", server.url, "Tus-Resumable: 1.0.0", "Upload-Length: 1", status=201)
    ask(server, "DELETE", answer.field("Location"), "Tus-Resumable: 1.0.0", status=204)


def check_content(server, video, url):
    answer = server.head(url)
    assert answer.field("Upload-Offset") == answer.field("Upload-Length") == str(video.size)
    assert answer.field("Upload-Concat").startswith("final;")
    with urllib.request.urlopen(server.url.removesuffix("/files/") + server.path_of(url)) as content:
        assert hashlib.file_digest(content, "sha256").hexdigest() == video.digest
    with open(video.path, "rb") as file:
        file.seek(video.size // PARTS - 1000)
        part = ask(server, "GET", url, f"Range: bytes={file.tell()}-{file.tell() + 1999}", status=206)
        assert part.body == file.read(2000), "across the border of two parts"


def age(server):
    """A week goes by, for whatever expires."""
    server.server.stop()
    base = sqlite3.connect(server.data / "ferry.db")
    with contextlib.closing(base), base:
        base.execute("UPDATE progress SET expires = 1 WHERE expires IS NOT NULL")
    server.arguments = ("--expire-after", "1")  # so long nothing goes after a start
    server.start()


def check_nothing_is_left(server, url):
    """First what the upload is made of stays alone, then nothing."""
    age(server)
    parts = parts_of(server, url)

    def remain(wanted):
        sweep(server)
        return files(server) <= wanted
    eventually("parts that nobody uses expire", lambda: remain(parts))
    assert files(server) == parts
    ask(server, "DELETE", url, "Tus-Resumable: 1.0.0", status=204)
    eventually("and all others, without it", lambda: remain(set()))
    ask(server, "GET", url, status=410)


@pytest.fixture
def sail(ferryd, video, tmp_path):
    """Uploads the video with what the script has in store, and checks all there is to check."""
    clients = []

    def run(*script, edit=None, gives_up=False):
        server = ferryd()
        abandoned = ask(server, "POST", server.url, *PARTIAL, body=b"abc", status=201).field("Location")
        with line.Proxy(server.url, edit) as proxy:
            client = voyage.Client("tus-js-client-parallel", tmp_path, video.path, proxy.url)
            clients.append(client)

            def kill_server():
                server.kill()
                server.start()

            def kill_client():
                client.kill()

            own = {"kill_server": kill_server, "kill_client": kill_client}
            proxy.script = [(at, own.get(name, name)) for at, name in script]
            url = client.run(proxy, gives_up)
            say(f"{client.starts} starts, {len(proxy.requests)} requests,",
                f"{proxy.taken - video.size} bytes more than the file's {video.size}")
            assert not proxy.script, "not every interruption happened"
            check_content(server, video, url)
            assert files(server) == parts_of(server, url) | {abandoned.rsplit("/", 1)[1]}
            check_nothing_is_left(server, url)
            return client, proxy, url

    yield run
    for client in clients:
        client.end()


EVERYTHING = [
    (13 * MIB + 4095, "reset"),
    (20 * MIB, "vanish"),
    (31 * MIB + 17, "fin"),
    (39 * MIB + 12345, "kill_client"),
    (58 * MIB - 1, "kill_server"),
    (66 * MIB + 777, "deaf"),
    (74 * MIB, "pause"),
    (91 * MIB, "kill_server"),
    (99 * MIB + 99, "reset"),
]


def test_every_interruption_in_one_upload(sail):
    sail(*EVERYTHING)


def test_the_lost_answer_to_a_concatenation(sail):
    """The client ends with an error, is started again, and gets the upload that there is: no second one."""
    told = []

    def lose_the_first(method, status, fields):
        answer = dict(fields)
        if method == "POST" and answer["Upload-Offset"] != "0":
            told.append(answer["Location"])
            if len(told) == 1:
                raise OSError("the line breaks")
        return fields

    client, _, url = sail(edit=lose_the_first, gives_up=True)
    assert client.starts == 2
    assert len(told) == 2 and told[0] == told[1]
    assert url.endswith(told[0])
