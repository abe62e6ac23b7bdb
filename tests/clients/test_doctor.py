"""ferry doctor and ferryd, with somebody between them who does one thing wrong"""

import json
import subprocess

import pytest

import conversation
import voyage
from meddler import Meddler

CHECKS = ["OPTIONS", "POST", "Location", "HEAD", "bodies", "length", "PATCH", "events", "104", "override", "DELETE"]


def examine(url, *arguments):
    """(exit status, {check: (result, finding)} in order)"""
    done = subprocess.run([voyage.ferry_program(), "doctor", "--json", "--retry-time", "1", "--retry-delay", "20",
                           *arguments, url], capture_output=True, timeout=4 * conversation.PATIENCE, check=False)
    found = {}
    for line in done.stdout.decode().splitlines():
        told = json.loads(line)
        assert told["check"] not in found and (told["result"] != "problem") == (told["advice"] is None)
        found[told["check"]] = told["result"], told["finding"]
    return done.returncode, found


def problems(found):
    return {check for check, (result, _) in found.items() if result == "problem"}


def left(server):
    """Files of uploads that are still there."""
    return [path for path in server.data.glob("files/??/*")]


@pytest.mark.parametrize("through", [False, True])
def test_a_way_without_problems(ferryd, through):
    server = ferryd()
    with Meddler(server.url) as way:
        status, found = examine(way.url if through else server.url)

    assert status == 0 and list(found) == CHECKS, found
    assert all(result == "ok" for result, _ in found.values()), found
    conversation.eventually("what was made is removed", lambda: not left(server))


@pytest.mark.parametrize("wrong, found_out, words", [
    ({"hold": True}, {"bodies"}, "held back"),
    ({"limit": 1024 * 1024}, {"length", "PATCH"}, "of 8.0 MiB is refused (413), one of 512.0 KiB is let in"),
    ({"limit": 100 * 1024 * 1024}, {"length"}, "of 1.0 GiB is refused (413), one of 64.0 MiB is let in"),
    ({"limit": 1000}, {"length"}, "of 512.0 KiB is refused already"),
    ({"quiet": True}, {"104"}, "do not come through"),
    ({"answers": True}, {"events"}, "nothing of an event stream came in 5 s"),
    ({"locate": lambda path: f"http://10.0.0.1:1080{path}"}, {"Location"}, "leads elsewhere"),
    ({"locate": lambda path: path.replace("/files/", "/other/")}, {"Location"}, "leads to nothing"),
    ({"forget": ["location"]}, {"Location"}, "is missing"),
    ({"forget": ["upload-offset"]}, {"HEAD"}, "without Upload-Offset"),
    ({"forget": ["upload-length", "upload-defer-length"]}, {"POST"}, "creates no upload"),
    ({"forget": ["tus-resumable"]}, {"POST"}, "creates no upload"),
    ({"forget": ["tus-extension"]}, {"OPTIONS"}, "without Tus-Extension"),
    ({"forget": ["x-http-method-override"]}, {"override"}, "does not arrive"),
    ({"refuse": ["OPTIONS"]}, {"OPTIONS"}, "is refused: the server answered 405"),
    ({"refuse": ["POST"]}, {"POST"}, "creates no upload: the server answered 405"),
    ({"refuse": ["HEAD"]}, {"HEAD"}, "is refused: the server answered 405"),
    ({"refuse": ["PATCH"]}, {"PATCH"}, "is refused: the server answered 405"),
    ({"refuse": ["DELETE"]}, {"DELETE"}, "is refused: the server answered 405"),
], ids=lambda value: value if isinstance(value, str) else "+".join(sorted(value)))  # each run has the same
def test_who_does_what_wrong_is_found_out(ferryd, wrong, found_out, words):
    with Meddler(ferryd().url, **wrong) as way:
        status, found = examine(way.url)

    assert status == 1
    assert problems(found) == found_out, found
    assert any(words in finding for result, finding in found.values() if result == "problem"), found


def test_a_server_with_a_limit_of_its_own_is_no_problem(ferryd):
    status, found = examine(ferryd("--max-size", "4M").url)

    assert status == 0, found
    assert found["length"] == ("ok", "a request of 4.0 MiB is let in, the server's limit")


def test_nobody_there_is_an_error(ferryd):
    server = ferryd()
    url = server.url
    server.kill()
    done = subprocess.run([voyage.ferry_program(), "doctor", "--retry-time", "1", "--retry-delay", "20", url],
                          capture_output=True, text=True, timeout=conversation.PATIENCE, check=False)
    server.start()

    assert (done.returncode, done.stdout) == (1, "")
    assert url in done.stderr


def test_people_get_lines_that_fit(ferryd):
    with Meddler(ferryd().url, quiet=True) as way:
        done = subprocess.run([voyage.ferry_program(), "doctor", way.url], capture_output=True, text=True,
                              timeout=conversation.PATIENCE, check=False)
    lines = done.stdout.splitlines()

    assert done.returncode == 1 and done.stderr == "ferry: 1 problem\n"
    assert max(map(len, lines)) <= 80
    assert [line.split()[1] for line in lines if not line.startswith(" ")] == CHECKS
    assert sum(line.startswith("problem ") for line in lines) == 1


def test_quiet_tells_problems_only(ferryd):
    with Meddler(ferryd().url, quiet=True) as way:
        done = subprocess.run([voyage.ferry_program(), "doctor", "--quiet", way.url], capture_output=True, text=True,
                              timeout=conversation.PATIENCE, check=False)

    assert done.returncode == 1 and done.stderr == ""
    assert [line.split()[:2] for line in done.stdout.splitlines() if not line.startswith(" ")] == [["problem", "104"]]
