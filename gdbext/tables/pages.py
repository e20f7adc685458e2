"""The page-table pages themselves: each of them once, with its place in the tree."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from gdbext.errors import UnreadableMemory
from gdbext.riscv.pte import Pte
from gdbext.riscv.rules import TranslationRules
from gdbext.tables.scan import DecodedTable, Run, TableReader, UnreadableTable
from gdbext.tables.walk import describe_reserved


class Visit(NamedTuple):
    """One arrival at a table. `pte_pa` is that of the PTE that points to it, None for satp's root.

    The table is decoded at the first arrival at its pa and level, and `decoded` is None at the others. `reason` says
    why it could not be read, and is empty where it could.
    """

    pa: int
    level: int
    va: int
    pte_pa: int | None
    decoded: DecodedTable | None
    reason: str


def iter_visits(reader: TableReader, root_pa: int) -> Iterator[Visit]:
    """Every table below a root, in order of va: a visit for each PTE that points to it.

    A table is entered once a level however many PTEs point to it, so that any tables at all come to an end.
    """
    entered: set[tuple[int, int]] = set()

    def visit(pa: int, level: int, va: int, pte_pa: int | None) -> Iterator[Visit]:
        page = reader.read(pa)
        if isinstance(page, UnreadableMemory):
            yield Visit(pa, level, va, pte_pa, None, page.reason)
            return
        if (pa, level) in entered:
            yield Visit(pa, level, va, pte_pa, None, "")
            return
        entered.add((pa, level))
        decoded = reader.decode_whole(pa, level, va)
        yield Visit(pa, level, va, pte_pa, decoded, "")
        reader.fetch([pointer.table_pa for pointer in decoded.pointers])
        for pointer in decoded.pointers:
            yield from visit(pointer.table_pa, level - 1, pointer.va, pointer.pte_pa)

    yield from visit(root_pa, reader.mode.root_level, 0, None)


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


def collect_table_pages(reader: TableReader, root_pa: int) -> TablePages:
    """Every table page below a root, with its parents and the addresses at which it is itself mapped.

    Of a mapping that several paths lead to, through a shared table, the first va counts.
    """
    collected = TablePages()
    runs: list[Run] = []
    for visit in iter_visits(reader, root_pa):
        if visit.reason:
            collected.unreadable.append(UnreadableTable(visit.pa, visit.level, visit.va, visit.reason))
            continue
        if visit.pa not in collected.pages:
            assert visit.decoded is not None
            collected.pages[visit.pa] = TablePage(visit.pa, count_entries(visit.decoded))
        collected.pages[visit.pa].parents.append(Parent(visit.pte_pa, visit.level, visit.va))
        if visit.decoded is not None:
            runs += visit.decoded.runs
    table_pas = sorted(collected.pages)
    for va, pa, size, attributes, _ in sorted(runs):
        for position in range(bisect_left(table_pas, pa), len(table_pas)):
            table_pa = table_pas[position]
            if table_pa >= pa + size:
                break
            collected.pages[table_pa].mappings.append((va + table_pa - pa, attributes))
    return collected


def count_entries(decoded: DecodedTable) -> int:
    """The PTEs with V=1."""
    return sum(run[4] for run in decoded.runs) + len(decoded.pointers) + len(decoded.invalid)


def describe_invalid(pte: Pte, level: int, rules: TranslationRules) -> str:
    """Why a valid PTE that a scan does not list always faults, in words that follow `the PTE`."""
    reserved = describe_reserved(pte, level, rules)
    if reserved is not None:
        return reserved
    if not pte.is_leaf:
        return "is a pointer at level 0"
    return "is a misaligned superpage"
