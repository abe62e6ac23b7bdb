"""What the README tells people to type works as it stands

Its blocks of shell and of JavaScript are run with a file video.mp4 in the folder. One thing is put
in their place: the address of this test's server, for 127.0.0.1:1080.
"""

import subprocess

import pytest

import conversation
import proxy as line
import voyage
from readme import localized, section
from voyage import MIB


class Folder:
    """A person's folder, with the video in it, and a shell that stays."""

    def __init__(self, path, video, url):
        self.path = path
        self.url = url
        (path / "video.mp4").symlink_to(video.path)

    def localized(self, text):
        return localized(text, self.url)

    def run(self, *command):
        return subprocess.run(command, cwd=self.path, stdin=subprocess.DEVNULL, text=True,
                              capture_output=True, timeout=4 * conversation.PATIENCE)

    def shell(self, *blocks, variables=""):
        script = "\n".join(["set -eu -o pipefail", variables, *map(self.localized, blocks)])
        return self.run("bash", "-c", script)


@pytest.fixture
def server(ferryd):
    return ferryd()


@pytest.fixture
def people(server, video, tmp_path):
    with line.Proxy(server.url) as proxy:
        yield Folder(tmp_path, video, proxy.url), proxy


def test_curl_alone(people, server, video):
    folder, proxy = people
    blocks = [code for language, code in section("Uploading with curl alone") if language == "sh"]
    create, send, remove = blocks

    created = folder.shell(create)
    assert created.returncode == 0, created
    url = created.stdout.strip()
    again = f"url={url}"

    proxy.script = [(10 * MIB + 1, "fin")]
    assert folder.shell(send, variables=again).returncode != 0
    assert server.head(url).field("Upload-Offset") == str(10 * MIB + 1)
    sent = folder.shell(send, variables=again)
    assert sent.returncode == 0, sent
    assert server.head(url).field("Upload-Offset") == str(video.size)
    assert voyage.digest_of(server.file_of(url)) == video.digest

    (read,) = [code for language, code in section("Reading it back") if language == "sh"]
    got = folder.shell(read, variables=f"url={server.url}{url.rpartition('/')[2]}")
    assert got.returncode == 0, got
    assert voyage.digest_of(folder.path / "copy.mp4") == video.digest

    removed = folder.shell(remove, variables=again)
    assert removed.returncode == 0, removed
    assert folder.shell(send, variables=again).returncode != 0


def save_program(folder):
    (program,) = [code for language, code in section("Uploading with tus-js-client") if language == "js"]
    (folder.path / "upload.mjs").write_text(folder.localized(program))
    (folder.path / "node_modules").symlink_to(voyage.FOLDER / "node_modules")


def test_tus_js_client(people, server, video):
    folder, proxy = people
    save_program(folder)

    proxy.script = [(10 * MIB + 1, "reset")]
    sent = folder.run("node", "upload.mjs", "video.mp4")
    assert sent.returncode == 0, sent
    assert not proxy.script
    assert voyage.digest_of(server.file_of(sent.stdout.strip())) == video.digest


def test_tus_js_client_goes_on_when_it_is_run_again(people, server, video):
    folder, proxy = people
    save_program(folder)

    with subprocess.Popen(["node", "upload.mjs", "video.mp4"], cwd=folder.path,
                          stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as process:
        proxy.script = [(proxy.passed + 10 * MIB, process.kill)]
    assert process.returncode == -9
    proxy.wait_until_read()

    sent = folder.run("node", "upload.mjs", "video.mp4")
    assert sent.returncode == 0, sent
    assert voyage.digest_of(server.file_of(sent.stdout.strip())) == video.digest
    assert proxy.taken < video.size + MIB
    assert len(list(server.data.glob("files/??/*"))) == 1
