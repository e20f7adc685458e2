"""The paging modes of RV64 as data: one description, from which every walk and every piece of arithmetic follows.

Source: RISC-V privileged specification, "Supervisor Address Translation and Protection (satp) Register" and the
chapters on Sv39, Sv48 and Sv57.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

PAGE_SHIFT = 12
PAGE_SIZE = 1 << PAGE_SHIFT
PTE_SIZE = 8
VPN_BITS = 9
PTES_PER_TABLE = 1 << VPN_BITS
PA_BITS = 56
U64_MASK = (1 << 64) - 1

SIZE_UNITS = ((1 << 50, "P"), (1 << 40, "T"), (1 << 30, "G"), (1 << 20, "M"), (1 << 10, "K"))


@dataclass(frozen=True)
class PagingMode:
    """One value of satp.MODE. `levels` is 0 for Bare; level numbers run from `levels - 1` (the root) down to 0."""

    name: str
    satp_mode: int
    levels: int

    @property
    def va_bits(self) -> int:
        """How many low bits of a virtual address are translated; the bits above repeat the highest of them."""
        return PAGE_SHIFT + VPN_BITS * self.levels

    @property
    def root_level(self) -> int:
        return self.levels - 1

    @property
    def va_size(self) -> int:
        """Bytes of virtual address space that one root table covers, both halves together."""
        return 1 << self.va_bits

    def page_size(self, level: int) -> int:
        """Bytes that one leaf PTE at `level` maps: 4K at level 0, 2M at level 1, 1G at level 2, ..."""
        return 1 << (PAGE_SHIFT + VPN_BITS * level)

    def table_span(self, level: int) -> int:
        """Bytes of virtual address space that one table page at `level` serves."""
        return self.page_size(level) << VPN_BITS

    def vpn(self, va: int, level: int) -> int:
        """The index into the table at `level`: VPN[level] of `va`."""
        return (va >> (PAGE_SHIFT + VPN_BITS * level)) & (PTES_PER_TABLE - 1)

    def is_canonical(self, va: int) -> bool:
        """Whether the bits above `va_bits` all equal the highest translated bit, as the specification demands."""
        return self.levels == 0 or va == self.sign_extend(va)

    def sign_extend(self, va: int) -> int:
        """The canonical 64-bit address with the same translated bits as `va`."""
        low = va & (self.va_size - 1)
        if low >> (self.va_bits - 1):
            return low | (U64_MASK ^ (self.va_size - 1))
        return low

    def iter_levels(self) -> Iterator[int]:
        """The levels in the order of a walk: from the root down to 0."""
        return iter(range(self.root_level, -1, -1))


BARE = PagingMode("Bare", 0, 0)
SV39 = PagingMode("Sv39", 8, 3)
SV48 = PagingMode("Sv48", 9, 4)
SV57 = PagingMode("Sv57", 10, 5)
MODES = (BARE, SV39, SV48, SV57)
MODE_BY_SATP = {mode.satp_mode: mode for mode in MODES}
MODE_BY_NAME = {mode.name.lower(): mode for mode in MODES}


def describe_size(size: int) -> str:
    """A size in bytes as 4K, 2M, 1G; a size that is no whole number of a unit in the next smaller one."""
    for unit, letter in SIZE_UNITS:
        if size >= unit and size % unit == 0:
            return f"{size // unit}{letter}"
    return f"{size}B"
