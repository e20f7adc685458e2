"""The page-table entry of Sv39, Sv48 and Sv57, which share one layout.

Source: RISC-V privileged specification, figure "Sv39 page table entry", and the chapters Svnapot and Svpbmt.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from gdbext.riscv.paging import PAGE_SHIFT, VPN_BITS, PagingMode

V, R, W, X, U, G, A, D = (1 << bit for bit in range(8))
RSW = 0b11 << 8
PPN_SHIFT = 10
PPN_BITS = 44
PPN_MASK = ((1 << PPN_BITS) - 1) << PPN_SHIFT
RESERVED_SHIFT = 54
RESERVED = 0b111_1111 << RESERVED_SHIFT
PBMT_SHIFT = 61
PBMT = 0b11 << PBMT_SHIFT
N = 1 << 63

PERMISSIONS = R | W | X
FLAGS = PERMISSIONS | U | G | A | D
FLAG_LETTERS = ((R, "R"), (W, "W"), (X, "X"), (U, "U"), (G, "G"), (A, "A"), (D, "D"))
PBMT_NAMES = ("PMA", "NC", "IO", "reserved")

NAPOT_PAGES = 16
NAPOT_SIZE = NAPOT_PAGES << PAGE_SHIFT


@dataclass(frozen=True)
class Pte:
    """One page-table entry, decoded from its 64-bit raw `value`; says nothing yet about whether it is legal."""

    value: int

    @property
    def is_valid(self) -> bool:
        return bool(self.value & V)

    @property
    def is_leaf(self) -> bool:
        """A valid PTE with R, W or X set maps a page; one without points to the next table."""
        return bool(self.value & PERMISSIONS)

    @property
    def is_napot(self) -> bool:
        return bool(self.value & N)

    @property
    def ppn(self) -> int:
        return (self.value & PPN_MASK) >> PPN_SHIFT

    @property
    def pa(self) -> int:
        """The physical address that the PPN names as it stands: for a NAPOT page, with the size still encoded in it."""
        return self.ppn << PAGE_SHIFT

    @property
    def pbmt(self) -> int:
        return (self.value & PBMT) >> PBMT_SHIFT

    @property
    def rsw(self) -> int:
        return (self.value & RSW) >> 8

    @cached_property
    def flags(self) -> str:
        """Nine columns, V R W X U G A D N, one dash for a clear flag."""
        letters = ((V, "V"), *FLAG_LETTERS, (N, "N"))
        return "".join(letter if self.value & bit else "-" for bit, letter in letters)


def leaf_pa(pte: Pte, va: int, level: int, mode: PagingMode) -> int:
    """The physical address that a legal leaf at `level` gives for `va`.

    A NAPOT leaf (level 0, N=1) takes the low four bits of its PPN from the address; a superpage takes its low VPNs.
    """
    size = NAPOT_SIZE if pte.is_napot else mode.page_size(level)
    return (pte.pa & ~(size - 1)) | (va & (size - 1))


def leaf_reach(pte: Pte, level: int, mode: PagingMode) -> int:
    """Bytes that are mapped the same way as the page of a leaf: 64K for NAPOT, else the page size of `level`."""
    return NAPOT_SIZE if pte.is_napot else mode.page_size(level)


def is_aligned_superpage(pte: Pte, level: int) -> bool:
    """Whether the low VPN_BITS * level bits of a leaf's PPN are zero."""
    return pte.ppn & ((1 << (VPN_BITS * level)) - 1) == 0


def describe_map_flags(value: int) -> str:
    """Seven columns, r w x u g a d: the flags of a mapping, as in the JSON of `maps`."""
    return "".join(letter.lower() if value & bit else "-" for bit, letter in FLAG_LETTERS)
