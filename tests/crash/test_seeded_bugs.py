"""The power cuts notice what they are for: each store with a bug built in is caught.

The missing sync of a new file's directory is not here: these file systems bring the name of a new
file to the disk together with its bytes. Nor is the digest that goes on from bytes that were taken back:
it takes no power cut. The log of calls and its tests catch those.
"""

import random
import re

import pytest

import power_cut
import taped_disk

REASON = taped_disk.missing("ext4")
SEED = random.SystemRandom().getrandbits(32)
BUGS = {
    # what gives it away
    "no_fdatasync": "the file ends at|a wrong byte",
    "commit_before_sync": "the file ends at|a wrong byte",
    "answer_before_commit": "the file ends at|a wrong byte|below the acknowledged|it is damaged|in a state",
    "synchronous_normal": "below the acknowledged|is not even remembered|is gone|is back|in a state|its length has changed",
    "purge_before_dirsync": "a file without a row",
    "no_syncfs": "the file ends at|a wrong byte|it is damaged|no file, the offset is|cannot be read|does not complete",
}


@pytest.mark.skipif(REASON is not None, reason=f"no power cuts: {REASON}")
@pytest.mark.parametrize("bug", BUGS)
def test_a_seeded_bug_is_caught_within_60_points(bug):
    report = power_cut.try_power_cuts(taped_disk.BUILD, "ext4", 60, SEED, bug, stop_at_first=True)
    print(f"{bug}, seed {SEED}: {report.line()}", *report.violations, sep="\n    ")
    assert re.search(BUGS[bug], "".join(report.violations))
