"""Physical memory protection: decoding pmpcfg/pmpaddr and the check of an access.

Source: RISC-V privileged specification, "Physical Memory Protection". On RV64 only the even pmpcfg registers exist,
each with the configuration bytes of eight entries.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gdbext.riscv.csrs import PMP_ENTRIES
from gdbext.riscv.traps import Access, Privilege

PMP_R, PMP_W, PMP_X, PMP_L = 0x01, 0x02, 0x04, 0x80
ADDRESS_MODES = ("OFF", "TOR", "NA4", "NAPOT")
PMPADDR_SHIFT = 2
PMPADDR_MASK = (1 << 54) - 1
NEEDED = {Access.LOAD: PMP_R, Access.STORE: PMP_W, Access.FETCH: PMP_X}


@dataclass(frozen=True)
class PmpEntry:
    """One PMP entry: number, configuration byte, raw pmpaddr, and the range [start, end) in bytes (empty if OFF)."""

    number: int
    cfg: int
    pmpaddr: int
    start: int
    end: int

    @property
    def address_mode(self) -> str:
        return ADDRESS_MODES[(self.cfg >> 3) & 0b11]

    @property
    def is_locked(self) -> bool:
        return bool(self.cfg & PMP_L)

    @property
    def permissions(self) -> str:
        """Three columns, R W X."""
        return "".join(c if self.cfg & bit else "-" for bit, c in ((PMP_R, "R"), (PMP_W, "W"), (PMP_X, "X")))

    def describe(self) -> str:
        return f"PMP entry {self.number} ({self.address_mode} {self.start:#x}-{self.end:#x} {self.permissions})"


@dataclass(frozen=True)
class PmpAnswer:
    """Whether an access may proceed, and the entry that decided (None: no entry matched)."""

    allowed: bool
    entry: PmpEntry | None
    partial: bool = False

    def describe(self) -> str:
        if self.entry is None:
            return "no PMP entry matches, which bars S and U"
        if self.partial:
            return f"{self.entry.describe()} matches only part of the access"
        return self.entry.describe()


def decode_pmp(csrs: Mapping[str, int]) -> tuple[PmpEntry, ...]:
    """The PMP entries that `csrs` (register name to value) tells of, in order of priority; absent ones are skipped."""
    entries: list[PmpEntry] = []
    previous = 0
    for number in range(PMP_ENTRIES):
        cfg_register = csrs.get(f"pmpcfg{number // 8 * 2}")
        pmpaddr = csrs.get(f"pmpaddr{number}")
        if cfg_register is None or pmpaddr is None:
            previous = 0
            continue
        pmpaddr &= PMPADDR_MASK
        cfg = (cfg_register >> (number % 8 * 8)) & 0xFF
        start, end = _entry_range(ADDRESS_MODES[(cfg >> 3) & 0b11], pmpaddr, previous)
        entries.append(PmpEntry(number, cfg, pmpaddr, start, end))
        previous = pmpaddr
    return tuple(entries)


def _entry_range(address_mode: str, pmpaddr: int, previous: int) -> tuple[int, int]:
    base = pmpaddr << PMPADDR_SHIFT
    if address_mode == "TOR":
        start = previous << PMPADDR_SHIFT
        return (start, base) if start < base else (start, start)
    if address_mode == "NA4":
        return base, base + 4
    if address_mode == "NAPOT":
        # The number of trailing ones of pmpaddr gives the size: 8 bytes for none, twice as much for each.
        ones = (pmpaddr ^ (pmpaddr + 1)).bit_length() - 1
        size = 8 << ones
        start = (pmpaddr >> ones) << (ones + PMPADDR_SHIFT)
        start &= ~(size - 1)
        return start, start + size
    return 0, 0


def check_pmp(entries: tuple[PmpEntry, ...], pa: int, size: int, access: Access, privilege: Privilege) -> PmpAnswer:
    """What PMP says to an access of `size` bytes at `pa`.

    The lowest-numbered entry that matches any byte decides, and must match all bytes. M-mode is barred only by locked
    entries. Without a match M-mode succeeds, and S and U fail if any entry is implemented.
    """
    for entry in entries:
        # A TOR entry whose bounds are equal or reversed matches nothing, even where an access lies around it.
        if entry.start >= entry.end or entry.start >= pa + size or entry.end <= pa:
            continue
        if not (entry.start <= pa and pa + size <= entry.end):
            return PmpAnswer(False, entry, partial=True)
        exempt = privilege is Privilege.M and not entry.is_locked
        return PmpAnswer(exempt or bool(entry.cfg & NEEDED[access]), entry)
    return PmpAnswer(privilege is Privilege.M or not entries, None)
