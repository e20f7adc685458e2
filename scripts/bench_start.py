"""The section of GDB's start: what `source gdbext/sv39.py` adds to a bare one."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Sequence
from statistics import median

from scripts.benchmark import Row
from scripts.qemu import EXTENSION, GDB

REPEAT = 21
BARE = (GDB, "-nx", "-q", "-batch")


def time_run(command: Sequence[str]) -> float:
    """How long the command takes, in milliseconds."""
    start = time.perf_counter()
    subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=True)
    return (time.perf_counter() - start) * 1000


def measure(quick: bool) -> Iterator[Row]:
    bare, loaded = [], []
    for _ in range(1 if quick else REPEAT):
        bare.append(time_run(BARE))
        loaded.append(time_run([*BARE, "-ex", f"source {EXTENSION}"]))
    added = median(loaded) - median(bare)
    yield Row("start", "source gdbext/sv39.py, added to GDB's start", added, "GDB's bare start", median(bare), 0.25)
