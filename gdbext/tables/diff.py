"""What changed between two states of an address space: by range of va, and by PTE."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise
from typing import NamedTuple

from gdbext.riscv.paging import PTE_SIZE, PTES_PER_TABLE, PagingMode
from gdbext.riscv.pte import PBMT, A, D, G, N, R, U, W, X
from gdbext.tables.pages import iter_visits
from gdbext.tables.scan import UNREADABLE, Run, Scan, TableReader, UnreadableTable


class SavedTable(NamedTuple):
    """A table page as it was: its level, the first va that it serves, and its 4096 bytes."""

    level: int
    va: int
    page: bytes


@dataclass(frozen=True)
class Snapshot:
    """An address space at one moment: its mappings in order of va, and its table pages by pa."""

    mode: PagingMode
    root_pa: int
    runs: tuple[Run, ...]
    tables: dict[int, SavedTable]
    unreadable: tuple[UnreadableTable, ...]


def take_snapshot(reader: TableReader, root_pa: int) -> Snapshot:
    """The present state of the address space below a root table."""
    scan = Scan(reader, root_pa)
    runs = tuple(scan.iter_runs())
    tables: dict[int, SavedTable] = {}
    for visit in iter_visits(reader, root_pa):
        page = reader.read(visit.pa)
        if isinstance(page, bytes) and visit.pa not in tables:
            tables[visit.pa] = SavedTable(visit.level, visit.va, page)
    return Snapshot(reader.mode, root_pa, runs, tables, tuple(scan.unreadable))


class Change(Enum):
    """What may have changed of a mapping. Several can hold at once, but for the first two."""

    MAPPED = "mapped"
    UNMAPPED = "unmapped"
    MOVED = "moved"
    PERMISSIONS = "permissions"
    MEMORY_TYPE = "memory type"
    ACCESSED = "accessed"
    DIRTY = "dirty"


# The bits of a PTE whose change goes by a name. G counts as a permission; N and PBMT say how memory is cached.
CHANGED_BITS = (
    (R | W | X | U | G, Change.PERMISSIONS),
    (PBMT | N, Change.MEMORY_TYPE),
    (A, Change.ACCESSED),
    (D, Change.DIRTY),
)


class RangeChange(NamedTuple):
    """A range of va that changed in one way throughout. `old` and `new` are pa and attributes, None where unmapped."""

    va: int
    size: int
    changes: tuple[Change, ...]
    old: tuple[int, int] | None
    new: tuple[int, int] | None


class PteChange(NamedTuple):
    """A PTE that changed, and the first va that it serves. `old` or `new` is None where its page was no table then."""

    pte_pa: int
    level: int
    va: int
    old: int | None
    new: int | None


def iter_range_changes(old: Snapshot, new: Snapshot) -> Iterator[RangeChange]:
    """What changed, in order of va. Where a table was unreadable, nothing is known and nothing reported."""
    same = set(old.runs) & set(new.runs)
    found: RangeChange | None = None
    for va, end, before, after in _iter_pieces(
        [run for run in old.runs if run not in same], [run for run in new.runs if run not in same]
    ):
        if UNREADABLE in (before and before[3], after and after[3]):
            continue
        piece = _compare(va, end, before, after)
        if piece is None:
            continue
        joined = None if found is None else _join(found, piece)
        if found is not None and joined is None:
            yield found
        found = joined or piece
    if found is not None:
        yield found


def _iter_pieces(old: Sequence[Run], new: Sequence[Run]) -> Iterator[tuple[int, int, Run | None, Run | None]]:
    """The ranges [va, end) between neighbouring borders of either list, with the run of each list that covers them."""
    borders = sorted({border for run in (*old, *new) for border in (run[0], run[0] + run[2])})
    at_old = at_new = 0
    for va, end in pairwise(borders):
        while at_old < len(old) and old[at_old][0] + old[at_old][2] <= va:
            at_old += 1
        while at_new < len(new) and new[at_new][0] + new[at_new][2] <= va:
            at_new += 1
        before = old[at_old] if at_old < len(old) and old[at_old][0] <= va else None
        after = new[at_new] if at_new < len(new) and new[at_new][0] <= va else None
        if before is not None or after is not None:
            yield va, end, before, after


def _compare(va: int, end: int, before: Run | None, after: Run | None) -> RangeChange | None:
    old = None if before is None else (before[1] + va - before[0], before[3])
    new = None if after is None else (after[1] + va - after[0], after[3])
    if old == new:
        return None
    if old is None:
        changes = [Change.MAPPED]
    elif new is None:
        changes = [Change.UNMAPPED]
    else:
        changes = [Change.MOVED] if old[0] != new[0] else []
        changes += [change for bits, change in CHANGED_BITS if (old[1] ^ new[1]) & bits]
    return RangeChange(va, end - va, tuple(changes), old, new)


def _join(first: RangeChange, second: RangeChange) -> RangeChange | None:
    """The two as one, if the second continues the first on both sides."""

    def continues(one: tuple[int, int] | None, other: tuple[int, int] | None) -> bool:
        if one is None or other is None:
            return one is other
        return one[0] + first.size == other[0] and one[1] == other[1]

    if first.va + first.size == second.va and continues(first.old, second.old) and continues(first.new, second.new):
        return first._replace(size=first.size + second.size)
    return None


def iter_pte_changes(old: Snapshot, new: Snapshot) -> Iterator[PteChange]:
    """Every PTE that differs, in order of address. Of a page that became or was a table, the PTEs that are not 0."""
    for table_pa in sorted(old.tables.keys() | new.tables.keys()):
        before, after = old.tables.get(table_pa), new.tables.get(table_pa)
        if before is not None and after is not None and before.page == after.page:
            continue
        table = after or before
        assert table is not None
        for index, (was, now) in enumerate(zip(_unpack(before), _unpack(after), strict=True)):
            if was == now or not (was or now):
                continue
            va = new.mode.sign_extend(table.va + index * new.mode.page_size(table.level))
            yield PteChange(table_pa + index * PTE_SIZE, table.level, va, was, now)


def _unpack(table: SavedTable | None) -> Sequence[int | None]:
    if table is None:
        return (None,) * PTES_PER_TABLE
    return struct.unpack(f"<{PTES_PER_TABLE}Q", table.page)
