"""The tree of tables, entry by entry, for those who think in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum
from itertools import groupby

from gdbext.errors import UnreadableMemory
from gdbext.riscv.paging import PTE_SIZE
from gdbext.riscv.pte import Pte
from gdbext.tables.pages import describe_invalid
from gdbext.tables.scan import TableReader


class RowKind(Enum):
    """What the PTEs of a row are. A table is SHARED where it was listed before, and NOT_ENTERED below the depth."""

    PAGES = "pages"
    TABLE = "table"
    SHARED = "shared"
    NOT_ENTERED = "not entered"
    UNREADABLE = "unreadable"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class Row:
    """PTEs next to each other in a table that say the same: leaves of one stretch, a pointer, or invalid ones alike.

    `pte` is the raw value of the first of them, `size` the bytes of va that they serve together, and `note` why invalid
    ones fault, or why a table could not be read.
    """

    kind: RowKind
    level: int
    index: int
    count: int
    pte_pa: int
    pte: int
    va: int
    size: int
    pa: int
    note: str = ""


def iter_rows(reader: TableReader, root_pa: int, depth: int) -> Iterator[Row]:
    """The entries of the tree below a root that can be read, those of a table after the PTE that points to it.

    Enters `depth` levels of tables, and each table once a level, so that any tables at all come to an end.
    """
    entered: set[tuple[int, int]] = set()
    lowest_level = reader.mode.levels - depth

    def table_rows(table_pa: int, level: int, va: int) -> Iterator[Row]:
        entered.add((table_pa, level))
        rows = decode_rows(reader, table_pa, level, va)
        is_last = level <= lowest_level
        if not is_last:
            reader.fetch([row.pa for row in rows if row.kind is RowKind.TABLE])
        for row in rows:
            if row.kind is not RowKind.TABLE:
                yield row
            elif is_last:
                yield replace(row, kind=RowKind.NOT_ENTERED)
            elif isinstance(page := reader.read(row.pa), UnreadableMemory):
                yield replace(row, kind=RowKind.UNREADABLE, note=page.reason)
            elif (row.pa, level - 1) in entered:
                yield replace(row, kind=RowKind.SHARED)
            else:
                yield row
                yield from table_rows(row.pa, level - 1, row.va)

    yield from table_rows(root_pa, reader.mode.root_level, 0)


def decode_rows(reader: TableReader, table_pa: int, level: int, table_va: int) -> list[Row]:
    """The rows of one table that can be read and that serves the addresses from `table_va` on, in order."""
    mode = reader.mode
    decoded = reader.decode_whole(table_pa, level, table_va)

    def make_row(kind: RowKind, index: int, count: int, pa: int | None = None, note: str = "") -> Row:
        pte_pa = table_pa + index * PTE_SIZE
        pte = Pte(reader.read_pte(pte_pa))
        va = mode.sign_extend(table_va + index * mode.page_size(level))
        size = count * mode.page_size(level)
        return Row(kind, level, index, count, pte_pa, pte.value, va, size, pte.pa if pa is None else pa, note)

    rows = [make_row(RowKind.PAGES, mode.vpn(va, level), count, pa) for va, pa, _, _, count in decoded.runs]
    rows += [make_row(RowKind.TABLE, mode.vpn(pointer.va, level), 1) for pointer in decoded.pointers]
    notes = [
        (index, describe_invalid(Pte(reader.read_pte(table_pa + index * PTE_SIZE)), level, reader.rules))
        for index in decoded.invalid
    ]
    # Consecutive indexes keep the same distance from their position in the list.
    for (_, note), group in groupby(enumerate(notes), key=lambda item: (item[1][0] - item[0], item[1][1])):
        indexes = [index for _, (index, _) in group]
        rows.append(make_row(RowKind.INVALID, indexes[0], len(indexes), note=note))
    return sorted(rows, key=lambda row: row.index)
