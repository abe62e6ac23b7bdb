"""ferry put, run again: what a record remembers, and when it no longer holds."""

import json
import os
import stat

import pytest

from fake_tus import Fault, TusServer


def interrupt(ferry, server, name="file", stored=4):
    """A first run that ends with so many bytes stored and a record left."""
    server.faults += [Fault("PATCH", cut=stored), Fault("HEAD", status=400)]
    status, _, _ = ferry.put(name, server.url)
    assert status == 1 and len(ferry.records()) == 1


def test_a_record_holds_what_the_next_run_needs(ferry, server):
    path = ferry.file("file", b"some bytes")
    interrupt(ferry, server)

    (record,) = ferry.records()
    status = path.stat()
    assert record == {"version": 1, "path": str(path), "endpoint": server.url,
                      "protocol": "tus", "upload": server.url + "0" * 32, "size": 10, "mtime_ns": status.st_mtime_ns,
                      "inode": status.st_ino}
    (name,) = ferry.state.iterdir()
    assert stat.S_IMODE(name.stat().st_mode) == 0o600
    assert stat.S_IMODE(ferry.state.stat().st_mode) == 0o700


def test_goes_on_by_any_name_of_the_file(ferry, server):
    ferry.file("file", b"some bytes")
    interrupt(ferry, server)
    os.symlink("file", ferry.folder / "other")
    os.mkdir(ferry.folder / "below")

    status, _, err = ferry.put("../other", server.url, cwd=ferry.folder / "below")
    assert status == 0 and "goes on at 4 B" in err
    assert server.only_upload().data == b"some bytes"
    assert ferry.records() == []


def test_other_endpoints_know_nothing_of_it(ferry, server):
    ferry.file("file", b"some bytes")
    interrupt(ferry, server)

    status, _, _ = ferry.put("file", server.url + "else/")
    assert status == 0
    assert len(ferry.records()) == 1  # the first one's


def test_xdg_state_home_is_where_records_are(ferry, server):
    ferry.file("file", b"some bytes")
    ferry.environment["XDG_STATE_HOME"] = str(ferry.folder / "a" / "b")
    ferry.state = ferry.folder / "a" / "b" / "ferry"
    interrupt(ferry, server)


@pytest.mark.parametrize("change", ["size", "mtime", "inode"])
def test_a_file_that_changed_since_is_sent_anew(ferry, server, change):
    path = ferry.file("file", b"some bytes")
    interrupt(ferry, server)
    if change == "size":
        path.write_bytes(b"other bytes")
    elif change == "mtime":
        status = path.stat()
        path.write_bytes(b"same count")
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    else:
        status = path.stat()
        other = ferry.file("other", b"same count")
        os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
        other.rename(path)

    status, out, err = ferry.put("file", server.url)
    assert status == 0
    assert "file: changed since its upload began; starting anew" in err
    assert server.uploads["0" * 31 + "1"].data == path.read_bytes()
    assert out.endswith("1\n")


@pytest.mark.parametrize("answer", [404, 410, 403, 400, 204])
def test_an_upload_that_the_server_removed_is_sent_anew(ferry, server, answer):
    ferry.file("file", b"some bytes")
    interrupt(ferry, server)
    server.faults.append(Fault("HEAD", status=answer))

    status, _, err = ferry.put("file", server.url)
    assert status == 0 and "starting anew" in err
    assert server.uploads["0" * 31 + "1"].data == b"some bytes"


@pytest.mark.parametrize("answer", [401, 302])
def test_an_answer_about_something_else_keeps_the_record(ferry, server, answer):
    ferry.file("file", b"some bytes")
    interrupt(ferry, server)
    server.faults.append(Fault("HEAD", status=answer))
    assert ferry.put("file", server.url)[0] == 1

    status, _, _ = ferry.put("file", server.url)
    assert status == 0
    assert server.only_upload().data == b"some bytes"


def test_an_upload_of_another_length_is_not_ours(ferry, server):
    ferry.file("file", b"some bytes")
    interrupt(ferry, server)
    server.only_upload().length = 11

    status, _, err = ferry.put("file", server.url)
    assert status == 0 and "has another length" in err
    assert server.uploads["0" * 31 + "1"].data == b"some bytes"


def test_a_server_that_is_away_does_not_cost_the_record(ferry, server):
    ferry.file("file", b"some bytes")
    interrupt(ferry, server)
    server.stop()
    status, _, _ = ferry.put("--retry-time", "1", "file", server.url)
    assert status == 1 and len(ferry.records()) == 1

    server.start()
    status, _, _ = ferry.put("file", server.url)
    assert status == 0
    assert server.only_upload().data == b"some bytes"


def test_what_was_complete_already_is_not_sent(ferry, server):
    ferry.file("file", b"some bytes")
    interrupt(ferry, server, stored=10)
    status, out, _ = ferry.put("file", server.url)

    assert status == 0 and out == server.url + "0" * 32 + "\n"
    assert server.received() == 10


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"version": 2}', b"\0" * 100000])
def test_a_damaged_record_is_replaced(ferry, server, damage):
    ferry.file("file", b"some bytes")
    interrupt(ferry, server)
    (path,) = ferry.state.iterdir()
    path.write_bytes(damage)

    status, _, err = ferry.put("file", server.url)
    assert status == 0 and "damaged; starting anew" in err
    assert list(ferry.state.iterdir()) == []


def test_without_a_place_for_records_it_uploads_all_the_same(ferry, server):
    ferry.file("file", b"some bytes")
    ferry.file("blocked", b"")
    ferry.environment["XDG_STATE_HOME"] = str(ferry.folder / "blocked")
    status, _, err = ferry.put("file", server.url)

    assert status == 0
    assert "Not a directory" in err and "a later run will not be able to go on" in err


def test_names_that_are_not_text_have_records_too(ferry, server):
    name = b"na\xffme %\n".decode(errors="surrogateescape")
    ferry.file(name, b"some bytes")
    interrupt(ferry, server, name)
    (record,) = ferry.records()
    assert record["path"].endswith("na%FFme %25%0A")

    status, _, _ = ferry.put(name, server.url)
    assert status == 0
    assert server.received() == 10


def test_a_second_ferry_with_the_same_file_keeps_out(ferry, server, megabytes):
    ferry.file("file", megabytes)
    server.faults.append(Fault("PATCH", stall=1000))
    first = ferry.start("put", "--retry-delay", "10", "file", server.url)
    server.wait(lambda: server.received() == 1000)

    status, out, err = ferry.put("file", server.url)
    assert (status, out) == (1, "")
    assert "file: another ferry is uploading this file to the same place" in err

    other = TusServer()
    status, _, _ = ferry.put("file", other.url)
    other.stop()
    assert status == 0

    server.stop()
    server.start()
    status, _, _ = ferry.finish(first)
    assert status == 0
    assert server.only_upload().data == megabytes
    assert list(ferry.state.iterdir()) == []


@pytest.mark.parametrize("change", ["longer", "shorter", "touched"])
def test_a_file_that_changes_while_it_is_sent_is_an_error(ferry, server, megabytes, change):
    path = ferry.file("file", megabytes)

    def hook(_):
        if change == "longer":
            with open(path, "ab") as file:
                file.write(b"more")
        elif change == "shorter":
            os.truncate(path, 1000)
        else:
            os.utime(path, ns=(0, 0))

    server.faults.append(Fault("PATCH", hook=hook))
    status, out, err = ferry.put("--chunk-size", "1M", "file", server.url)

    assert (status, out) == (1, "")
    assert "file: changed while it was sent" in err
    assert server.only_upload().offset < len(megabytes)

    status, _, err = ferry.put("file", server.url)
    assert status == 0 and "changed since its upload began" in err
    assert server.uploads["0" * 31 + "1"].data == path.read_bytes()


def test_a_change_after_the_last_byte_is_no_success(ferry, server):
    path = ferry.file("file", b"some bytes")
    server.faults.append(Fault("PATCH", hook=lambda _: path.write_bytes(b"other bytes")))
    status, out, err = ferry.put("file", server.url)

    assert (status, out) == (1, "")
    assert "changed while it was sent" in err


def test_failed_is_an_event_too(ferry, server):
    ferry.file("file", b"some bytes")
    server.faults.append(Fault("POST", status=400, body="no"))
    status, out, err = ferry.put("--json", "file", server.url)

    (event,) = [json.loads(line) for line in out.splitlines()]
    assert status == 1 and err == "ferry: file: the server answered 400: no\n"
    assert event == {"event": "failed", "file": "file", "upload": None, "offset": 0, "length": 10,
                     "reason": "the server answered 400: no"}
