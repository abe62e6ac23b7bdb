"""Acknowledged means on disk: power cuts while a driver does everything that a store can do.

FERRY_CRASH_POINTS=1000 tries that many points on each file system, FERRY_CRASH_SEED repeats a seed.
"""

import os
import random

import pytest

import power_cut
import taped_disk

POINTS = int(os.environ.get("FERRY_CRASH_POINTS", 60 if taped_disk.plain() else 6))
SEED = int(os.environ.get("FERRY_CRASH_SEED", random.SystemRandom().getrandbits(32)))


@pytest.mark.parametrize("fs", taped_disk.MAKE)
def test_what_was_acknowledged_survives(fs):
    reason = taped_disk.missing(fs)
    if reason:
        pytest.skip(f"no power cuts on {fs}: {reason}")

    report = power_cut.try_power_cuts(taped_disk.BUILD, fs, POINTS, SEED)
    print(f"{fs}, seed {SEED}: {report.line()}", *report.violations, sep="\n    ")
    assert report.points == POINTS
    assert not report.violations
    assert report.odd() <= max(1, POINTS // 20)  # more, and it has looked at too little
