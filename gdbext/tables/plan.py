"""The arithmetic of page tables: what one address needs, what several can share, what a range costs.

The rules of thumb, for Sv39: addresses in different multiples of 4K have different level-0 PTEs, of 2M different
level-1 PTEs, of 1G different level-2 PTEs; one root table covers 512G, each table 512 times less than the one above it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gdbext.errors import BadInput
from gdbext.riscv.paging import PAGE_SIZE, PTES_PER_TABLE, PagingMode, describe_size


@dataclass(frozen=True)
class Sharing:
    """Which of several addresses lie in the same multiple of `size` bytes: they share the PTE that covers so much.

    `level` is that PTE's; for the size that a whole root table covers it is None.
    """

    size: int
    level: int | None
    groups: tuple[tuple[int, ...], ...]


def group_addresses(mode: PagingMode, vas: Sequence[int]) -> tuple[Sharing, ...]:
    """What `vas` share, from the smallest size to the largest; groups and their members keep the order of `vas`."""
    sizes: list[tuple[int, int | None]] = [(mode.page_size(level), level) for level in range(mode.levels)]
    sharings = []
    for size, level in [*sizes, (mode.va_size, None)]:
        groups: dict[int, list[int]] = {}
        for va in vas:
            groups.setdefault(va // size, []).append(va)
        sharings.append(Sharing(size, level, tuple(tuple(group) for group in groups.values())))
    return tuple(sharings)


@dataclass(frozen=True)
class Plan:
    """What it takes to map [start, end), rounded to whole pages. `tables` counts table pages by level, root first."""

    mode: PagingMode
    asked_start: int
    asked_end: int
    start: int
    end: int
    page_size: int
    tables: dict[int, int]

    @property
    def leaves(self) -> int:
        return (self.end - self.start) // self.page_size

    @property
    def table_count(self) -> int:
        return sum(self.tables.values())

    @property
    def table_size(self) -> int:
        """Bytes of page tables."""
        return self.table_count * PAGE_SIZE


def plan_range(mode: PagingMode, start: int, end: int, page_size: int) -> Plan:
    """What mapping [start, end) takes when nothing is mapped yet. Raises `BadInput` for a range that cannot be mapped.

    `start` is rounded down and `end` up to whole pages.
    """
    levels = {mode.page_size(level): level for level in mode.iter_levels()}
    if page_size not in levels:
        raise BadInput(f"{mode.name} has no pages of {describe_size(page_size)}")
    if start >= end:
        raise BadInput(f"the range {start:#x} to {end:#x} is empty: END lies after START")
    for va in (start, end - 1):
        if not mode.is_canonical(va):
            raise BadInput(f"{va:#x} is not canonical: {mode.name} cannot map it")
    if end - start > mode.va_size // 2:
        raise BadInput(f"{start:#x} to {end:#x} reaches across the addresses that are not canonical in {mode.name}")
    first, last = start // page_size * page_size, -(-end // page_size) * page_size
    return Plan(mode, start, end, first, last, page_size, count_tables(mode, first, last, levels[page_size]))


def count_tables(mode: PagingMode, start: int, end: int, leaf_level: int = 0) -> dict[int, int]:
    """How many tables of each level the va range [start, end) takes, mapped by leaves at `leaf_level`; root first."""
    spans = {level: mode.table_span(level) for level in mode.iter_levels() if level >= leaf_level}
    return {level: (end - 1) // span - start // span + 1 for level, span in spans.items()}


def count_all_tables(mode: PagingMode) -> dict[int, int]:
    """How many tables of each level there are if every one of them exists; root first."""
    return {level: PTES_PER_TABLE ** (mode.root_level - level) for level in mode.iter_levels()}
