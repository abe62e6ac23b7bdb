"""What does not depend on the build, or shows that a test can fail, runs once: with the plain build."""

import signal
import sys

import taped_disk

collect_ignore = [] if taped_disk.plain() else ["test_model.py", "test_seeded_bugs.py"]

# so that a test that is ended from outside unmounts what it has mounted
signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
