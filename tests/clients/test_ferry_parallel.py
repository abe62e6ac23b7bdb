"""ferry put --parallel: a real video in four parts at a time, over lines that break, by a client that is killed, to a
server that is killed

The bytes that come back are the video's, and nothing but its parts and what they have become is on the server.
"""

import json
import os
import subprocess

import pytest

import conversation
import proxy as line
import voyage
from voyage import MIB

PARTS = 4


class Putting:
    """ferry put --parallel with one state folder, however often it is killed."""

    def __init__(self, folder, file, url, *options):
        self.arguments = [voyage.ferry_program(), "put", "--json", "--parallel", str(PARTS), "--retry-delay", "20",
                          "--retry-time", "30", *options, file, url]
        self.environment = {**os.environ, "XDG_STATE_HOME": str(folder / "state")}
        self.process = None

    def kill(self):
        self.process.kill()

    def run(self):
        """From the first start to the end; started again when it was killed. The last run's events."""
        while True:
            self.process = subprocess.Popen(self.arguments, env=self.environment, stdin=subprocess.DEVNULL,
                                            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                            preexec_fn=conversation.die_with_parent)
            out, err = self.process.communicate(timeout=4 * conversation.PATIENCE)
            if self.process.returncode >= 0:
                assert self.process.returncode == 0, err.decode()
                return [json.loads(text) for text in out.splitlines()]


def check(server, folder, file, digest, url):
    answer = server.head(server.url + url.rpartition("/")[2])
    assert answer.field("Upload-Offset") == answer.field("Upload-Length") == str(file.stat().st_size)
    assert answer.field("Upload-Concat").startswith("final;")
    copy = folder / "copy"
    subprocess.run([voyage.ferry_program(), "get", "--quiet", "-o", copy, server.url + url.rpartition("/")[2]],
                   check=True, stdout=subprocess.DEVNULL)
    assert voyage.digest_of(copy) == digest
    copy.unlink()


def stored(server):
    return sorted(file.stat().st_size for file in server.data.glob("files/??/*"))


def parts_of(size):
    """How long they are: each but the first begins at a multiple of 64 KiB."""
    begins = [size // PARTS * number // 65536 * 65536 for number in range(PARTS)] + [size]
    return sorted(end - begin for begin, end in zip(begins, begins[1:]))


def test_nothing_happens(ferryd, tmp_path, video):
    server = ferryd()
    events = Putting(tmp_path, video.path, server.url).run()

    check(server, tmp_path, video.path, video.digest, events[-1]["upload"])
    assert stored(server) == parts_of(video.size)
    assert events[-1]["sent"] == video.size


def test_everything_happens(ferryd, tmp_path, video):
    server = ferryd()
    with line.Proxy(server.url) as proxy:
        putting = Putting(tmp_path, video.path, proxy.url)

        def kill_server():
            server.kill()
            server.start()

        def kill_client():
            putting.kill()

        proxy.script = [(3 * MIB + 1, "fin"), (13 * MIB + 4095, "reset"), (20 * MIB, "vanish"), (31 * MIB, kill_client),
                        (42 * MIB + 17, kill_server), (50 * MIB, "deaf"), (60 * MIB + 777, "fin"),
                        (61 * MIB, "reset"), (74 * MIB + 1, kill_client), (82 * MIB, kill_server),
                        (95 * MIB, "vanish")]
        events = putting.run()
        assert not proxy.script, "not every interruption happened"
        requests = proxy.requests

    check(server, tmp_path, video.path, video.digest, events[-1]["upload"])
    assert stored(server) == parts_of(video.size)
    assert [event["event"] for event in events if event["event"] == "resumed"] == ["resumed"]
    assert len([request for request in requests if request.method == "POST"]) == PARTS + 1


@pytest.mark.parametrize("options", [["--checksum", "sha256", "--chunk-size", "1M"], ["--chunk-size", "1M"]])
def test_chunks_of_parts(ferryd, tmp_path, options):
    file = tmp_path / "file"
    file.write_bytes(os.urandom(9 * MIB + 5))
    server = ferryd()
    with line.Proxy(server.url) as proxy:
        proxy.script = [(MIB, "fin"), (4 * MIB + 1, "reset"), (6 * MIB, lambda: (server.kill(), server.start()))]
        events = Putting(tmp_path, file, proxy.url, *options).run()
        assert not proxy.script
    check(server, tmp_path, file, voyage.digest_of(file), events[-1]["upload"])
    assert stored(server) == parts_of(9 * MIB + 5)


def test_the_join_is_repeated_and_makes_one_upload(ferryd, tmp_path):
    """Its answers do not come through: by the key the server knows each repetition."""
    file = tmp_path / "file"
    file.write_bytes(os.urandom(4 * MIB))
    server = ferryd()
    told = []

    def edit(method, status, fields):
        if any(name == "Location" for name, _ in fields):
            told.append(dict(fields)["Location"])
            if PARTS < len(told) <= PARTS + 2:
                raise OSError("the line breaks here")
        return fields

    with line.Proxy(server.url, edit) as proxy:
        events = Putting(tmp_path, file, proxy.url).run()
    assert len(told) == PARTS + 3 and len(set(told)) == PARTS + 1
    check(server, tmp_path, file, voyage.digest_of(file), events[-1]["upload"])
