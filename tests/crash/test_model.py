"""The model of the commit protocol, spec/commit.pml: searched in full by spin, each mutant refuted.

    /usr/bin/python3 -m pytest -rP tests/crash/test_model.py      also prints states and seconds

FERRY_MODEL="-DLATER=2" searches a larger space: see the head of the model for what there is.
"""

import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

MODEL = Path(__file__).parents[2] / "spec" / "commit.pml"
LIMIT_S = 600

MUTANTS = {
    # the property that is expected to break, as spin prints the assert
    "NO_FDATASYNC": "cache[p]==counted[p]",
    "COMMIT_BEFORE_SYNC": "cache[p]==counted[p]",
    "ANSWER_BEFORE_COMMIT": "row_offset>=told_offset",
    "SYNCHRONOUS_NORMAL": "told_",
    "COUNT_AFTER_SYNC": "cache[p]==counted[p]",
    "NO_DIRSYNC_AT_CREATION": "name_cached",
    "DIRSYNC_BY_CREATOR_ONLY": "name_cached",
    "PURGE_BEFORE_DIRSYNC": "name_cached",
    "UNLINK_BEFORE_TOMBSTONE": "name_cached",
    "NO_DIRSYNC_AT_RECOVERY": "name_cached",
    "NO_SYNC_AT_START": "name_cached",
    "NO_FENCING": "asked_offset",
    "NO_MARK": "cache[p]!=99",
    "OLDEST_WAITER": ">generation",
}

pytestmark = pytest.mark.skipif(shutil.which("spin") is None, reason="spin is not installed")


def search(folder, *defines, level="-O2"):
    """Spin's report on the whole state space, or up to the first broken assert."""
    run = dict(cwd=folder, check=True, capture_output=True, text=True, timeout=LIMIT_S)
    subprocess.run(["spin", *defines, "-a", MODEL], **run)
    subprocess.run(["cc", level, "-w", "-DSAFETY", "-DCOLLAPSE", "-o", "pan", "pan.c"], **run)
    start = time.monotonic()
    report = subprocess.run(["./pan", "-m100000", "-w24"], **run).stdout
    seconds = time.monotonic() - start

    states = int(re.search(r"(\d+) states, stored", report)[1])
    print(f"{' '.join(defines) or 'model'}: {states} states, {seconds:.2f} s")
    assert "error: max search depth too small" not in report
    return report


def test_the_protocol_keeps_its_promises(tmp_path):
    report = search(tmp_path, *os.environ.get("FERRY_MODEL", "").split())
    assert "errors: 0" in report, report
    for process in ["request", "start"]:
        # what no run reaches is not proven
        assert re.search(rf"unreached in proctype {process}\n\t\(0 of", report), report


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_mutant_is_refuted(mutant, tmp_path):
    report = search(tmp_path, f"-D{mutant}", level="-O0")
    broken = re.search(r"assertion violated (.*) \(at depth", report)
    assert broken and MUTANTS[mutant] in broken[1], report
