#!/usr/bin/python3
"""Power cuts under the real server: what ferryd has told its clients over HTTP survives

    tests/clients/power_cut_http.py BUILD [--fs ext4 xfs btrfs] [--points N] [--seed N]

The disk that keeps a tape is that of tests/crash. Here the driver is several clients at once (power_cut_clients.py) and
the checker is one more (power_cut_checker.py); between them and the disk stands ferryd, and beside the disk what the
clients were told (acknowledged.py). Half of the points are on a second tape, of a disk that had a cut already and on
which the clients went on. In every other run finals become one file each.
"""

import argparse
import pathlib
import random
import sys
import tempfile
import time

FOLDER = pathlib.Path(__file__).resolve().parent
for sibling in "conversations", "crash":
    sys.path.insert(0, str(FOLDER.parent / sibling))

import conversation  # noqa: E402
import power_cut  # noqa: E402
import taped_disk  # noqa: E402
from acknowledged import Marks, read_marks  # noqa: E402
from power_cut_checker import Checker  # noqa: E402
from power_cut_clients import SHARED, Client, Endpoint, Violation  # noqa: E402

CLIENTS = 6


class PowerCutOverHttp(power_cut.PowerCut):
    def __init__(self, build, fs, folder):
        super().__init__(build, fs, folder)
        self.folder = pathlib.Path(folder)
        self.data = self.mount / "data"

    def start(self, seed=0):
        host = f"127.{random.randint(64, 127)}.{random.randint(1, 254)}.{random.randint(1, 254)}"
        arguments = ["--data", str(self.data), "--min-free", "0", "--listen", f"{host}:0", "--log-level", "warning",
                     "--materialise", "always" if seed % 2 else "never"]
        return conversation.Server("server/ferryd", arguments, self.folder)

    def drive_once(self, seed, kill_after):
        """Clients go on with what the marks tell of; what they object to, or None."""
        chance = random.Random(seed)
        told = read_marks((self.fuse / "mark").read_text())
        alive = [entry.upload for entry in told.values() if entry.upload and not entry.deleting]
        shared = (alive[-SHARED:] + [None] * SHARED)[:SHARED]
        server = self.start(seed)
        mark = Marks(open(self.fuse / "mark", "ab", buffering=0), kill_after, server.process.kill)
        try:
            clients = [Client(Endpoint(server, self.data), mark, shared, chance.getrandbits(64))
                       for _ in range(CLIENTS)]
            for client in clients:
                client.start()
            for client in clients:
                client.join()
            violations = [client.violation for client in clients if client.violation]
            if not mark.gone:
                server.stop()
            return violations[0] if violations else None
        finally:
            server.kill()
            mark.file.close()

    def look(self, told):
        server = None
        try:
            server = self.start()
            Checker(Endpoint(server, self.data), read_marks(told)).check()
            server.stop()
        except (Violation, OSError, AssertionError) as error:
            return f"{error!r:.2000}"
        finally:
            if server:
                server.kill()
        return None


def try_power_cuts(build, fs, count, seed):
    chance = random.Random(f"{seed} {fs} http")
    report = power_cut.Report()
    begun = time.monotonic()
    while report.points < count:
        with tempfile.TemporaryDirectory(prefix="ferry-crash-") as folder:
            cut = PowerCutOverHttp(build, fs, folder)
            left = min(power_cut.POINTS_PER_PAIR, count - report.points)
            power_cut.check_pair(cut, chance, left, report, False, None)
    report.seconds = time.monotonic() - begun
    return report


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--fs", nargs="+", choices=taped_disk.MAKE, default=list(taped_disk.MAKE))
    parser.add_argument("--points", type=int, default=power_cut.POINTS_PER_PAIR)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    arguments = parser.parse_args()

    conversation.BUILD = arguments.build.resolve()
    print(f"seed {arguments.seed}")
    bad = 0
    for fs in arguments.fs:
        if reason := taped_disk.missing(fs, arguments.build):
            sys.exit(reason)
        report = try_power_cuts(arguments.build, fs, arguments.points, arguments.seed)
        print(f"{fs}: {report.line()}", flush=True)
        bad += len(report.violations)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
