"""
What a server gives up after its start: root, new privileges, and what is not its uploads (server/user.h, server/sandbox.h)

What the rules themselves deny is shown by tests/server/sandbox.c. Here it is the whole server, with all its threads.
"""

import ctypes
import errno
import os
import pathlib
import pwd
import re
import shutil
import stat
import subprocess
import tempfile

import pytest

from admin import Operator
from conversation import BUILD, PATIENCE, SANITIZED, WRAPPER, Line, die_with_parent, request
from endpoint import OCTETS, Endpoint, endpoints, pattern
from test_starting import FERRYD, nothing_touched, refuses_to_start, start_in_vain

root = pytest.mark.skipif(os.geteuid() != 0 or bool(WRAPPER), reason="needs to become another user")


def landlock():
    """The version of Landlock's interface; 0 where the kernel has none."""
    return max(0, ctypes.CDLL(None).syscall(444, None, 0, 1))


needs_landlock = pytest.mark.skipif(landlock() == 0 or bool(WRAPPER), reason="the kernel has no Landlock, or valgrind hides it")


def threads(pid):
    """What the kernel says of each."""
    for status in pathlib.Path(f"/proc/{pid}/task").glob("*/status"):
        yield dict(line.split(":\t", 1) for line in status.read_text().splitlines() if ":\t" in line)


@pytest.fixture
def public(servers):
    """A folder that other users can reach, and who could be the server's."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="ferry-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    servers.stop()
    shutil.rmtree(folder)


@pytest.fixture
def nobody():
    return pwd.getpwnam("nobody")


# --- for all servers ---


def test_no_thread_gains_privileges_or_makes_any_call_it_likes(endpoints):
    server = endpoints().server
    told = list(threads(server.process.pid))
    assert len(told) > 20
    assert {status["NoNewPrivs"] for status in told} == {"1"}
    if not WRAPPER:
        assert {status["Seccomp"] for status in told} == {"2"}  # a filter


@needs_landlock
def test_the_log_says_what_is_on(endpoints):
    endpoint = endpoints()
    endpoint.stop()
    assert f": confined to {endpoint.data} landlock={landlock()} seccomp=on\n" in endpoint.server.log()
    assert ("runs as root" in endpoint.server.log()) == (os.geteuid() == 0)
    endpoint.start("--sandbox", "off")
    endpoint.stop()
    assert f": not confined to {endpoint.data}: --sandbox off\n" in endpoint.server.log()
    assert "<4>" not in endpoint.server.log()


def deny(name, code):
    """By a filter of its own, as that of a container that does not know the call."""
    library = ctypes.CDLL("libseccomp.so.2")
    library.seccomp_init.restype = ctypes.c_void_p
    outer = ctypes.c_void_p(library.seccomp_init(0x7FFF0000))  # allow
    assert ctypes.CDLL(None).prctl(38, 1, 0, 0, 0) == 0  # no_new_privs
    assert library.seccomp_rule_add(outer, 0x00050000 | code, library.seccomp_syscall_resolve_name(name), 0) == 0
    assert library.seccomp_load(outer) == 0


@needs_landlock
@pytest.mark.parametrize("call, code, warning, on", [
    (b"landlock_create_ruleset", errno.EOPNOTSUPP, "there is no Landlock: Operation not supported", "landlock=0 seccomp=on"),
    (b"seccomp", errno.EINVAL, "there is no seccomp: Invalid argument", f"landlock={landlock()} seccomp=none"),  # or libseccomp goes around it
])
def test_a_server_that_the_kernel_does_not_confine_warns_and_serves(servers, tmp_path, call, code, warning, on):
    """One line, with the kernel's reason."""
    server = servers.ferryd("--data", str(tmp_path / "data"), "--admin-listen", "none", prepare=lambda: deny(call, code))
    with Line(server.urls[0]) as line:
        line.send(request("GET", "/healthz"))
        line.expect(200, "ok")
    server.stop()
    assert len(re.findall(f"^<4>ferryd: .*{warning}$", server.log(), re.MULTILINE)) == 1
    assert len(re.findall("there is no", server.log())) == 1
    assert f": confined to {tmp_path}/data {on}\n" in server.log()


def lead_outside(endpoint, folder):
    """All shards are elsewhere: a file of an upload is one outside of the data directory."""
    shutil.move(endpoint.data / "files", folder / "outside")
    (endpoint.data / "files").mkdir(0o700)
    for shard in (folder / "outside").iterdir():
        (endpoint.data / "files" / shard.name).symlink_to(shard)


@needs_landlock
def test_threads_of_storage_open_no_file_outside(endpoints, tmp_path):
    """Neither to write nor to read; and it is the sandbox that keeps them from it."""
    endpoint = endpoints("--sandbox", "off")
    kept = endpoint.create(5, OCTETS, body=b"abcde")
    endpoint.stop()
    lead_outside(endpoint, tmp_path)
    endpoint.start()
    upload = endpoint.create(5)
    upload.patch(0, b"abcde")
    assert endpoint.ask("GET", kept.path, status=200).body == b"abcde"
    endpoint.stop()

    endpoint.arguments = ()
    endpoint.start()
    begun = endpoint.create(5)
    assert begun.patch(0, b"abcde", status=500).text
    if not SANITIZED:  # which may read everything
        endpoint.ask("GET", kept.path, status=500)
    assert not any(begun.id in names for _, _, names in os.walk(tmp_path))


def test_a_link_in_place_of_an_upload_s_file(endpoints, tmp_path):
    """It leads nowhere, not even without the sandbox: what it names is neither written nor read."""
    endpoint = endpoints("--sandbox", "off")
    (tmp_path / "other").write_bytes(b"of others")
    begun, kept = endpoint.create(9), endpoint.create(9, OCTETS, body=b"of client")
    for upload in begun, kept:
        upload.file.unlink(missing_ok=True)
        upload.file.symlink_to(tmp_path / "other")
    begun.patch(0, b"of client", status=500)
    answer = endpoint.ask("GET", kept.path, status=500)
    assert b"of others" not in answer.body
    assert (tmp_path / "other").read_bytes() == b"of others"


@needs_landlock
def test_files_may_lie_on_another_disk(endpoints, tmp_path):
    """Behind a link that the operator has made: it is looked at before the start."""
    endpoint = endpoints()
    endpoint.stop()
    shutil.move(endpoint.data / "files", tmp_path / "disk")
    (endpoint.data / "files").symlink_to(tmp_path / "disk")
    endpoint.start()
    upload = endpoint.create(5, OCTETS, body=b"abcde")
    assert endpoint.ask("GET", upload.path, status=200).body == b"abcde"


def test_sockets_elsewhere_are_removed_at_the_end(servers, tmp_path):
    (tmp_path / "run").mkdir()
    server = servers.ferryd("--listen", f"unix:{tmp_path}/run/own.sock", "--admin-listen", f"unix:{tmp_path}/run/admin.sock",
                            "--data", str(tmp_path / "data"))
    assert {path.name for path in (tmp_path / "run").iterdir()} == {"own.sock", "admin.sock"}
    server.stop()
    assert list((tmp_path / "run").iterdir()) == []


# --- another user ---


@root
def test_a_server_becomes_another_user_for_good(servers, public, nobody):
    """With no group and no capability of root's, in any thread; the port was opened before."""
    endpoint = Endpoint(servers, public, "--user", "nobody")
    told = list(threads(endpoint.server.process.pid))
    assert len(told) > 20
    for status in told:
        assert status["Uid"].split() == 4 * [str(nobody.pw_uid)]
        assert status["Gid"].split() == 4 * [str(nobody.pw_gid)]
        assert status["Groups"].split() == [str(nobody.pw_gid)]
        assert {int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == {0}
        assert status["NoNewPrivs"] == "1"
    endpoint.stop()
    assert "confined to" in endpoint.server.log() and "runs as root" not in endpoint.server.log()


@root
def test_all_that_is_made_belongs_to_that_user(servers, public, nobody):
    endpoint = Endpoint(servers, public, "--user", "nobody")
    upload = endpoint.create(100_000, OCTETS, body=pattern(100_000))
    assert endpoint.ask("GET", upload.path, status=200).body == pattern(100_000)
    assert Operator(endpoint).get("/readyz")["ready"]
    made = [endpoint.data, *endpoint.data.rglob("*")]
    assert upload.file in made and endpoint.data / "admin.sock" in made
    assert {(path.lstat().st_uid, path.lstat().st_gid) for path in made} == {(nobody.pw_uid, nobody.pw_gid)}
    assert stat.S_IMODE(endpoint.data.stat().st_mode) == 0o700

    endpoint.stop()
    endpoint.start()
    upload.expect(100_000, pattern(100_000))
    done = subprocess.run([*FERRYD, "--verify", "--user", "nobody", "--data", endpoint.data], capture_output=True, text=True,
                          timeout=4 * PATIENCE)
    assert done.returncode == 0 and "1 proven" in done.stdout and done.stderr == "", done


@root
def test_what_only_root_can_listen_to(servers, public, nobody):
    """A folder that is root's alone may hold the socket: it is that user's, who cannot remove it then."""
    (public / "run").mkdir(0o755)
    place = f"unix:{public}/run/own.sock"
    for _ in range(2):  # what the first one has left is replaced
        server = servers.ferryd("--listen", place, "--user", "nobody", "--data", str(public / "data"))
        about = (public / "run/own.sock").stat()
        assert (about.st_uid, about.st_gid) == (nobody.pw_uid, nobody.pw_gid)
        with Line(place) as line:
            line.send(request("GET", "/healthz"))
            line.expect(200, "ok")
        server.stop()


@root
def test_a_directory_that_is_somebody_else_s(public, servers):
    """Nothing is taken away from anybody: the operator is told what to do."""
    endpoint = Endpoint(servers, public)
    endpoint.create(5)
    endpoint.stop()
    with nothing_touched(endpoint.data):
        refuses_to_start(public, "--data", str(endpoint.data), "--user", "nobody",
                         names=[f"{endpoint.data} belongs to user 0", "chown -R"])


@root
@pytest.mark.parametrize("left", ["lock", "files", "files/00", "ferry.db"])
def test_a_directory_that_is_given_over_in_part(public, servers, nobody, left):
    """As by chown without -R: it is said before anything in it is opened."""
    endpoint = Endpoint(servers, public, "--user", "nobody")
    endpoint.stop()
    os.chown(endpoint.data / left, 0, 0)
    with nothing_touched(endpoint.data):
        refuses_to_start(public, "--data", str(endpoint.data), "--user", "nobody",
                         names=[f"{endpoint.data}/{left} belongs to user 0, not to {nobody.pw_uid}", "chown -R"])


@root
def test_a_directory_that_cannot_be_reached(tmp_path, nobody):
    """It is closed above for that user: root makes nothing there that nobody would find."""
    tmp_path.chmod(0o700)
    with nothing_touched(tmp_path):
        refuses_to_start(tmp_path, "--data", str(tmp_path / "data"), "--user", "nobody",
                         names=[f"user {nobody.pw_uid} cannot reach directory {tmp_path}/data: Permission denied"])


@root
def test_a_directory_is_made_where_that_user_may(servers, public, nobody):
    """By that user: what root would make could be replaced before it is given away."""
    for mode, name in (0o755, "root's"), (0o777, "own"):
        public.chmod(mode)
        endpoint = Endpoint(servers, public, "--user", "nobody", data=name)
        about = endpoint.data.stat()
        assert (about.st_uid, about.st_gid, stat.S_IMODE(about.st_mode)) == (nobody.pw_uid, nobody.pw_gid, 0o700)
        endpoint.stop()


@root
def test_capabilities_that_a_service_was_started_with(servers, public, nobody):
    """AmbientCapabilities= of systemd, for a port below 1024, say: they are gone before anybody is answered."""
    public.chmod(0o777)
    shutil.copy(BUILD / "server/ferryd", public / "ferryd")
    service = ["setpriv", "--reuid", "nobody", "--regid", str(nobody.pw_gid), "--clear-groups",
               "--inh-caps=+net_bind_service", "--ambient-caps=+net_bind_service"]
    started = subprocess.run([*service, "cat", "/proc/self/status"], capture_output=True, text=True, check=True).stdout
    assert "CapAmb:\t0000000000000400" in started
    process = subprocess.Popen([*service, public / "ferryd", "--listen", "127.0.0.1:0", "--data", public / "data"],
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, preexec_fn=die_with_parent)
    try:
        assert process.stdout.readline().startswith(b"listening on ")
        told = list(threads(process.pid))
        assert len(told) > 20
        for status in told:
            assert {int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == {0}
    finally:
        process.terminate()
        process.communicate(timeout=2 * PATIENCE)
    assert process.returncode == 0


@root
def test_none_are_asked_to_go_where_there_are_none(servers, public):
    """A filter of the service manager may deny that: SystemCallFilter=~@privileged of systemd, say."""
    public.chmod(0o777)
    server = servers.ferryd("--data", str(public / "data"), "--user", "nobody", prepare=lambda: deny(b"capset", errno.EPERM))
    with Line(server.urls[0]) as line:
        line.send(request("GET", "/healthz"))
        line.expect(200, "ok")


CHOWN, DAC_OVERRIDE, FOWNER = (1 << number for number in (0, 1, 3))


@root
@pytest.mark.parametrize("sandbox", ["on", "off"])
def test_root_keeps_what_it_takes_to_get_at_files_alone(endpoints, nobody, sandbox):
    """It mounts nothing, sees into no process, loads no module; a directory that is somebody else's it serves as before."""
    endpoint = endpoints("--sandbox", sandbox)
    had = int(next(threads(os.getpid()))["CapPrm"], 16)
    for status in threads(endpoint.server.process.pid):
        assert {int(status[name], 16) for name in ("CapPrm", "CapEff")} == {had & (CHOWN | DAC_OVERRIDE | FOWNER)}
        assert {int(status[name], 16) for name in ("CapInh", "CapAmb")} == {0}
    endpoint.stop()
    for path in [endpoint.data, *endpoint.data.rglob("*")]:
        os.chown(path, nobody.pw_uid, nobody.pw_gid)
    (endpoint.data / "ferry.db-wal").unlink(missing_ok=True)
    endpoint.start()
    upload = endpoint.create(5, OCTETS, body=b"abcde")
    upload.expect(5, b"abcde")
    assert (endpoint.data / "ferry.db-wal").stat().st_uid == nobody.pw_uid


@root
@pytest.mark.parametrize("name, about", [("no-such-user", "there is no user no-such-user"), ("root", "gives nothing up"),
                                         ("", "there is no user")])
def test_a_user_who_cannot_be_become(tmp_path, name, about):
    with nothing_touched(tmp_path):
        refuses_to_start(tmp_path, "--data", "data", "--user", name, names=[about])


@root
def test_only_root_becomes_somebody_else(public, nobody):
    """Who is that user already may say so."""
    public.chmod(0o777)
    shutil.copy(BUILD / "server/ferryd", public / "ferryd")
    command = [public / "ferryd", "--listen", "127.0.0.1:0", "--data", "data", "--user"]
    with nothing_touched(public):
        returned, lines = start_in_vain([*command, "daemon"], public, user=nobody.pw_uid)
    assert returned == 1 and len(lines) == 1 and "become user daemon: only root can do that" in lines[0], lines
    done = subprocess.run([*command, "nobody", "--verify"], cwd=public, user=nobody.pw_uid, capture_output=True, text=True,
                          timeout=PATIENCE)
    assert done.returncode == 1 and "data: No such file" in done.stderr


@pytest.mark.parametrize("value", ["", "yes", "1"])
def test_a_switch_is_on_or_off(tmp_path, value):
    returned, lines = start_in_vain([*FERRYD, "--sandbox", value], tmp_path)
    assert (returned, lines) == (2, [f"ferryd: --sandbox {value}: on or off is wanted"])
