"""What the tests of ferry share: the program, a folder and a HOME of its own for every test, a server."""

import json
import os
import shlex
import subprocess
from pathlib import Path

import pytest

from fake_tus import TusServer

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("FERRY_BUILD", ROOT / "build" / "plain"))
PROGRAM = BUILD / "tools" / "ferry" / "ferry"
WRAPPER = shlex.split(os.environ.get("FERRY_TEST_WRAPPER", ""))
SECONDS = 300 if WRAPPER else 60


class Ferry:
    """Runs ferry in a folder of its own."""

    def __init__(self, folder):
        self.folder = folder
        self.environment = {
            **{name: value for name, value in os.environ.items() if name.endswith("SAN_OPTIONS")},
            "HOME": str(folder / "home"), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8",
        }
        self.state = folder / "home" / ".local" / "state" / "ferry"
        (folder / "home").mkdir()

    def start(self, *arguments, **options):
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE,
                   "env": self.environment, "cwd": self.folder, **options}
        return subprocess.Popen([*WRAPPER, PROGRAM, *arguments], **options)

    def finish(self, process, data=None):
        """(exit status, standard output, standard error)"""
        try:
            out, err = process.communicate(data, timeout=SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        return process.returncode, (out or b"").decode(), (err or b"").decode()

    def run(self, *arguments, data=None, **options):
        if data is not None:
            options["stdin"] = subprocess.PIPE
        return self.finish(self.start(*arguments, **options), data)

    def put(self, *arguments, **options):
        """Without long waits between tries."""
        return self.run("put", "--retry-delay", "10", *arguments, **options)

    def records(self):
        return [json.loads(path.read_text()) for path in self.state.glob("*.json")]

    def file(self, name, data):
        path = self.folder / name
        path.write_bytes(data)
        return path


@pytest.fixture
def ferry(tmp_path):
    return Ferry(tmp_path)


@pytest.fixture
def server():
    server = TusServer()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def megabytes():
    """5 MiB that do not repeat."""
    return b"".join(number.to_bytes(8, "big") for number in range(5 * 1024 * 1024 // 8))
