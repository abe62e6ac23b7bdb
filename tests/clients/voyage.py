"""What a voyage needs: a video, a server that can be killed, clients that can be killed"""

import concurrent.futures
import fcntl
import hashlib
import os
import pathlib
import random
import re
import signal
import subprocess
import sys
import time

import conversation

FOLDER = pathlib.Path(__file__).resolve().parent
ROOT = FOLDER.parent.parent
MIB = 1024 * 1024

FRAMES_PER_SECOND = 30
FRAME_BYTES = 900 * 1024  # somewhat less than one takes


class Video:
    def __init__(self, path):
        self.path = path
        self.size = path.stat().st_size
        self.digest = digest_of(path)


def digest_of(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def make_video(least=100 * MIB):
    """A real one, with noise in it so that it is large; made once and kept below build/."""
    folder = ROOT / "build"
    folder.mkdir(exist_ok=True)
    path = folder / f"voyage-{least}.mp4"
    with open(folder / "voyage.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            made = folder / f"making-{path.name}"
            frames = least // FRAME_BYTES + 1
            subprocess.run(
                ["ffmpeg", "-hide_banner", "-loglevel", "error", "-nostdin", "-y",
                 "-f", "lavfi", "-i", f"testsrc2=size=1280x720:rate={FRAMES_PER_SECOND}",
                 "-vf", "noise=alls=40:allf=t", "-frames:v", str(frames),
                 "-c:v", "mpeg4", "-q:v", "2", str(made)], check=True)
            assert made.stat().st_size >= least
            made.rename(path)
    return Video(path)


def own_address():
    """Of loopback, for who is told where to listen: nobody else takes it before or while nobody listens there, as the
    host is his alone, and the port one that the kernel gives to nobody."""
    host = f"127.{random.randint(64, 127)}.{random.randint(1, 254)}.{random.randint(1, 254)}"
    return f"{host}:{random.randint(20000, 30000)}"


class Ferryd:
    """A server on one data directory and one address, however often it is killed."""

    def __init__(self, folder, *arguments, environment=None):
        self.folder = folder
        self.data = folder / "data"
        self.arguments = arguments
        self.environment = environment
        self.listen = own_address()
        self.server = None
        self.kills = 0
        # a process that dies with its parent dies with the thread that started it
        self.starter = concurrent.futures.ThreadPoolExecutor(max_workers=1)
        self.start()

    def start(self):
        self.starter.submit(self._start).result()

    def _start(self):
        arguments = ["--data", str(self.data), "--listen", self.listen, *self.arguments]
        environment = {**os.environ, **self.environment} if self.environment else None
        self.server = conversation.Server("server/ferryd", arguments, self.folder, env=environment)
        self.url = self.server.urls[0]
        self.listen = self.url.removeprefix("http://").split("/")[0]

    def kill(self):
        """SIGKILL; the same again on the same port and directory is start()."""
        self.server.check_reports()
        self.server.process.send_signal(signal.SIGKILL)
        self.server.process.wait()
        self.server.stopped = True
        self.kills += 1

    def stop(self):
        self.server.stop()
        self.starter.shutdown()

    def file_of(self, url):
        upload = url.rstrip("/").rpartition("/")[2]
        assert re.fullmatch("[0-9a-f]{32}", upload), url
        return self.data / "files" / upload[:2] / upload

    def line(self):
        return conversation.Line(self.url)

    def path_of(self, url):
        return "/" + url.removeprefix("http://").partition("/")[2] if url.startswith("http") else url

    def head(self, url, *fields):
        with self.line() as line:
            line.send(conversation.request("HEAD", self.path_of(url), "Tus-Resumable: 1.0.0", *fields,
                                           close=True))
            return line.expect(200, method="HEAD")


def ferry_program():
    for path in "tools/ferry/ferry", "tools/ferry":
        if (program := conversation.BUILD / path).is_file():
            return program
    return None


class Client:
    """One of the clients with a file to upload, from its first start to its end."""

    KINDS = ["ferry", "ferry ietf", "tus-js-client", "tus-js-client ietf-draft-03", "tus-js-client ietf-draft-05", "tuspy"]

    def __init__(self, kind, folder, file, url):
        self.kind, self.folder = kind, folder
        self.state = folder / "state"
        self.output = folder / "output"
        self.errors = folder / "errors"
        self.starts = 0
        self.killed = False
        self.environment = {**os.environ, "XDG_STATE_HOME": str(self.state)}
        name, _, protocol = kind.partition(" ")
        command = getattr(self, "_" + name.replace("-", "_"))
        self.command = [str(part) for part in command(file, url, *([protocol] if protocol else []))]
        self.process = None

    def _ferry(self, file, url, protocol="tus"):
        return [ferry_program(), "put", "--protocol", protocol, "--retry-delay", "20", "--retry-time", "30", file, url]

    def _tus_js_client(self, file, url, protocol="tus-v1"):
        assert (FOLDER / "node_modules/tus-js-client").is_dir(), "tools/test installs tus-js-client"
        return ["node", FOLDER / "put.mjs", file, url, self.state, protocol]

    def _tus_js_client_parallel(self, file, url):
        return [*self._tus_js_client(file, url), "0", "4"]

    def _tuspy(self, file, url):
        return ["/usr/bin/python3", FOLDER / "put_tuspy.py", file, url, self.state]

    def start(self):
        self.killed = False
        self.starts += 1
        with open(self.output, "w") as output, open(self.errors, "a") as errors:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=output, stderr=errors,
                env=self.environment, preexec_fn=conversation.die_with_parent)

    def kill(self):
        self.killed = True
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def run(self, proxy, gives_up=False):
        """
        From the start to the end of the upload; started again when it was killed. Its URL. gives_up: it may end
        once with an error, after which somebody starts it again.
        """
        deadline = time.monotonic() + 4 * conversation.PATIENCE
        while True:
            proxy.stalled.clear()
            self.start()
            while self.process.poll() is None:
                if proxy.stalled.wait(0.01):
                    self.kill()
                if proxy.failure:
                    raise proxy.failure
                assert time.monotonic() < deadline, f"{self.kind} does not end: {proxy.requests[-5:]}"
            if gives_up and self.process.returncode > 0:
                gives_up = False
                continue
            if not self.killed:
                break
            proxy.wait_until_read()
        assert self.process.returncode == 0, f"{self.kind}: {self.errors.read_text()[-2000:]}"
        return self.output.read_text().split()[-1]

    def end(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def say(*words):
    """A figure for whoever reads the test's output (pytest -rP, or -s)."""
    print(*words, file=sys.stdout, flush=True)
