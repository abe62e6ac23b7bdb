#!/usr/bin/python3
"""Power cuts: run a driver on a disk that keeps a tape, and check the disk as cuts leave it.

    tests/crash/power_cut.py BUILD [--fs ext4 xfs btrfs] [--points N] [--seed N] [--bug NAME]
                             [--keep FOLDER]   a copy of each tape with a violation

The driver runs on a fresh file system on a disk in memory (disk.c) and marks what it acknowledges; it
is killed and started again on the way. Then the power is cut at points of the tape: a third of them by
chance, a third right after an acknowledgement, a third between an unlink and the sync that makes it
last. The checker opens what is on the disk.

Half of the points are on a second tape: that of a disk that had such a cut, on which the driver goes
on. So the power also fails during recovery, and what was written after it is held to the same.

A pair of tapes serves POINTS_PER_PAIR points; more points take more. Needs root, FUSE, loop devices.
"""

import argparse
import contextlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from taped_disk import LIMIT_S, MAKE, UNLINKED, Tape, loop_device, missing, mounted, run, served

DISK_MIB = 512  # XFS wants 300
POINTS_PER_PAIR = 60
STEPS = 200  # of each of the driver's threads, in each of its runs

KEPT = [0, 0.2, 0.5, 0.9, 1]
PIECES = [0, 4096, 512]
NOT_MOUNTED = "the file system cannot be mounted"


@dataclass
class Finding:
    """What two looks at the disk after one cut have found; the second only if the first did."""

    cut: str
    looks: list

    def __str__(self):
        return f"cut {self.cut}: " + "once more: ".join(str(look).strip() + "\n" for look in self.looks)


class PowerCut:
    def __init__(self, build, fs, folder, bug=None):
        programs = Path(build, "tests/crash")
        self.disk = programs / "crash_disk"
        self.driver = programs / ("crash_driver" + (f"_{bug}" if bug else ""))
        self.checker = programs / "crash_checker"
        self.fs = fs
        self.tape = Path(folder, "tape")
        self.fuse = Path(folder, "fuse")
        self.mount = Path(folder, "mount")
        self.fuse.mkdir()
        self.mount.mkdir()

    def drive(self, chance):
        """The first tape: a new file system, and a few runs of the driver, all but the last killed."""
        with served(self.disk, "record", self.fuse, self.tape, str(DISK_MIB)):
            with loop_device(self.fuse / "disk") as device:
                run(*MAKE[self.fs], device)
                violation = self.drive_on(chance, device, [True, True, False])
        tape = Tape.read(self.tape)
        tape.start = tape.marks[0][0]
        return tape, violation

    def drive_after_cut(self, chance, tape):
        """The next tape: the disk as some cut of this one leaves it, and the driver goes on."""
        old = self.tape.rename(self.tape.with_name("old"))
        [point] = tape.points(chance, 1)
        cut = self.choose_cut(chance, point)
        with served(self.disk, "record", self.fuse, self.tape, old, cut):
            (self.fuse / "mark").write_text(UNLINKED)  # here the new part begins
            with loop_device(self.fuse / "disk") as device:
                violation = self.drive_on(chance, device, [True, False])
        after = Tape.read(self.tape)
        after.start = after.marks[sum(number < point for number, _ in tape.marks)][0]
        return after, violation and f"after a cut, {violation}"

    def drive_on(self, chance, device, kills):
        with mounted(device, self.mount):
            for kill in kills:
                violation = self.drive_once(chance.getrandbits(32), chance.randint(20, 300) * kill)
                if violation:
                    return violation
        return None

    def drive_once(self, seed, kill_after):
        """What the driver objects to while it runs, or None."""
        command = [self.driver, self.mount / "data", self.fuse / "mark", str(seed), str(STEPS)]
        try:
            result = subprocess.run(
                [*command, str(kill_after)], capture_output=True, text=True, timeout=LIMIT_S
            )
        except subprocess.TimeoutExpired:
            return f"while it ran, seed {seed}: it hangs"
        if result.returncode == 3:
            return f"while it ran, seed {seed}: {result.stdout}{result.stderr}"
        if result.returncode not in (0, -9):
            raise RuntimeError(f"{command}: {result.returncode} {result.stdout} {result.stderr}")
        return None

    def check(self, tape, chance, point):
        """Looks at the disk as a cut at a point leaves it; twice, when there is something wrong."""
        cut = self.choose_cut(chance, point)
        told = tape.before(point)
        looks = [self.check_once(cut, told)]
        if looks[0]:
            looks.append(self.check_once(cut, told))
        return Finding(cut, looks)

    def check_once(self, cut, told):
        (self.fuse / "cut").write_text(cut)
        with loop_device(self.fuse / "disk") as device, contextlib.ExitStack() as stack:
            try:
                stack.enter_context(mounted(device, self.mount))
            except RuntimeError as error:
                return f"{NOT_MOUNTED}: {error}"
            return self.look(told)

    def look(self, told):
        """What is wrong with the mounted disk after the marks that were told before the cut, or None."""
        marks = self.tape.with_name("marks")
        marks.write_text(told)
        result = subprocess.run(
            [self.checker, self.mount / "data", marks],
            capture_output=True, text=True, timeout=LIMIT_S,
        )
        return None if result.returncode == 0 else result.stdout + result.stderr

    @staticmethod
    def choose_cut(chance, point):
        return f"{point} {chance.choice(KEPT)} {chance.choice(PIECES)} {chance.getrandbits(32)}"

    def check_all(self, tape, chance, count):
        """Yields what was found at each of that many points."""
        with served(self.disk, "replay", self.fuse, self.tape):
            for point in tape.points(chance, count):
                yield self.check(tape, chance, point)


@dataclass
class Report:
    points: int = 0
    tapes: int = 0
    records: int = 0
    marks: int = 0
    seconds: float = 0
    violations: list = field(default_factory=list)
    unsteady: list = field(default_factory=list)  # nothing wrong at the second look
    unmounted: list = field(default_factory=list)  # nothing to look at: the file system gave up

    def add(self, finding):
        if not all(finding.looks):
            kind = self.unsteady if any(finding.looks) else None
        else:
            kind = self.unmounted if finding.looks[1].startswith(NOT_MOUNTED) else self.violations
        if kind is not None:
            kind.append(str(finding))
            print(finding, file=sys.stderr, flush=True)

    def odd(self):
        return len(self.violations) + len(self.unsteady) + len(self.unmounted)

    def line(self):
        return (
            f"{self.points} points on {self.tapes} tapes with {self.records} records and "
            f"{self.marks} marks, {len(self.violations)} violations, {len(self.unsteady)} unsteady, "
            f"{len(self.unmounted)} not mountable, {self.seconds:.0f} s"
        )


def check_tape(power_cut, tape, chance, count, report, stop_at_first):
    report.tapes += 1
    report.records += tape.count
    report.marks += len(tape.marks)
    with contextlib.closing(power_cut.check_all(tape, chance, count)) as checks:
        for finding in checks:
            report.points += 1
            report.add(finding)
            if report.violations and stop_at_first:
                return


def check_pair(power_cut, chance, count, report, stop_at_first, keep):
    """A tape, and one of the disk after a cut."""
    tape = None
    for points in [(count + 1) // 2, count // 2]:
        if points == 0 or (stop_at_first and report.violations):
            return
        before = report.odd()
        tape, violation = power_cut.drive_after_cut(chance, tape) if tape else power_cut.drive(chance)
        if violation:
            report.add(Finding("none", [violation, violation]))
        check_tape(power_cut, tape, chance, points, report, stop_at_first)
        if keep and report.odd() > before:
            shutil.copy(power_cut.tape, keep / f"{power_cut.fs}-{report.tapes}")


def try_power_cuts(build, fs, count, seed, bug=None, stop_at_first=False, keep=None):
    """Cuts the power at that many points. All that is made is below one folder and is removed."""
    chance = random.Random(f"{seed} {fs}")
    report = Report()
    start = time.monotonic()
    while report.points < count and not (stop_at_first and report.violations):
        left = min(POINTS_PER_PAIR, count - report.points)
        with tempfile.TemporaryDirectory(prefix="ferry-crash-") as folder:
            check_pair(PowerCut(build, fs, folder, bug), chance, left, report, stop_at_first, keep)
    report.seconds = time.monotonic() - start
    return report


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", type=Path)
    parser.add_argument("--fs", nargs="+", choices=MAKE, default=list(MAKE))
    parser.add_argument("--points", type=int, default=POINTS_PER_PAIR)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    parser.add_argument("--bug")
    parser.add_argument("--keep", type=Path)
    arguments = parser.parse_args()

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that all is unmounted
    print(f"seed {arguments.seed}", flush=True)
    bad = 0
    for fs in arguments.fs:
        reason = missing(fs, arguments.build)
        if reason:
            sys.exit(reason)
        report = try_power_cuts(
            arguments.build, fs, arguments.points, arguments.seed, arguments.bug, keep=arguments.keep
        )
        print(f"{fs}: {report.line()}", flush=True)
        bad += len(report.violations)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
