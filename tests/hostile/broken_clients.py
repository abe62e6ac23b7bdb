#!/usr/bin/python3
"""
Broken clients, and honest ones beside them

Rounds of clients that reset, half-close, stall, trickle, lie about lengths, smuggle, pipeline, repeat themselves, race
themselves on one upload, flood from one address, and open thousands of connections, all at once; beside them honest ones
upload, are hindered, go on and compare. After each round everybody has left, the operator deletes what was not honest,
and all must be as it was: connections, exchanges, fibers, writers, buffers, descriptors, rows; in later rounds no more
memory than in the first one; and of the honest uploads every byte, those of earlier rounds, too. At last the server is
stopped while all are at it, and started again: what it had acknowledged must be there.

    tests/hostile/broken_clients.py [--build FOLDER] [--rounds N] ...       --help lists them

What clients do follows from the seed; when the machine lets them do it does not. Prints a line for each round, and how
often what was done. Exit status 0 only if all was as it should be.
"""

import argparse
import os
import pathlib
import shutil
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "conversations"))


def options_of(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build/plain", help="the build whose ferryd is tried")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=100, help="broken clients at a time")
    parser.add_argument("--lives", type=int, default=48, help="of each worker, one after the other")
    parser.add_argument("--honest", type=int, default=60)
    parser.add_argument("--many", type=int, default=11_500,
                        help="connections at a time, besides; some are answered and closed")
    parser.add_argument("--memory-kib", type=int, default=8 * 1024,
                        help="by how much it may grow behind the first round; 0: whatever it does")
    parser.add_argument("--slower", type=int, default=1, help="by how much everything is, under a sanitizer say")
    return parser.parse_args(arguments)


def run(folder, options):
    """What has been done how often, when all has been as it should be."""
    import world  # reads the environment

    place = world.World(folder, options)
    try:
        memory = [place.one_round(options) for _ in range(options.rounds)]
        place.check_deadlines()
        place.stop_in_the_middle(options)
        place.stop()
    finally:
        place.server.kill()
    # The first round fills what is kept for the next ones: stacks, caches, the allocator's arenas.
    if options.memory_kib > 0 and options.rounds > 1:
        assert max(memory[1:]) <= memory[0] + options.memory_kib, f"memory grows: {memory} KiB"
    return place.counts


def main():
    options = options_of(sys.argv[1:])
    os.environ["FERRY_BUILD"] = options.build
    folder = pathlib.Path(tempfile.mkdtemp())
    try:
        for what, count in sorted(run(folder, options).items()):
            print(f"{count:8} {what}")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
