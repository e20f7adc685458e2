"""A shadow of the page tables: what every table page held when it was last looked at, and what has changed since."""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from gdbext.errors import UnreadableMemory
from gdbext.riscv.paging import PAGE_SHIFT, PAGE_SIZE, PTE_SIZE, PagingMode
from gdbext.riscv.pte import PERMISSIONS, PPN_MASK, PPN_SHIFT, A, D, Pte, V, leaf_pa
from gdbext.target.base import PageTableRegion, Target

TABLE = struct.Struct("<512Q")
ZERO_PAGE = bytes(PAGE_SIZE)
IDLE_BATCH = 256
PTE_BITS = 8 * PTE_SIZE


class Change(NamedTuple):
    """A PTE whose value has changed, in a table of `level`; it serves the page or the table at `va`."""

    pte_pa: int
    level: int
    va: int
    old: int
    new: int

    @property
    def table_pa(self) -> int:
        return self.pte_pa & -PAGE_SIZE

    @property
    def is_hardware_update(self) -> bool:
        """Whether a valid PTE got A or D and nothing else, which the hardware does by itself."""
        return bool(self.old & V) and not (self.old ^ self.new) & ~(A | D) and not self.old & ~self.new


class NewPage(NamedTuple):
    """A page that came into use, as a table of `level` or, for None, as a page of the region that a leaf maps.

    `rubbish` counts the PTEs in it that are older than that; None where it is not known what the page held before.
    """

    pa: int
    level: int | None
    rubbish: int | None


class Link(NamedTuple):
    """Where a PTE leads, as far as the shadow cares: to a table, or to a page of the region that a leaf maps."""

    pa: int
    is_table: bool


@dataclass
class Table:
    """A table page: what it held, its level, the start of the va range that it serves, the PTEs that point to it."""

    page: bytes
    level: int
    va: int
    parents: set[int] = field(default_factory=set)


@dataclass
class Window:
    """A stretch of physical memory with the tables in it, from the first to the last, and what it last held."""

    tables: set[int] = field(default_factory=set)
    start: int = 0
    end: int = 0
    content: bytes = b""

    def fit(self) -> None:
        """Reach from the first table to the end of the last."""
        start, end = min(self.tables), max(self.tables) + PAGE_SIZE
        if (start, end) != (self.start, self.end):
            self.start, self.end, self.content = start, end, b""


@dataclass
class Difference:
    """What happened to the tables between two looks. `reused` has the pages in use that came into use once more."""

    changes: list[Change] = field(default_factory=list)
    new_pages: list[NewPage] = field(default_factory=list)
    became_tables: dict[int, int] = field(default_factory=dict)
    reused: dict[int, str] = field(default_factory=dict)


class Shadow:
    """The tables under one root, as they were at the last `refresh`; at most `limit` of them.

    Where there are more tables `is_complete` is False, and what happens in those left out goes unseen.
    Memory is read and compared in windows of `window` bytes, a page or a multiple: as far as they hold tables.
    """

    def __init__(
        self,
        target: Target,
        mode: PagingMode,
        root_pa: int,
        region: PageTableRegion | None,
        *,
        limit: int,
        window: int = PAGE_SIZE,
    ) -> None:
        self.target = target
        self.mode = mode
        self.root_pa = root_pa
        self.region = region
        self.limit = limit
        self.window = window
        self.is_complete = True
        self.tables: dict[int, Table] = {}
        self.mapped: dict[int, int] = {}
        self._windows: dict[int, Window] = {}
        self._idle: dict[int, bytes] | None = None
        self._difference = Difference()
        self._add_tables([(root_pa, mode.root_level, 0, 0)])

    def remember_idle_pages(self) -> None:
        """Note what lies in those pages of the region that are not in use, to know it from what is written later."""
        self._idle = {}
        if self.region is None:
            return
        idle = [pa for pa in range(self.region.start, self.region.end, PAGE_SIZE) if not self.is_in_use(pa)]
        for start in range(0, len(idle), IDLE_BATCH):
            batch = idle[start : start + IDLE_BATCH]
            for pa, page in zip(batch, self.target.read_pages(batch), strict=True):
                if isinstance(page, bytes) and page != ZERO_PAGE:
                    self._idle[pa] = page

    # What the shadow holds

    def read_pte(self, pte_pa: int) -> int:
        """The PTE at `pte_pa` as it was at the last look; one outside the shadow is read from the target."""
        table = self.tables.get(pte_pa & -PAGE_SIZE)
        return self.target.read_pte(pte_pa) if table is None else pte_at(table.page, pte_pa % PAGE_SIZE // PTE_SIZE)

    def is_in_use(self, pa: int) -> bool:
        return pa in self.tables or pa in self.mapped

    def iter_region_pages(self) -> Iterator[int]:
        """The pages of the region that are tables, or mapped by a leaf of level 0."""
        if self.region is not None:
            yield from (pa for pa in self.tables.keys() | self.mapped.keys() if pa in self.region)

    def is_empty_table(self, pa: int) -> bool:
        """Whether the page at `pa` is a table without a valid PTE."""
        table = self.tables.get(pa)
        return table is not None and not any(pte & V for pte in TABLE.unpack(table.page))

    def iter_leaves(self) -> Iterator[tuple[int, int, Pte]]:
        """The va, the level and the PTE of every valid leaf, in no order."""
        for table in self.tables.values():
            for index in iter_differences(ZERO_PAGE, table.page):
                pte = pte_at(table.page, index)
                if pte & V and pte & PERMISSIONS:
                    yield self._entry_va(table, index), table.level, Pte(pte)

    def iter_aliases(self, pas: Collection[int]) -> Iterator[int]:
        """The virtual addresses at which some leaf maps one of `pas`."""
        for va, level, pte in self.iter_leaves():
            start, size = leaf_pa(pte, va, level, self.mode), self.mode.page_size(level)
            yield from (va + pa - start for pa in pas if start <= pa < start + size)

    # What has changed

    def refresh(self) -> Difference:
        """Look at every table again: what changed since the last look, in the order of a walk from the root."""
        difference = self._difference = Difference()
        for window in self._windows.values():
            for pa, page in self._iter_changed(window):
                difference.changes += self._replace(pa, page)
        came = self._find_taken_again(difference)
        for change in list(difference.changes):
            self._drop(change)
        pending = deque((change, True) for change in difference.changes if change.table_pa in self.tables)
        while pending:
            change, is_written = pending.popleft()
            for below, is_new in self._add(change, came if is_written else {}):
                pending.append((below, is_new))
                if is_new:
                    difference.changes.append(below)
        difference.changes.sort(key=lambda change: (-change.level, change.va, change.pte_pa))
        difference.new_pages += (self._describe_new(pa) for pa in came)
        return difference

    def _iter_changed(self, window: Window) -> Iterator[tuple[int, bytes]]:
        """The tables in a window that hold something else than they did, and what."""
        try:
            content = self.target.read_physical(window.start, window.end - window.start)
        except UnreadableMemory:
            return  # Tables were here at the last look; memory that goes away is no handler's work.
        if content == window.content:
            return
        window.content = content
        for pa in sorted(window.tables):
            page = content[pa - window.start : pa - window.start + PAGE_SIZE]
            if page != self.tables[pa].page:
                yield pa, page

    def _find_taken_again(self, difference: Difference) -> dict[int, None]:
        """The tables that were emptied and, in the same go, mapped: pages in use that were allocated once more.

        What was cleared in them was cleared with the page, and counts as no PTE that was written.
        """
        links = (self._link(change.new, change.level) for change in difference.changes)
        mapped = {link.pa for link in links if link is not None and not link.is_table}
        emptied = {c.table_pa for c in difference.changes if self.tables[c.table_pa].page == ZERO_PAGE}
        taken = dict.fromkeys(sorted((mapped & emptied) - self.mapped.keys()))
        for pa in taken:
            difference.reused[pa] = f"it already is the level-{self.tables[pa].level} table for {self.tables[pa].va:#x}"
        difference.changes = [change for change in difference.changes if change.table_pa not in taken]
        return taken

    def _replace(self, table_pa: int, page: bytes) -> list[Change]:
        table = self.tables[table_pa]
        before, table.page = table.page, page
        return [
            self._change(table_pa, table, index, pte_at(before, index), pte_at(page, index))
            for index in iter_differences(before, page)
        ]

    def _change(self, table_pa: int, table: Table, index: int, old: int, new: int) -> Change:
        return Change(table_pa + index * PTE_SIZE, table.level, self._entry_va(table, index), old, new)

    def _entry_va(self, table: Table, index: int) -> int:
        return self.mode.sign_extend(table.va + index * self.mode.page_size(table.level))

    def _link(self, pte: int, level: int) -> Link | None:
        if not pte & V:
            return None
        pa = (pte & PPN_MASK) >> PPN_SHIFT << PAGE_SHIFT
        if not pte & PERMISSIONS:
            return Link(pa, True) if level else None
        if self.region is None or pa not in self.region:
            return None
        # A misaligned superpage translates nothing: whoever wrote it meant the page that it names.
        return Link(pa, False) if not level or pa % self.mode.page_size(level) else None

    def _drop(self, change: Change) -> None:
        """Forget what a PTE led to before."""
        link = self._link(change.old, change.level)
        if link is None or link == self._link(change.new, change.level):
            return
        if link.is_table:
            self._unlink_table(link.pa, change.pte_pa)
        elif self.mapped.get(link.pa) == change.va:
            del self.mapped[link.pa]
            self._retire(link.pa)

    def _unlink_table(self, pa: int, parent: int) -> None:
        todo = [(pa, parent)]
        while todo:
            pa, parent = todo.pop()
            table = self.tables.get(pa)
            if table is None:
                continue
            table.parents.discard(parent)
            if table.parents or pa == self.root_pa:
                continue
            self._remove_table(pa)
            for index in iter_differences(ZERO_PAGE, table.page):
                link = self._link(pte_at(table.page, index), table.level)
                if link is not None and link.is_table:
                    todo.append((link.pa, pa + index * PTE_SIZE))
                elif link is not None and self.mapped.get(link.pa) == self._entry_va(table, index):
                    del self.mapped[link.pa]
                    self._retire(link.pa)
            self._retire(pa)

    def _retire(self, pa: int) -> None:
        """Remember what is in a page of the region that nothing uses any more."""
        if self._idle is None or self.region is None or pa not in self.region or self.is_in_use(pa):
            return
        page = self.target.read_pages([pa])[0]
        self._idle.pop(pa, None)
        if isinstance(page, bytes) and page != ZERO_PAGE:
            self._idle[pa] = page

    def _add(self, change: Change, came: dict[int, None]) -> list[tuple[Change, bool]]:
        """Take in what a PTE leads to now. The result are the PTEs in a page that became a table by it, and whether
        each was written since, rather than left there from before."""
        link = self._link(change.new, change.level)
        if link is None or link == self._link(change.old, change.level):
            return []
        if not self.is_in_use(link.pa):
            came[link.pa] = None
        if link.is_table:
            return self._link_table(link.pa, change)
        known = self.mapped.setdefault(link.pa, change.va)
        if known != change.va:
            self._difference.reused[link.pa] = f"it is already mapped at {known:#x}"
        return []

    def _link_table(self, pa: int, change: Change) -> list[tuple[Change, bool]]:
        known = self.tables.get(pa)
        if known is not None and change.pte_pa in known.parents:
            return []
        if known is not None:
            self._difference.reused[pa] = f"it already is the level-{known.level} table for {known.va:#x}"
            known.parents.add(change.pte_pa)
            return []
        page = self.target.read_pages([pa])[0]
        if isinstance(page, UnreadableMemory):
            return []
        table = self._put_table(pa, Table(page, change.level - 1, change.va, {change.pte_pa}))
        self._difference.became_tables[pa] = table.level
        if page == ZERO_PAGE:
            return []
        left = self._idle.get(pa, ZERO_PAGE) if self._idle is not None else ZERO_PAGE
        return [
            (self._change(pa, table, index, 0, pte_at(page, index)), pte_at(left, index) != pte_at(page, index))
            for index in iter_differences(ZERO_PAGE, page)
        ]

    def _describe_new(self, pa: int) -> NewPage:
        table = self.tables.get(pa)
        page = table.page if table else self.target.read_pages([pa])[0]
        left = self._idle.pop(pa, ZERO_PAGE) if self._idle is not None else None
        rubbish = None
        if isinstance(page, bytes) and left is not None:
            rubbish = 0 if ZERO_PAGE in (page, left) else self._count_alike(left, page)
        return NewPage(pa, table.level if table else None, rubbish)

    @staticmethod
    def _count_alike(left: bytes, page: bytes) -> int:
        return sum(1 for old, new in zip(TABLE.unpack(left), TABLE.unpack(page), strict=True) if old and old == new)

    def _put_table(self, pa: int, table: Table) -> Table:
        self.tables[pa] = table
        window = self._windows.setdefault(pa // self.window, Window())
        window.tables.add(pa)
        window.fit()
        return table

    def _remove_table(self, pa: int) -> None:
        del self.tables[pa]
        window = self._windows[pa // self.window]
        window.tables.discard(pa)
        if window.tables:
            window.fit()
        else:
            del self._windows[pa // self.window]

    def _add_tables(self, todo: list[tuple[int, int, int, int]]) -> None:
        """Take in tables (pa, level, va, the PTE that points there) that were there before we looked, and all below."""
        while todo:
            pages = self.target.read_pages([entry[0] for entry in todo])
            below: list[tuple[int, int, int, int]] = []
            for (pa, level, va, parent), page in zip(todo, pages, strict=True):
                if pa in self.tables:
                    self.tables[pa].parents.add(parent)
                elif len(self.tables) == self.limit:
                    self.is_complete = False
                elif isinstance(page, bytes):
                    self._put_table(pa, Table(page, level, va, {parent}))
                    below += self._iter_children(pa)
            todo = below

    def _iter_children(self, table_pa: int) -> Iterator[tuple[int, int, int, int]]:
        """The tables that a table points to; pages of the region that its leaves map are noted by the way."""
        table = self.tables[table_pa]
        for index in iter_differences(ZERO_PAGE, table.page):
            link = self._link(pte_at(table.page, index), table.level)
            if link is not None and link.is_table:
                yield link.pa, table.level - 1, self._entry_va(table, index), table_pa + index * PTE_SIZE
            elif link is not None:
                self.mapped.setdefault(link.pa, self._entry_va(table, index))


def pte_at(page: bytes, index: int) -> int:
    """The PTE number `index` of a table page."""
    return int.from_bytes(page[index * PTE_SIZE : (index + 1) * PTE_SIZE], "little")


def iter_differences(before: bytes, page: bytes) -> Iterator[int]:
    """The indexes of the PTEs in which two table pages differ, in order; without a loop over those that are alike."""
    difference = int.from_bytes(before, "little") ^ int.from_bytes(page, "little")
    while difference:
        index = ((difference & -difference).bit_length() - 1) // PTE_BITS
        yield index
        difference = difference >> (index + 1) * PTE_BITS << (index + 1) * PTE_BITS
