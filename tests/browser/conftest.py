import contextlib
import pathlib
import random
import sys

import pytest

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent.parent / folder)
                for folder in ("clients", "conversations")]

import browser as chromium  # noqa: E402
import voyage  # noqa: E402
from voyage import MIB  # noqa: E402


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    browser = chromium.Browser(tmp_path_factory.mktemp("browser"))
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """Where the pages are."""
    site = chromium.Site(tmp_path_factory.mktemp("site"))
    yield site
    site.close()


@contextlib.contextmanager
def running(folder, *arguments):
    server = voyage.Ferryd(folder, *arguments)
    try:
        yield server
        server.stop()
    finally:
        server.server.kill()


@pytest.fixture
def ferryd(tmp_path):
    with running(tmp_path) as server:
        yield server


@pytest.fixture(scope="module")
def module_ferryd(tmp_path_factory):
    with running(tmp_path_factory.mktemp("ferryd"), "--max-size", "1G") as server:
        yield server


@pytest.fixture
def start_ferryd(tmp_path):
    with contextlib.ExitStack() as stack:
        yield lambda *arguments: stack.enter_context(running(tmp_path, *arguments))


def make_file(folder, size):
    path = folder / "voyage.mp4"
    path.write_bytes(random.Random(size).randbytes(size))
    return voyage.Video(path)


@pytest.fixture(scope="session")
def file(tmp_path_factory):
    return make_file(tmp_path_factory.mktemp("file"), 24 * MIB + 12345)  # more than sockets hold


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    return make_file(tmp_path_factory.mktemp("small"), 4096)


@pytest.fixture
def open_page(browser, site):
    """Opens pages, whose class is given, for an endpoint; none sees what another stores."""
    opened = []

    def open_one(kind, endpoint):
        opened.append(kind(browser, site, endpoint))
        return opened[-1]

    yield open_one
    for page in opened:
        page.close()
