"""ferry put --recursive and --jobs: folders, and several uploads at a time."""

import fcntl
import json
import os
import pty
import signal
import struct
import subprocess
import termios

import pytest

from fake_tus import Fault, metadata


def make(ferry, *names):
    for name in names:
        path = ferry.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode(errors="surrogateescape"))


def stored(server):
    """relativePath (or filename) to bytes."""
    pairs = [(metadata(upload.metadata), bytes(upload.data)) for upload in server.uploads.values()]
    return {pair.get("relativePath", pair["filename"]): data for pair, data in pairs}


@pytest.mark.parametrize("operand, prefix", [("d", b"d/"), ("./d//", b"d/"), ("d/.", b""), ("../{}/d", b"d/")])
def test_uploads_what_is_in_folders(ferry, server, operand, prefix):
    make(ferry, "d/b", "d/a/x", "d/a/y", "d/c/deep/er/z", "other")
    (ferry.folder / "d" / "empty").mkdir()
    status, out, err = ferry.put("--recursive", operand.format(ferry.folder.name), "other", server.url)

    assert status == 0, err
    assert stored(server) == {prefix + b"a/x": b"d/a/x", prefix + b"a/y": b"d/a/y", prefix + b"b": b"d/b",
                              prefix + b"c/deep/er/z": b"d/c/deep/er/z", b"other": b"other"}
    assert out.splitlines() == [server.url + name for name in server.uploads]
    assert {metadata(upload.metadata)["filename"] for upload in server.uploads.values()} == {
        b"b", b"x", b"y", b"z", b"other"}


def test_a_folder_without_recursive_is_an_error(ferry, server):
    make(ferry, "d/a")
    status, _, err = ferry.put("d", server.url)

    assert status == 1 and "--recursive" in err and server.requests == []


def test_links_are_followed_to_files_and_not_to_folders(ferry, server):
    make(ferry, "d/a", "far/b")
    (ferry.folder / "d" / "loop").symlink_to("..")
    (ferry.folder / "d" / "file").symlink_to("../far/b")
    (ferry.folder / "d" / "nowhere").symlink_to("nothing")
    (ferry.folder / "link").symlink_to("d")
    status, _, err = ferry.put("-r", "link", server.url)

    assert status == 0
    assert stored(server) == {b"link/a": b"d/a", b"link/file": b"far/b"}
    assert "link/loop: left out" in err and "link/nowhere: left out" in err


def test_special_files_are_left_out_with_a_line(ferry, server):
    make(ferry, "d/a")
    os.mkfifo(ferry.folder / "d" / "pipe")
    status, _, err = ferry.put("-r", "d", server.url)

    assert status == 0 and "ferry: d/pipe: left out: neither a file nor a folder\n" in err
    assert stored(server) == {b"d/a": b"d/a"}


def test_a_folder_that_cannot_be_read_fails_and_the_rest_goes_on(ferry, server):
    make(ferry, "d/a", "d/closed/b")
    (ferry.folder / "d" / "closed").chmod(0)
    if os.access(ferry.folder / "d" / "closed", os.R_OK):
        # whoever may read everything meets a folder that is not there
        status, _, err = ferry.put("-r", "d/a", "gone", server.url)
    else:
        status, _, err = ferry.put("-r", "d", server.url)
    (ferry.folder / "d" / "closed").chmod(0o700)

    assert status == 1 and ("d/closed: Permission denied" in err or "gone: No such file" in err)
    assert b"d/a" in stored(server).values()


def test_names_that_are_not_utf_8_arrive_as_they_are(ferry, server):
    name = b"d/na\xffme\n/\xfe".decode(errors="surrogateescape")
    make(ferry, name)
    status, out, _ = ferry.put("-r", "--json", "d", server.url)

    assert status == 0
    assert stored(server) == {b"d/na\xffme\n/\xfe": b"d/na\xffme\n/\xfe"}
    assert json.loads(out.splitlines()[-1])["file"] == "d/na\ufffdme\n/\ufffd"


def test_an_empty_folder_is_nothing_to_do(ferry, server):
    (ferry.folder / "d").mkdir()
    assert ferry.put("-r", "d", server.url) == (0, "", "")
    assert ferry.put("-r", "d", "not-a-url")[0] == 2


def test_several_go_on_at_a_time(ferry, server):
    """All four are held at once; then all are cut."""
    make(ferry, *(f"d/{number}" for number in range(9)))
    server.faults += [Fault("PATCH", stall=1) for _ in range(4)]
    process = ferry.start("put", "-r", "--jobs", "4", "--retry-delay", "10", "d", server.url)
    server.wait(lambda: server.received() == 4)
    server.stop()
    server.start()
    status, out, err = ferry.finish(process)

    assert status == 0, err
    assert sorted(stored(server).values()) == [b"d/%d" % number for number in range(9)]
    assert sorted(out.splitlines()) == sorted(server.url + name for name in server.uploads)
    assert list(ferry.state.iterdir()) == []


def test_each_has_a_record_of_its_own(ferry, server):
    make(ferry, *(f"d/{number}" for number in range(3)))
    server.faults += [Fault("PATCH", cut=1) for _ in range(3)] + [Fault("HEAD", status=400) for _ in range(3)]
    status, out, _ = ferry.put("-r", "-j", "3", "d", server.url)
    assert (status, out) == (1, "") and len(ferry.records()) == 3

    status, out, err = ferry.put("-r", "-j", "3", "d", server.url)
    assert status == 0 and err.count("goes on at 1 B") == 3
    assert server.received() == 9 and len(out.splitlines()) == 3


def test_json_lines_stay_whole(ferry, server):
    names = [f"d/{'long' * 50}{number}" for number in range(40)]
    make(ferry, *names)
    status, out, err = ferry.put("-r", "--jobs", "8", "--json", "d", server.url)
    events = [json.loads(line) for line in out.splitlines()]

    assert status == 0 and err == ""
    assert sorted(event["file"] for event in events if event["event"] == "complete") == sorted(names)


def test_one_that_fails_makes_the_status(ferry, server):
    make(ferry, *(f"d/{number}" for number in range(4)))
    server.faults.append(Fault("POST", status=403))
    status, out, _ = ferry.put("-r", "--jobs", "2", "d", server.url)

    assert status == 1 and len(out.splitlines()) == 3


def test_a_signal_ends_them_all(ferry, server):
    make(ferry, *(f"d/{number}" for number in range(9)))
    server.faults += [Fault("PATCH", stall=1) for _ in range(3)]
    process = ferry.start("put", "-r", "--jobs", "3", "d", server.url)
    server.wait(lambda: server.received() == 3)
    process.send_signal(signal.SIGINT)
    status, out, err = ferry.finish(process)

    assert (status, out) == (-signal.SIGINT, "")
    assert err.count("stopped; what arrived is kept") == 3
    assert len(server.uploads) == 3


def test_the_rate_is_that_of_all_together(ferry, server):
    make(ferry)
    for name in ("a", "b", "c"):
        ferry.file(name, b"x" * 20000)
    began = os.times().elapsed
    status, _, _ = ferry.put("--jobs", "3", "--limit-rate", "100K", "a", "b", "c", server.url)

    assert status == 0
    assert os.times().elapsed - began > 0.4  # 0.59 s less what may be saved up


@pytest.mark.parametrize("columns", [40, 80, 132])
def test_a_terminal_shows_one_line_for_all(ferry, server, columns):
    for number in range(3):
        ferry.file(f"file-{number}", bytes(100000))
    server.faults += [Fault("PATCH", stall=50000) for _ in range(2)]
    outer, inner = pty.openpty()
    fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = ferry.start("put", "--jobs", "2", "--timeout", "1", "--retry-delay", "10", "file-0", "file-1", "file-2",
                          server.url, stderr=inner, stdout=subprocess.DEVNULL,
                          env={**ferry.environment, "TERM": "xterm"})
    os.close(inner)
    shown = b""
    while True:
        try:
            shown += os.read(outer, 65536)
        except OSError:  # the terminal is closed
            break
    os.close(outer)

    assert process.wait(60) == 0
    bars = [line for line in shown.decode().replace("\x1b[K", "").split("\r") if "of 292" in line or " of 3" in line]
    assert any("0 of 3" in line for line in bars), shown
    assert all(len(line) < columns for line in bars)
    assert shown.count(b": complete, ") == 3
