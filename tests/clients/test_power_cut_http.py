"""Acknowledged means on disk, over HTTP too: power cuts under the real server

FERRY_CRASH_POINTS=1000 tries that many points on each file system, FERRY_CRASH_SEED repeats a seed.
"""

import os
import pathlib
import random
import sys

import pytest

DISK = pathlib.Path(__file__).resolve().parent.parent / "crash"
sys.path.insert(0, str(DISK))
if not (DISK / "taped_disk.py").exists():
    pytest.skip("no disk that keeps a tape: tests/crash", allow_module_level=True)

import conversation  # noqa: E402
import power_cut_http  # noqa: E402
import taped_disk  # noqa: E402

POINTS = int(os.environ.get("FERRY_CRASH_POINTS", 3 if conversation.SLOW else 10))
SEED = int(os.environ.get("FERRY_CRASH_SEED", random.SystemRandom().getrandbits(32)))


@pytest.mark.parametrize("fs", taped_disk.MAKE)
def test_what_a_client_was_told_survives(fs):
    reason = taped_disk.missing(fs)
    if reason:
        pytest.skip(f"no power cuts on {fs}: {reason}")

    report = power_cut_http.try_power_cuts(taped_disk.BUILD, fs, POINTS, SEED)
    print(f"{fs}, seed {SEED}: {report.line()}", *report.violations, sep="\n    ")
    assert report.points == POINTS
    assert not report.violations
    assert report.odd() <= max(1, POINTS // 20)  # more, and it has looked at too little
