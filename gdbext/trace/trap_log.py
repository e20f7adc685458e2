"""QEMU's own log of traps (`log int`), counted: what a machine did at full speed, without a stop.

QEMU writes a line for each trap as it is taken, with hart, cause, epc and tval.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from gdbext.riscv.paging import PAGE_SIZE
from gdbext.riscv.traps import INTERRUPT, PAGE_FAULTS
from gdbext.target.base import PageTableRegion

LINE = re.compile(
    r"^riscv_cpu_do_interrupt: hart:(\d+), async:([01]), cause:([0-9a-f]+), epc:0x([0-9a-f]+), tval:0x([0-9a-f]+)"
)


class LoggedTrap(NamedTuple):
    """A trap as QEMU logs it; `cause` has the interrupt bit as mcause has."""

    hart: int
    cause: int
    epc: int
    tval: int


@dataclass
class TrapCounts:
    """The traps of a run, counted. The counters by va, page, pc and hart are of page faults alone."""

    faults: int = 0
    region_faults: int = 0
    outside: int = 0
    causes: Counter[int] = field(default_factory=Counter)
    vas: Counter[int] = field(default_factory=Counter)
    pages: Counter[int] = field(default_factory=Counter)
    pcs: Counter[int] = field(default_factory=Counter)
    harts: Counter[int] = field(default_factory=Counter)


def iter_traps(lines: Iterable[str]) -> Iterator[LoggedTrap]:
    """The traps among the lines of a log; others than those of traps are passed over, and so is one cut short."""
    for line in lines:
        found = LINE.match(line)
        if found is not None and line.endswith("\n"):
            hart, is_async, cause, epc, tval = found.groups()
            interrupt = INTERRUPT if is_async == "1" else 0
            yield LoggedTrap(int(hart), int(cause, 16) | interrupt, int(epc, 16), int(tval, 16))


def count_traps(traps: Iterable[LoggedTrap], region: PageTableRegion | None) -> TrapCounts:
    """All `traps`, counted; `region` tells which page faults are those of table pages."""
    counts = TrapCounts()
    for trap in traps:
        counts.causes[trap.cause] += 1
        if trap.cause in PAGE_FAULTS:
            counts.faults += 1
            counts.region_faults += region is not None and trap.tval in region
            counts.outside += region is not None and trap.tval not in region
            counts.vas[trap.tval] += 1
            counts.pages[trap.tval & -PAGE_SIZE] += 1
            counts.pcs[trap.epc] += 1
            counts.harts[trap.hart] += 1
    return counts
