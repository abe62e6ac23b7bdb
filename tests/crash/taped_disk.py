"""A disk that keeps a tape of what happens to it, and what stands around it: see disk.c."""

import contextlib
import ctypes
import json
import os
import select
import shutil
import struct
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

BUILD = Path(os.environ.get("FERRY_BUILD", "build/plain"))
LIMIT_S = 120  # for any one program

MAKE = {
    "ext4": ["mkfs.ext4", "-q", "-E", "nodiscard"],
    "xfs": ["mkfs.xfs", "-q", "-K"],
    "btrfs": ["mkfs.btrfs", "-q", "-K"],
}
MARK = 3  # the kind of a record on the tape, see tape.h
UNLINKED = "unlinked\n"  # a mark that acknowledges nothing, see ledger.h
CLONE_FS, CLONE_NEWNS = 0x200, 0x20000  # sched.h
LIBC = ctypes.CDLL(None, use_errno=True)


def plain():
    """Whether this is the build without sanitizers and without valgrind: what is slow runs there."""
    options = BUILD / "meson-info" / "intro-buildoptions.json"
    if "FERRY_TEST_WRAPPER" in os.environ or not options.exists():
        return "FERRY_TEST_WRAPPER" not in os.environ
    values = {option["name"]: option["value"] for option in json.loads(options.read_text())}
    return values["b_sanitize"] == "none"


def missing(fs, build=BUILD):
    """Why power cuts cannot be tried here, or None."""
    if os.geteuid() != 0:
        return "not root"
    for device in ["/dev/fuse", "/dev/loop-control"]:
        if not os.path.exists(device):
            return f"no {device}"
    for program in [MAKE[fs][0], "losetup"]:
        if shutil.which(program) is None:
            return f"no {program}"
    if fs not in Path("/proc/filesystems").read_text().split():
        return f"no {fs} in the kernel"
    if not Path(build, "tests/crash/crash_disk").exists():
        return f"no crash_disk in {build}: built without libfuse3?"
    return None


def run(*command):
    result = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S)
    if result.returncode != 0:
        raise RuntimeError(f"{command}: {result.returncode} {result.stdout} {result.stderr}")
    return result.stdout


def called(result):
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


@contextlib.contextmanager
def own_mounts():
    """What the block mounts is there for it and the programs that it starts, and goes with the last of them: see
    mount_namespaces(7). So a run that is killed leaves nothing mounted, whose dead disk would fail every mkfs.btrfs after it."""
    folder = os.getcwd()
    before = os.open("/proc/thread-self/ns/mnt", os.O_RDONLY)
    called(LIBC.unshare(CLONE_NEWNS))
    try:
        run("mount", "--make-rprivate", "/")
        forget_others()
        yield
    finally:
        called(LIBC.unshare(CLONE_FS))  # setns wants that no thread started in the block shares it
        called(LIBC.setns(before, CLONE_NEWNS))
        os.close(before)
        os.chdir(folder)


def forget_others():
    """mkfs.btrfs asks each mounted loop device for its file, and gives up when one does not answer."""
    mounts = [line.split() for line in Path("/proc/thread-self/mounts").read_text().splitlines()]
    for device, folder, *_ in reversed(mounts):
        if device.startswith("/dev/loop"):
            run("umount", "--lazy", folder)


@contextlib.contextmanager
def served(program, mode, folder, *arguments):
    """The FUSE file system with the disk, until the end of the block, for what runs in it."""
    with own_mounts(), serving(program, mode, folder, *arguments):
        yield


@contextlib.contextmanager
def serving(program, mode, folder, *arguments):
    process = subprocess.Popen([program, mode, folder, *arguments], stdout=subprocess.PIPE, text=True)
    try:
        ready, _, _ = select.select([process.stdout], [], [], LIMIT_S)
        if not ready or process.stdout.readline() != "ready\n":
            raise RuntimeError("the disk is not served")
        yield
        run("umount", folder)
        if process.wait(LIMIT_S) != 0:
            raise RuntimeError("the disk failed")
    finally:
        if process.poll() is None:
            subprocess.run(["umount", "--lazy", folder], capture_output=True)
            process.kill()
        process.wait()
        process.stdout.close()


@contextlib.contextmanager
def loop_device(file):
    device = run("losetup", "--find", "--show", file).strip()
    try:
        run("blockdev", "--flushbufs", device)  # of what it held for others
        yield device
    finally:
        run("losetup", "--detach", device)
        wait_until_detached(device, file)


def wait_until_detached(device, file):
    """Whoever else has the device open, if only to look for a free one, keeps it attached so long."""
    deadline = time.monotonic() + LIMIT_S
    holds = Path("/sys/block", Path(device).name, "loop/backing_file")
    with contextlib.suppress(FileNotFoundError):  # it is gone once nothing is attached
        while holds.read_text().strip() == str(file):
            if time.monotonic() > deadline:
                raise RuntimeError(f"{device} stays attached to {file}")
            time.sleep(0.005)


@contextlib.contextmanager
def mounted(device, folder):
    run("mount", device, folder)
    try:
        yield
    finally:
        run("umount", folder)


@dataclass
class Tape:
    """Where a tape may be cut, and the marks before each place."""

    count: int = 0
    start: int = 0  # the first place to cut it at
    marks: list = field(default_factory=list)  # (number of the record, line)

    @classmethod
    def read(cls, path):
        tape = cls()
        with open(path, "rb") as file:
            file.seek(8)
            while len(head := file.read(16)) == 16:
                kind, count, _ = struct.unpack("=IIQ", head)
                if kind == MARK:
                    tape.marks.append((tape.count, file.read(count).decode()))
                else:
                    file.seek(count, os.SEEK_CUR)
                tape.count += 1
        return tape

    def points(self, chance, count):
        """In order: anywhere after the start, right after an acknowledgement, after an unlink."""
        marks = [(number + 1, line) for number, line in self.marks if number >= self.start]
        unlinks = [point for point, line in marks if line == UNLINKED]
        acknowledged = [point for point, line in marks if line != UNLINKED]
        anywhere = range(self.start + 1, self.count + 1)
        kinds = [anywhere, acknowledged or anywhere, unlinks or acknowledged or anywhere]
        return sorted(chance.choice(kinds[i % len(kinds)]) for i in range(count))

    def before(self, point):
        return "".join(line for number, line in self.marks if number < point)
