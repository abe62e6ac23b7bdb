"""ferry and ferryd together: downloads, folders, checksums and digests, over lines that break"""

import hashlib
import json
import os
import signal
import subprocess

import pytest

import conversation
import proxy as line
import voyage
from voyage import MIB

ALGORITHMS = ["sha1", "sha256", "sha512", "md5", "crc32", "blake2b"]


class Ferry:
    """Runs ferry in a folder of its own."""

    def __init__(self, folder):
        self.folder = folder / "here"
        self.folder.mkdir()
        self.environment = {**os.environ, "XDG_STATE_HOME": str(folder / "state")}

    def start(self, *arguments, **options):
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE,
                   "env": self.environment, "cwd": self.folder, **options}
        return subprocess.Popen([voyage.ferry_program(), *arguments], **options)

    def finish(self, process):
        out, err = process.communicate(timeout=4 * conversation.PATIENCE)
        return process.returncode, out.decode(), err.decode()

    def run(self, command, *arguments, **options):
        return self.finish(self.start(command, "--retry-delay", "20", *map(str, arguments), **options))

    def check(self, *arguments, **options):
        status, out, err = self.run(*arguments, **options)
        assert status == 0, err
        return out


@pytest.fixture
def ferry(tmp_path):
    return Ferry(tmp_path)


def make(path, size):
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb") as file:
        for number in range(0, size, 32):
            file.write(hashlib.sha256(b"%d" % number).digest()[:size - number])
    return path


@pytest.fixture
def file(ferry):
    return make(ferry.folder / "a name, né.bin", 9 * MIB + 5)


def flip(path, at):
    with open(path, "r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 1]))


# the IETF's protocol

def ietf_head(server, url):
    with server.line() as line:
        line.send(conversation.request("HEAD", server.path_of(url), "Upload-Draft-Interop-Version: 10", close=True))
        return line.expect(204, method="HEAD")


@pytest.mark.parametrize("options", [[], ["--checksum", "sha256"], ["--chunk-size", "2M"]])
def test_by_the_ietf_s_protocol_the_bytes_are_the_same(ferryd, ferry, file, options):
    server = ferryd()
    url = ferry.check("put", "--protocol", "ietf", *options, file, server.url).strip()

    assert server.file_of(url).read_bytes() == file.read_bytes()
    assert ietf_head(server, url).field("Upload-Complete") == "?1"
    ferry.check("verify", file, url)
    assert json.loads(ferry.check("status", "--json", url))["complete"]
    bytes_put = file.read_bytes()
    file.unlink()
    assert ferry.check("get", url) == file.name + "\n"
    assert file.read_bytes() == bytes_put


def test_by_the_ietf_s_protocol_a_creation_goes_on_over_everything(ferryd, ferry, file):
    """The line breaks in the creation, the server dies in the next request, and the final answer is lost."""
    server = ferryd()
    with line.Proxy(server.url) as proxy:
        proxy.script = [(MIB, "fin"), (3 * MIB + 1, lambda: (server.kill(), server.start())), (6 * MIB, "reset"),
                        (8 * MIB, "vanish"), (file.stat().st_size, "deaf")]
        url = ferry.check("put", "--protocol", "ietf", file, proxy.url).strip()
        assert not proxy.script
        assert [request.method for request in proxy.requests].count("POST") == 1
        assert proxy.requests[-1].method == "PATCH" and proxy.requests[-1].taken == 0

    assert server.file_of(url).read_bytes() == file.read_bytes()
    assert ietf_head(server, url).field("Upload-Complete") == "?1"


def test_by_the_ietf_s_protocol_a_killed_client_goes_on(ferryd, ferry, file):
    server = ferryd()
    arguments = ["put", "--protocol", "ietf", "--json"]
    process = ferry.start(*arguments, "--limit-rate", "4M", str(file), server.url)
    url = json.loads(process.stdout.readline())["upload"]
    stored = server.file_of(url)
    conversation.eventually("bytes", lambda: stored.exists() and stored.stat().st_size > MIB)
    process.kill()
    ferry.finish(process)

    events = [json.loads(text) for text in ferry.check(*arguments, file, server.url).splitlines()]
    assert events[0]["event"] == "resumed" and events[0]["upload"] == url and events[0]["offset"] > 0
    assert events[-1]["sent"] == file.stat().st_size - events[0]["offset"]
    assert stored.read_bytes() == file.read_bytes()


def test_by_the_ietf_s_protocol_limits_are_kept_to(ferryd, ferry, file):
    server = ferryd("--max-append-size", str(2 * MIB))
    url = ferry.check("put", "--protocol", "ietf", file, server.url).strip()
    assert server.file_of(url).read_bytes() == file.read_bytes()


def test_standard_input_by_the_ietf_s_protocol(ferryd, ferry, file):
    server = ferryd()
    with line.Proxy(server.url) as proxy:
        proxy.script = [(MIB, "fin"), (3 * MIB + 1, lambda: (server.kill(), server.start())), (8 * MIB + 7, "reset")]
        with open(file, "rb") as data:
            url = ferry.check("put", "--protocol", "ietf", "-", proxy.url, stdin=data).strip()
        assert not proxy.script
    assert server.file_of(url).read_bytes() == file.read_bytes()


# downloads

def test_what_was_put_comes_back_under_its_name(ferryd, ferry, file):
    url = ferry.check("put", file, ferryd().url).strip()
    bytes_put = file.read_bytes()
    file.unlink()

    assert ferry.check("get", url) == file.name + "\n"
    assert file.read_bytes() == bytes_put
    assert [path.name for path in ferry.folder.iterdir()] == [file.name]


def test_a_download_goes_on_over_a_line_that_breaks(ferryd, ferry, file):
    """The client is killed half-way, and the line of the next run breaks."""
    server = ferryd()
    url = ferry.check("put", file, server.url).strip()
    process = ferry.start("get", "--json", "--limit-rate", "4M", "-o", "copy", url)
    part = ferry.folder / "copy.part"
    conversation.eventually("a part", lambda: part.exists() and part.stat().st_size > MIB)
    process.kill()
    ferry.finish(process)

    size = part.stat().st_size
    events = [json.loads(text) for text in ferry.check("get", "--json", "-o", "copy", url).splitlines()]
    assert events[0]["event"] == "resumed" and events[0]["offset"] == size - 1
    assert events[-1]["received"] == file.stat().st_size - size + 1
    assert (ferry.folder / "copy").read_bytes() == file.read_bytes()


def test_a_download_survives_the_server_s_restart(ferryd, ferry):
    """Of a file that the kernel's buffers cannot hold: they reach the client without the server, too."""
    server = ferryd()
    file = ferry.folder / "large.bin"
    file.write_bytes(os.urandom(64 * MIB))
    url = ferry.check("put", file, server.url).strip()
    process = ferry.start("get", "--retry-delay", "20", "--limit-rate", "16M", "-o", "copy", url)
    part = ferry.folder / "copy.part"
    conversation.eventually("a part", lambda: part.exists() and part.stat().st_size > MIB)
    server.kill()
    server.start()
    status, _, err = ferry.finish(process)

    assert status == 0 and "trying again" in err and "starting anew" not in err
    assert (ferry.folder / "copy").read_bytes() == file.read_bytes()


def test_an_upload_that_is_not_complete_is_not_downloaded(ferryd, ferry, file):
    server = ferryd()
    process = ferry.start("put", "--json", "--limit-rate", "1M", str(file), server.url)
    url = json.loads(process.stdout.readline())["upload"]
    process.send_signal(signal.SIGTERM)
    ferry.finish(process)

    status, out, err = ferry.run("get", url)
    assert (status, out) == (1, "") and "not complete yet" in err


def test_damage_on_the_server_s_disk_is_found(ferryd, ferry, file):
    server = ferryd()
    url = ferry.check("put", file, server.url).strip()
    flip(server.file_of(url), 4 * MIB)

    status, out, err = ferry.run("get", "-o", "copy", url)
    assert (status, out) == (1, "") and "damaged: its digest is not the server's" in err
    assert not (ferry.folder / "copy").exists() and not (ferry.folder / "copy.part").exists()


# folders

def test_a_folder_goes_up_and_comes_down(ferryd, ferry):
    server = ferryd()
    names = [f"d/{folder}/{number}" for folder in "abc" for number in range(20)]
    for name in names:
        make(ferry.folder / name, 10000 + len(name))
    events = [json.loads(text) for text in
              ferry.check("put", "--json", "--recursive", "--jobs", "8", "d", server.url).splitlines()]
    urls = {event["file"]: event["upload"] for event in events if event["event"] == "complete"}

    assert set(urls) == set(names)
    for name, url in urls.items():
        assert server.file_of(url).read_bytes() == (ferry.folder / name).read_bytes()
    assert json.loads(ferry.check("status", "--json", urls["d/a/0"]))["metadata"]["relativePath"] == "d/a/0"


# integrity

@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_checksums_are_verified(ferryd, ferry, file, algorithm):
    server = ferryd()
    url = ferry.check("put", "--checksum", algorithm, "--chunk-size", "2M", file, server.url).strip()

    assert server.file_of(url).read_bytes() == file.read_bytes()


def test_checksummed_chunks_survive_a_line_that_breaks(ferryd, ferry, file):
    server = ferryd()
    with line.Proxy(server.url) as proxy:
        proxy.script = [(MIB, "fin"), (4 * MIB + 1, "reset"), (6 * MIB, lambda: (server.kill(), server.start()))]
        url = ferry.check("put", "--checksum", "sha256", "--chunk-size", "1M", file, proxy.url).strip()
        assert not proxy.script

    assert server.file_of(url).read_bytes() == file.read_bytes()


@pytest.mark.parametrize("digest", ["blake2b", "sha256"])
def test_verify_knows_the_file_and_its_damage(ferryd, ferry, file, digest):
    server = ferryd("--digest", digest)
    url = ferry.check("put", file, server.url).strip()

    told = json.loads(ferry.check("verify", "--json", file, url))
    expected = hashlib.new(digest, file.read_bytes()).hexdigest()
    assert told["equal"] and told["algorithm"] == digest and told["digest"] == told["told"] == expected

    flip(file, 5 * MIB)
    status, _, err = ferry.run("verify", file, url)
    assert status == 1 and f"differs from the upload, by {digest}" in err


def test_without_a_digest_verify_cannot_tell(ferryd, ferry, file):
    url = ferry.check("put", file, ferryd("--digest", "none").url).strip()
    status, _, err = ferry.run("verify", file, url)

    assert status == 1 and "tells no digest" in err


def test_the_digest_holds_over_interruptions(ferryd, ferry, file):
    """put itself compares at its end; verify does once more."""
    server = ferryd()
    with line.Proxy(server.url) as proxy:
        proxy.script = [(MIB, "fin"), (3 * MIB + 1, lambda: (server.kill(), server.start())), (6 * MIB, "reset")]
        url = ferry.check("put", file, proxy.url).strip()
        assert not proxy.script
    ferry.check("verify", file, server.url + url.rpartition("/")[2])
