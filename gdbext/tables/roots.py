"""Looking for root tables in memory of which nobody says where they are.

A page is a candidate if, read as a root table, it holds nothing but legal PTEs that lead somewhere. Lower tables and
other data pass that now and then; the evidence that is collected for each candidate tells them apart.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from gdbext.errors import UnreadableMemory, UnsupportedTarget
from gdbext.riscv.csrs import Satp
from gdbext.riscv.paging import PAGE_SIZE, PTES_PER_TABLE, SV39, PagingMode
from gdbext.riscv.pte import PPN_MASK, PPN_SHIFT, Pte, V, is_aligned_superpage
from gdbext.riscv.rules import TranslationRules
from gdbext.tables.pages import iter_visits
from gdbext.tables.scan import TableReader
from gdbext.tables.walk import describe_reserved, walk
from gdbext.target.base import Target

CHUNK = 1 << 20
# The highest byte of a PTE of a root table: no N, no reserved bits, and PBMT at will.
TOP_BYTES = b"\0\x20\x40"
# Tables that are read in a search, at most: a file of pointers to pointers would have more of them than anyone reads.
MAX_TABLES = 1 << 18

_unpack_page = struct.Struct(f"<{PTES_PER_TABLE}Q").unpack


@dataclass
class Root:
    """A candidate and the evidence for it.

    `leaves`, `invalid` and `unreadable` count PTEs of all its `tables`. `self_va` is where the root table is itself
    mapped, None if nowhere. `sections` is how many of the symbol file's sections translate. `parents` is how many other
    candidates lead to this table.
    """

    pa: int
    mode: PagingMode
    harts: tuple[int, ...] = ()
    tables: int = 0
    leaves: int = 0
    invalid: int = 0
    unreadable: int = 0
    self_va: int | None = None
    sections: int = 0
    parents: int = 0
    table_pas: frozenset[int] = field(default=frozenset(), repr=False)

    @property
    def satp(self) -> int:
        """The satp that would use this root, with ASID 0."""
        return self.mode.satp_mode << 60 | self.pa >> 12

    @property
    def is_plausible(self) -> bool:
        """Whether it maps anything, and more of it makes sense than not."""
        return bool(self.harts) or self.leaves > self.invalid + self.unreadable

    @property
    def rank(self) -> tuple[object, ...]:
        """What comes first sorts first: a hart uses it, nobody else leads to it, symbols, its own mapping, purity."""
        return (
            not self.harts,
            self.parents > 0,
            -self.sections,
            self.self_va is None,
            self.invalid + self.unreadable > 0,
            -self.tables,
            self.pa,
        )


def find_mode(target: Target) -> PagingMode:
    """The mode of the first hart that has paging on, or Sv39."""
    for hart in target.harts:
        value = target.read_csr(hart, "satp")
        mode = Satp(value).mode if value is not None else None
        if mode is not None and mode.levels:
            return mode
    return SV39


class RootSearch:
    """One search of a target's memory. `is_complete` is False where it had to stop, or memory could not be read.

    Raises `UnsupportedTarget` where there is no memory to search.
    """

    def __init__(self, target: Target, mode: PagingMode, rules: TranslationRules) -> None:
        self.target = target
        self.mode = mode
        self.rules = rules
        self.ranges = [(start, end) for start, end in target.readable_ranges() if end - start >= PAGE_SIZE]
        if not self.ranges:
            raise UnsupportedTarget(f"{target.name} does not tell where its RAM is: there is nothing to search")
        self.searched_size = 0
        self.is_complete = target.describe_kept() is None
        self._starts = [start for start, _ in self.ranges]
        self._legal: dict[int, bool] = {}

    def find(self) -> list[Root]:
        """The candidates that make sense, the most likely root first."""
        harts = self._find_hart_roots()
        roots = []
        budget = MAX_TABLES
        for pa in dict.fromkeys([*harts, *self._iter_candidates()]):
            if budget <= 0:
                self.is_complete = False
                break
            root = self._examine(pa, tuple(harts.get(pa, ())))
            budget -= root.tables
            if root.is_plausible:
                roots.append(root)
        arrivals = Counter(pa for root in roots for pa in root.table_pas)
        for root in roots:
            root.parents = arrivals[root.pa]
        return sorted(roots, key=lambda root: root.rank)

    def _find_hart_roots(self) -> dict[int, list[int]]:
        """The harts by the root table that their satp names."""
        found: dict[int, list[int]] = {}
        for hart in self.target.harts:
            value = self.target.read_csr(hart, "satp")
            if value is not None and Satp(value).mode is self.mode:
                found.setdefault(Satp(value).root_pa, []).append(hart)
        return found

    # Candidates

    def _iter_candidates(self) -> Iterator[int]:
        for start, end in self.ranges:
            first = (start + PAGE_SIZE - 1) & -PAGE_SIZE
            for chunk_pa in range(first, end, CHUNK):
                size = min(CHUNK, end - chunk_pa) & -PAGE_SIZE
                try:
                    chunk = self.target.read_physical(chunk_pa, size)
                except UnreadableMemory:
                    self.is_complete = False
                    continue
                self.searched_size += size
                if chunk.count(0) == size:
                    continue
                for offset in range(0, size, PAGE_SIZE):
                    page = chunk[offset : offset + PAGE_SIZE]
                    # Nearly all pages that are no tables end here.
                    if not page[7::8].translate(None, TOP_BYTES) and self._is_candidate(page):
                        yield chunk_pa + offset

    def _is_candidate(self, page: bytes) -> bool:
        """Whether all PTEs that are not zero are valid, legal for the root level, and point into memory."""
        level = self.mode.root_level
        found = False
        for value in _unpack_page(page):
            if not value:
                continue
            if not value & V:
                return False
            pte = Pte(value)
            attributes = value & ~PPN_MASK
            legal = self._legal.get(attributes)
            if legal is None:
                legal = self._legal[attributes] = describe_reserved(Pte(attributes), level, self.rules) is None
            if not legal:
                return False
            if pte.is_leaf:
                if not is_aligned_superpage(pte, level):
                    return False
            elif not self._is_readable((value & PPN_MASK) >> PPN_SHIFT << 12):
                return False
            found = True
        return found

    def _is_readable(self, page_pa: int) -> bool:
        index = bisect_right(self._starts, page_pa) - 1
        return index >= 0 and page_pa + PAGE_SIZE <= self.ranges[index][1]

    # Evidence

    def _examine(self, pa: int, harts: tuple[int, ...]) -> Root:
        reader = TableReader(self.target, self.mode, self.rules)
        root = Root(pa, self.mode, harts)
        table_pas = set()
        for visit in iter_visits(reader, pa):
            if visit.error is not None:
                root.unreadable += 1
            if visit.decoded is None:
                continue
            table_pas.add(visit.pa)
            root.invalid += len(visit.decoded.invalid)
            for va, run_pa, size, _, leaves in visit.decoded.runs:
                root.leaves += leaves
                if root.self_va is None and run_pa <= pa < run_pa + size:
                    root.self_va = va + pa - run_pa
        root.tables = len(table_pas)
        root.table_pas = frozenset(table_pas - {pa})
        root.sections = sum(
            walk(reader, self.mode, pa, section.start, self.rules).pa is not None for section in self.target.sections()
        )
        return root
