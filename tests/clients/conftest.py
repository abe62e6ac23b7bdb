import pathlib
import sys

import pytest

TESTS = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS / "conversations"), str(TESTS / "client")]

import voyage  # noqa: E402


@pytest.fixture(scope="session")
def video():
    return voyage.make_video()


@pytest.fixture
def ferryd(tmp_path):
    """Starts servers with options; each is stopped at the end, which must be a clean one."""
    started = []

    def start(*arguments, **options):
        folder = tmp_path / f"server-{len(started)}"
        folder.mkdir()
        started.append(voyage.Ferryd(folder, *arguments, **options))
        return started[-1]

    yield start
    try:
        for server in started:
            server.stop()
    finally:
        for server in started:
            server.server.kill()
            for file in server.data.glob("files/??/*"):  # videos: pytest keeps the folders of a few runs
                file.unlink()
