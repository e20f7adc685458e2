"""The page-table pages themselves: each of them once, with its place in the tree."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from gdbext.errors import UnreadableMemory
from gdbext.riscv.pte import Pte
from gdbext.riscv.rules import TranslationRules
from gdbext.tables.scan import DecodedTable, Run, TableReader, UnreadableTable
from gdbext.tables.walk import describe_reserved

# What `describe_invalid` says of a PTE whose encoding is legal.
POINTER_AT_LEVEL_0 = "is a pointer at level 0"
MISALIGNED_SUPERPAGE = "is a misaligned superpage"


class Visit(NamedTuple):
    """One arrival at a table. `pte_pa` is that of the PTE that points to it, None for satp's root.

    The table is decoded at the first arrival at its pa and level; at the others, and where `error` says why it could
    not be read, `decoded` is None. `is_cycle` says that the table is one of those that lead to it.
    """

    pa: int
    level: int
    va: int
    pte_pa: int | None
    decoded: DecodedTable | None
    error: UnreadableMemory | None
    is_cycle: bool


def iter_visits(reader: TableReader, root_pa: int, *, enter_cycles: bool = True) -> Iterator[Visit]:
    """Every table below a root, in order of va: a visit for each PTE that points to it.

    A table is entered once a level however many PTEs point to it, so that any tables at all come to an end.
    """
    entered: set[tuple[int, int]] = set()

    def visit(pa: int, level: int, va: int, pte_pa: int | None, path: tuple[int, ...]) -> Iterator[Visit]:
        page = reader.read(pa)
        is_cycle = pa in path
        if isinstance(page, UnreadableMemory):
            yield Visit(pa, level, va, pte_pa, None, page, is_cycle)
            return
        if (pa, level) in entered or (is_cycle and not enter_cycles):
            yield Visit(pa, level, va, pte_pa, None, None, is_cycle)
            return
        entered.add((pa, level))
        decoded = reader.decode_whole(pa, level, va)
        yield Visit(pa, level, va, pte_pa, decoded, None, is_cycle)
        reader.fetch([pointer.table_pa for pointer in decoded.pointers])
        for pointer in decoded.pointers:
            yield from visit(pointer.table_pa, level - 1, pointer.va, pointer.pte_pa, (*path, pa))

    yield from visit(root_pa, reader.mode.root_level, 0, None, ())


class Parent(NamedTuple):
    """A place at which a table hangs: the PTE that points to it (None: satp), its level, the first va it serves."""

    pte_pa: int | None
    level: int
    va: int


@dataclass
class TablePage:
    """A table page, everything that points to it, and the mappings (va, attributes) that lead to its memory."""

    pa: int
    entries: int
    parents: list[Parent] = field(default_factory=list)
    mappings: list[tuple[int, int]] = field(default_factory=list)


@dataclass
class TablePages:
    """All table pages by pa, in the order in which a walk through all addresses meets them, and what was missed."""

    pages: dict[int, TablePage] = field(default_factory=dict)
    unreadable: list[UnreadableTable] = field(default_factory=list)

    def add(self, visit: Visit) -> None:
        """Take note of an arrival at a table."""
        if visit.error is not None:
            self.unreadable.append(UnreadableTable(visit.pa, visit.level, visit.va, visit.error.reason))
            return
        if visit.pa not in self.pages:
            assert visit.decoded is not None
            self.pages[visit.pa] = TablePage(visit.pa, count_entries(visit.decoded))
        self.pages[visit.pa].parents.append(Parent(visit.pte_pa, visit.level, visit.va))

    def find_mappings(self, runs: Iterable[Run]) -> None:
        """Fill in where the pages are themselves mapped, in the order of `runs`."""
        table_pas = sorted(self.pages)
        for va, pa, size, attributes, _ in runs:
            for position in range(bisect_left(table_pas, pa), len(table_pas)):
                table_pa = table_pas[position]
                if table_pa >= pa + size:
                    break
                self.pages[table_pa].mappings.append((va + table_pa - pa, attributes))


def collect_table_pages(reader: TableReader, root_pa: int) -> TablePages:
    """Every table page below a root, with its parents and the addresses at which it is itself mapped.

    Of a mapping that several paths lead to, through a shared table, the first va counts.
    """
    tables = TablePages()
    runs: list[Run] = []
    for visit in iter_visits(reader, root_pa):
        tables.add(visit)
        if visit.decoded is not None:
            runs += visit.decoded.runs
    tables.find_mappings(sorted(runs))
    return tables


def count_entries(decoded: DecodedTable) -> int:
    """The PTEs with V=1."""
    return sum(run[4] for run in decoded.runs) + len(decoded.pointers) + len(decoded.invalid)


def describe_invalid(pte: Pte, level: int, rules: TranslationRules) -> str:
    """Why a valid PTE that a scan does not list always faults, in words that follow `the PTE`."""
    reserved = describe_reserved(pte, level, rules)
    if reserved is not None:
        return reserved
    if not pte.is_leaf:
        return POINTER_AT_LEVEL_0
    return MISALIGNED_SUPERPAGE
