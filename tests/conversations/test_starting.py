"""
Starting: what a data directory may be, and what a server says when it cannot start

One clear line on standard error, exit status 1 or 2, and nothing touched.
"""

import contextlib
import hashlib
import os
import pathlib
import random
import re
import select
import shutil
import socket
import sqlite3
import stat
import subprocess
import tempfile

import pytest

from conversation import BUILD, PATIENCE, WRAPPER, die_with_parent, eventually, header, request
from endpoint import OCTETS, VERSION, appends, check_general, endpoints, length_is


def start_in_vain(arguments, folder, **popen):
    """Runs a server that ends by itself; its exit status and the lines on standard error."""
    process = subprocess.Popen([*map(str, arguments)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, cwd=folder, text=True, errors="replace",
                               preexec_fn=die_with_parent, **popen)
    try:
        assert select.select([process.stdout], [], [], 2 * PATIENCE)[0], "it neither starts nor ends"
        started = process.stdout.readline()
        if started:
            process.terminate()
        errors = process.communicate(timeout=2 * PATIENCE)[1]
        assert not started, f"it started: {errors!r}"
        return process.returncode, errors.splitlines()
    finally:
        process.kill()
        process.wait()


FERRYD = [*WRAPPER, BUILD / "server/ferryd", "--listen", "127.0.0.1:0"]


def refuses_to_start(folder, *arguments, status=1, names=()):
    """With one line, which names what is wrong, in words that its reader knows."""
    returned, lines = start_in_vain([*FERRYD, *arguments], folder)
    assert returned == status, (returned, lines)
    assert len(lines) == 1 and len(lines[0]) < 300, lines
    for name in names:
        assert re.search(name, lines[0]), f"{name!r} is not in {lines[0]!r}"
    assert "PRAGMA" not in lines[0], lines[0]


def fingerprint(folder):
    """Names, modes and content of all that lies there; what SQLite leaves beside a database that it has
    only looked at does not count."""
    return {str(path.relative_to(folder)): (path.lstat().st_mode,
                                            hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None)
            for path in sorted(folder.rglob("*"))
            if not path.name.endswith("-shm") and not (path.name.endswith("-wal") and path.stat().st_size == 0)}


@contextlib.contextmanager
def nothing_touched(folder):
    before = fingerprint(folder)
    yield
    after = fingerprint(folder)
    assert after == before, {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


@pytest.fixture
def kept(endpoints):
    """A directory with two uploads, whose server has been stopped; and what they were."""
    endpoint = endpoints()
    upload = endpoint.create(100, "Upload-Metadata: a YQ==")
    upload.patch(0, b"0123456789")
    complete = endpoint.create(3, OCTETS, body=b"abc")
    endpoint.stop()
    return endpoint, upload, complete


def all_is_there(endpoint, upload, complete):
    endpoint.start()
    upload.expect(10, b"0123456789")
    assert upload.head().field("Upload-Metadata") == "a YQ=="
    upload.patch(10, b"abc")
    complete.expect(3, b"abc")


# --- the directory ---


def test_a_directory_that_is_missing_is_made(endpoints):
    """For nobody else's eyes."""
    endpoint = endpoints()
    upload = endpoint.create(3)
    upload.patch(0, b"abc")
    made = [endpoint.data, *endpoint.data.rglob("*")]
    assert {upload.file, endpoint.data / "ferry.db", endpoint.data / "lock"} < set(made)
    for path in made:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    assert endpoint.server.output == [f"listening on {endpoint.server.urls[0]}"]


def test_an_empty_directory_is_taken_with_a_warning(endpoints, tmp_path):
    """A disk that was not mounted looks like that."""
    (tmp_path / "data").mkdir()
    endpoint = endpoints("--log-level", "warning")
    assert str(endpoint.data) in endpoint.server.log()
    assert len(endpoint.server.log().splitlines()) == 1


def test_a_directory_with_uploads_is_taken_without_a_word(kept):
    endpoint, upload, complete = kept
    endpoint.start("--log-level", "warning")
    assert endpoint.server.log() == ""
    endpoint.stop()
    all_is_there(endpoint, upload, complete)


def test_a_directory_that_others_can_write_to_is_taken_with_a_warning(kept):
    """They could put what they like in the place of what is there."""
    endpoint, upload, complete = kept
    endpoint.data.chmod(0o770)
    endpoint.start("--log-level", "warning")
    assert re.fullmatch(f"<4>directory: others can write to {endpoint.data}, its mode is 0770: .*\n", endpoint.server.log())
    endpoint.stop()
    all_is_there(endpoint, upload, complete)


def test_a_database_that_others_could_read(kept):
    """As from a backup: what is in it is for its owner alone from now on."""
    endpoint, upload, complete = kept
    without_a_log(endpoint)
    (endpoint.data / "ferry.db").chmod(0o644)
    (endpoint.data / "ferry.db-wal").unlink(missing_ok=True)
    (endpoint.data / "ferry.db-shm").unlink(missing_ok=True)
    all_is_there(endpoint, upload, complete)
    assert {stat.S_IMODE(path.stat().st_mode) for path in endpoint.data.glob("ferry.db*")} == {0o600}


def test_a_database_that_is_a_link(tmp_path, kept):
    """Nothing elsewhere is opened, made or given another mode."""
    endpoint = kept[0]
    (endpoint.data / "ferry.db").rename(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").chmod(0o644)
    for target in "../elsewhere", "../nowhere":
        (endpoint.data / "ferry.db").symlink_to(target)
        with nothing_touched(tmp_path):
            for verify in [], ["--verify"]:
                refuses_to_start(tmp_path, "--data", str(endpoint.data), *verify, names=["ferry.db is no regular file"])
        (endpoint.data / "ferry.db").unlink()


def test_the_way_to_the_directory_may_lead_over_links(tmp_path, kept):
    """As where /var/lib has no room. The database alone is opened through none."""
    endpoint, upload, complete = kept
    (tmp_path / "way").symlink_to(endpoint.data.parent)
    (tmp_path / "link").symlink_to(f"way/{endpoint.data.name}")
    endpoint.data = tmp_path / "link"
    all_is_there(endpoint, upload, complete)


def test_the_directory_is_data_where_nobody_says_another(servers, tmp_path):
    servers.ferryd("--listen", "127.0.0.1:0")
    assert (tmp_path / "data" / "ferry.db").exists()


def test_the_directory_may_be_told_by_the_environment(servers, tmp_path):
    environment = dict(os.environ, FERRY_DATA=str(tmp_path / "there"))
    servers.ferryd("--listen", "127.0.0.1:0", env=environment)
    assert (tmp_path / "there" / "ferry.db").exists()


def test_standard_files_that_are_closed(tmp_path):
    """What is opened in their place is not written to: here it would be the lock, and have lines of the log."""
    closed = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh"]
    process = subprocess.Popen([*closed, *map(str, FERRYD), "--data", "data"], cwd=tmp_path, preexec_fn=die_with_parent)
    try:
        eventually("it serves", lambda: (tmp_path / "data" / "admin.sock").exists() or process.poll() is not None)
        process.terminate()
        assert process.wait(2 * PATIENCE) == 0
    finally:
        process.kill()
        process.wait()
    assert (tmp_path / "data" / "lock").read_bytes() == b""


def test_a_directory_whose_parent_is_missing(tmp_path):
    with nothing_touched(tmp_path):
        refuses_to_start(tmp_path, "--data", "no/such/data", names=["no/such/data", "No such file or directory"])


def test_a_file_in_its_place(tmp_path):
    (tmp_path / "data").write_text("something of mine")
    with nothing_touched(tmp_path):
        refuses_to_start(tmp_path, "--data", "data", names=["data", "[Nn]ot a directory"])


def test_a_link_that_leads_nowhere_in_its_place(tmp_path):
    (tmp_path / "data").symlink_to("nowhere")
    with nothing_touched(tmp_path):
        refuses_to_start(tmp_path, "--data", "data", names=["data"])


def test_no_directory_at_all(tmp_path):
    with nothing_touched(tmp_path):
        returned, lines = start_in_vain([*FERRYD, "--data", ""], tmp_path)
        assert returned in (1, 2) and len(lines) == 1, (returned, lines)


@pytest.fixture
def public_folder():
    """One that other users can reach."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="ferry-", dir="/tmp"))
    folder.chmod(0o755)
    shutil.copy(BUILD / "server/ferryd", folder / "ferryd")
    yield folder
    shutil.rmtree(folder)


@pytest.mark.skipif(os.geteuid() != 0 or WRAPPER, reason="needs to become another user")
@pytest.mark.parametrize("place", ["data", "new"])
def test_a_directory_that_may_not_be_written(public_folder, place):
    """Neither in it nor where it should be made."""
    (public_folder / "data").mkdir()
    with nothing_touched(public_folder):
        returned, lines = start_in_vain([public_folder / "ferryd", "--listen", "127.0.0.1:0", "--data", place],
                                        public_folder, user=65534)
    assert returned == 1 and len(lines) == 1 and "ermission denied" in lines[0], (returned, lines)


def mounts(options):
    """A command that runs another one with a tmpfs over ./data, or None where that is not possible."""
    before = ["unshare", "--mount", "sh", "-c", f'mount -t tmpfs -o {options} none data && exec "$@"', "sh"]
    with tempfile.TemporaryDirectory() as folder:
        os.mkdir(f"{folder}/data")
        try:
            done = subprocess.run([*before, "true"], cwd=folder, stderr=subprocess.DEVNULL, check=False)
        except FileNotFoundError:
            return None
    return before if done.returncode == 0 else None


@pytest.mark.parametrize("options, names", [("size=1m,nr_inodes=20", ["No space left|disk is full|full"]), ("ro", ["Read-only"])],
                         ids=["full", "read-only"])
def test_a_directory_on_a_file_system_that_takes_nothing(tmp_path, options, names):
    before = mounts(options)
    if before is None:
        pytest.skip("may not mount")
    (tmp_path / "data").mkdir()
    returned, lines = start_in_vain([*before, *FERRYD, "--data", "data"], tmp_path)
    lines = [line for line in lines if "a new store begins" not in line]
    assert returned == 1 and len(lines) == 1 and re.search("|".join(names), lines[0]), (returned, lines)


def test_a_second_server_on_the_same_directory(endpoints, tmp_path):
    """Is refused, and the first goes on."""
    endpoint = endpoints()
    upload = endpoint.create(10)
    upload.patch(0, b"abc")
    for _ in range(3):
        refuses_to_start(tmp_path, "--data", str(endpoint.data), names=[re.escape(str(endpoint.data)), "another"])
    (tmp_path / "link").symlink_to("data")
    refuses_to_start(tmp_path, "--data", "link", names=["another"])
    upload.patch(3, b"defghij")
    upload.expect(10, b"abcdefghij")


def test_a_server_after_one_that_was_killed(endpoints):
    """The lock goes with its holder."""
    endpoint = endpoints()
    upload = endpoint.create(10)
    upload.patch(0, b"abc")
    endpoint.crash()
    endpoint.start()
    upload.expect(3, b"abc")


# --- the database ---


def change(endpoint, statement):
    with contextlib.closing(sqlite3.connect(endpoint.data / "ferry.db", isolation_level=None)) as base:
        base.execute(statement)


def test_a_database_from_the_future(kept, tmp_path):
    """And when it is put right again, all is there."""
    endpoint, upload, complete = kept
    with contextlib.closing(sqlite3.connect(endpoint.data / "ferry.db")) as base:
        version = base.execute("PRAGMA user_version").fetchone()[0]
    change(endpoint, f"PRAGMA user_version = {version + 1}")
    with nothing_touched(endpoint.data):
        refuses_to_start(tmp_path, "--data", str(endpoint.data), names=["ferry.db", "newer"])
    change(endpoint, f"PRAGMA user_version = {version}")
    all_is_there(endpoint, upload, complete)


def test_a_database_of_another_program(kept, tmp_path):
    endpoint, upload, complete = kept
    with contextlib.closing(sqlite3.connect(endpoint.data / "ferry.db")) as base:
        ours = base.execute("PRAGMA application_id").fetchone()[0]
    change(endpoint, "PRAGMA application_id = 77")
    with nothing_touched(endpoint.data):
        refuses_to_start(tmp_path, "--data", str(endpoint.data), names=["ferry.db"])
    change(endpoint, f"PRAGMA application_id = {ours}")
    all_is_there(endpoint, upload, complete)


@pytest.mark.parametrize("application", [0, 77])
def test_a_database_that_never_was_ours(tmp_path, application):
    """Its tables are not ours: nothing is added to them, not even its way to write is changed."""
    (tmp_path / "data").mkdir()
    with contextlib.closing(sqlite3.connect(tmp_path / "data" / "ferry.db")) as base:
        base.execute(f"PRAGMA application_id = {application}")
        base.execute("CREATE TABLE recipe (name TEXT)")
        base.commit()
    before = (tmp_path / "data" / "ferry.db").read_bytes()
    refuses_to_start(tmp_path, "--data", "data", names=["ferry.db"])
    assert (tmp_path / "data" / "ferry.db").read_bytes() == before


def without_a_log(endpoint):
    """Everything stands in the database file itself."""
    with contextlib.closing(sqlite3.connect(endpoint.data / "ferry.db")) as base:
        base.execute("PRAGMA wal_checkpoint(TRUNCATE)")


RUIN = {
    "text": lambda data: b"this is no database\n" * 1000,
    "its beginning": lambda data: random.Random(1).randbytes(100) + data[100:],
    "the first page behind its header": lambda data: data[:100] + random.Random(2).randbytes(3996) + data[4096:],
    "half of it": lambda data: data[:len(data) // 2],
    "all but one page": lambda data: data[:4096],
    "zeros": lambda data: bytes(len(data)),
}


@pytest.mark.parametrize("ruin", RUIN.values(), ids=RUIN.keys())
def test_a_database_that_is_ruined(kept, tmp_path, ruin):
    """And when it is restored, all is there."""
    endpoint, upload, complete = kept
    without_a_log(endpoint)
    base = endpoint.data / "ferry.db"
    good = base.read_bytes()
    assert len(good) > 8192
    base.write_bytes(ruin(good))
    for log in ("ferry.db-wal", "ferry.db-shm"):
        (endpoint.data / log).unlink(missing_ok=True)
    ruined, files = base.read_bytes(), fingerprint(endpoint.data / "files")
    refuses_to_start(tmp_path, "--data", str(endpoint.data), names=["ferry.db"])
    assert base.read_bytes() == ruined and fingerprint(endpoint.data / "files") == files
    for log in ("ferry.db-wal", "ferry.db-shm"):
        (endpoint.data / log).unlink(missing_ok=True)
    base.write_bytes(good)
    all_is_there(endpoint, upload, complete)


def schema_pages(database):
    """The numbers of the pages that say what tables there are: the first, and those below it."""
    at = 100  # behind the header of the file
    cells = int.from_bytes(database[at + 3:at + 5], "big")
    if database[at] != 5:
        return {1}  # a leaf
    places = [int.from_bytes(database[at + 12 + 2 * i:at + 14 + 2 * i], "big") for i in range(cells)] + [at + 8]
    return {1} | {int.from_bytes(database[place:place + 4], "big") for place in places}


def ruined(database, seed):
    """All pages but those that every start reads."""
    kept = schema_pages(database)
    rubbish = random.Random(seed).randbytes(len(database))
    return b"".join((database if at // 4096 + 1 in kept else rubbish)[at:at + 4096] for at in range(0, len(database), 4096))


def test_a_database_that_is_ruined_where_nobody_looks_at_first(kept):
    """Nothing is taken for gone that is there, nothing is made."""
    endpoint, upload, complete = kept
    without_a_log(endpoint)
    base = endpoint.data / "ferry.db"
    good = base.read_bytes()
    base.write_bytes(ruined(good, 3))
    files = fingerprint(endpoint.data / "files")
    try:
        endpoint.start()
    except AssertionError as error:
        assert re.fullmatch(r"it ended at once: <3>db: ferry\.db is corrupt[^\n]*\n", str(error)), error
    else:
        for method, fields in (("HEAD", ()), ("HEAD", (VERSION,)), ("PATCH", appends(10)), ("DELETE", (VERSION,))):
            answer = endpoint.ask(method, upload.path, *fields, status=500)
            assert answer.field("Upload-Offset") is None
        endpoint.crash()
    assert fingerprint(endpoint.data / "files") == files
    for log in ("ferry.db-wal", "ferry.db-shm"):
        (endpoint.data / log).unlink(missing_ok=True)
    base.write_bytes(good)
    all_is_there(endpoint, upload, complete)


@pytest.mark.parametrize("how", ["gone", "empty"])
def test_uploads_whose_database_is_lost(kept, how):
    """A new store begins, with a warning; their bytes are left alone, and come back with the database."""
    endpoint, upload, complete = kept
    without_a_log(endpoint)
    base = endpoint.data / "ferry.db"
    good = base.read_bytes()
    for name in ("ferry.db", "ferry.db-wal", "ferry.db-shm"):
        (endpoint.data / name).unlink(missing_ok=True)
    if how == "empty":
        base.touch()
    files = fingerprint(endpoint.data / "files")
    endpoint.start()
    assert str(endpoint.data) in endpoint.server.log(), "no warning"
    upload.look(status=404)
    endpoint.create(1).delete()  # wakes the janitor
    endpoint.stop()
    assert fingerprint(endpoint.data / "files") == files
    for name in ("ferry.db-wal", "ferry.db-shm"):
        (endpoint.data / name).unlink(missing_ok=True)
    base.write_bytes(good)
    all_is_there(endpoint, upload, complete)


# --- the rest of the command line ---


def test_a_port_in_use_touches_nothing(tmp_path):
    """Not even the directory is made."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refuses_to_start(tmp_path, "--listen", f"127.0.0.1:{port}", "--data", "data", names=[str(port), "in use"])
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("arguments", [
    ("--base-path", "files/"), ("--base-path", "/files"), ("--base-path", ""), ("--base-path", "/fi les/"),
    ("--base-path", "/*/"), ("--base-path", "/%20/"), ("--max-size", "-1"), ("--max-size", "x"), ("--max-size", "1.5G"),
    ("--max-size", "99999999999999999999"), ("--max-size", "9000000T"), ("--min-free", "lots"),
    ("--expire-after", "-1"), ("--expire-after", "1h"), ("--expire-after", "99999999999"), ("--idle-timeout", "0"),
    ("--nonsense",), ("--data",), ("data",)], ids=" ".join)
def test_arguments_that_mean_nothing(tmp_path, arguments):
    """Exit status 2, as for every mistake in the command line."""
    with nothing_touched(tmp_path):
        refuses_to_start(tmp_path, *arguments, status=2)


def test_without_room_everything_but_creation_works(kept):
    """--min-free: 507, said before any body; HEAD, PATCH and DELETE go on."""
    endpoint, upload, complete = kept
    endpoint.start("--min-free", "1000T")
    with endpoint.nothing_created():
        endpoint.ask("POST", "/files/", VERSION, length_is(3), status=507)
        endpoint.ask("POST", "/files/", VERSION, length_is(0), status=507)
        endpoint.ask("POST", "/files/", VERSION, OCTETS, length_is(3), body=b"abc", status=507)
        with endpoint.line() as line:
            line.send(header("POST", "/files/", VERSION, OCTETS, length_is(9), "Expect: 100-continue", length=9))
            check_general(line.expect_next(507))
    upload.patch(10, b"abc")
    upload.expect(13, b"0123456789abc")
    assert complete.head().field("Upload-Offset") == "3"
    upload.delete()
    endpoint.stop()
    endpoint.start()
    endpoint.create(3)


def test_a_length_that_was_taken_once_stays_good(kept):
    """--max-size lowered: for new uploads only."""
    endpoint, upload, complete = kept
    endpoint.start("--max-size", "50")
    endpoint.ask("POST", "/files/", VERSION, length_is(51), status=413)
    upload.patch(10, bytes(90))
    upload.expect(100, b"0123456789" + bytes(90))


def test_uploads_move_with_the_path(kept):
    """--base-path: the same ids below another one."""
    endpoint, upload, complete = kept
    endpoint.start("--base-path", "/elsewhere/")
    with endpoint.line() as line:
        line.send(request("HEAD", f"/elsewhere/{upload.id}", VERSION), request("HEAD", upload.path, VERSION))
        assert line.expect(200, method="HEAD").field("Upload-Offset") == "10"
        line.expect(404, method="HEAD")
