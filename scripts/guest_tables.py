"""Sv39 page tables for the benchmark, written straight into the file that is a stopped guest's RAM."""

from __future__ import annotations

import random
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

PAGE_SHIFT = 12
VPN_BITS = 9
ROOT_LEVEL = 2
ENTRIES = 512
RAM_BASE = 0x8000_0000
# The tables lie above what the pages of the guest would be.
TABLES_PA = 0xA000_0000
V, R, W, X, U, G, A, D = (1 << bit for bit in range(8))
DATA = V | R | W | A | D
CODE = V | R | X | A
CONSTANTS = V | R | A
USER = DATA | U
HIGH_HALF = 0xFFFF_FFC0_0000_0000
SEED = 39

Leaf = tuple[int, int, int, int]
"""va, pa, flags, level."""


@dataclass(frozen=True)
class AddressSpace:
    """Tables in the guest: the root, where each table page lies (in no order), and how many leaf PTEs they hold."""

    name: str
    root_pa: int
    table_pas: tuple[int, ...]
    leaf_count: int
    mapped_va: int

    @property
    def satp(self) -> int:
        return 8 << 60 | self.root_pa >> PAGE_SHIFT


class Builder:
    """Writes tables into the RAM file at `path`, at free pages in an order that is mixed but always the same."""

    def __init__(self, path: Path, ram_size: int) -> None:
        self._path = path
        self._free = list(range(TABLES_PA, RAM_BASE + ram_size, 1 << PAGE_SHIFT))
        random.Random(SEED).shuffle(self._free)

    def build(self, name: str, leaves: Iterable[Leaf]) -> AddressSpace:
        """The tables that map `leaves`."""
        root_pa = self._free.pop()
        tables = {root_pa: array("Q", bytes(8 * ENTRIES))}
        lowest: dict[tuple[int, int], array[int]] = {}
        count = va = 0
        for va, pa, flags, level in leaves:
            shift = PAGE_SHIFT + VPN_BITS * level
            key = (va >> shift + VPN_BITS, level)
            table = lowest.get(key)
            if table is None:
                table = lowest[key] = self._find_table(tables, root_pa, va, level)
            table[(va >> shift) % ENTRIES] = pa >> PAGE_SHIFT << 10 | flags
            count += 1
        with self._path.open("r+b") as ram:
            for table_pa, table in tables.items():
                ram.seek(table_pa - RAM_BASE)
                ram.write(table.tobytes())
        return AddressSpace(name, root_pa, tuple(tables), count, va)

    def _find_table(self, tables: dict[int, array[int]], root_pa: int, va: int, level: int) -> array[int]:
        """The table of `level` that serves `va`, made with those above it where there is none."""
        table = tables[root_pa]
        for upper in range(ROOT_LEVEL, level, -1):
            index = (va >> PAGE_SHIFT + VPN_BITS * upper) % ENTRIES
            if not table[index]:
                table_pa = self._free.pop()
                tables[table_pa] = array("Q", bytes(8 * ENTRIES))
                table[index] = table_pa >> PAGE_SHIFT << 10 | V
            table = tables[table[index] >> 10 << PAGE_SHIFT]
        return table


def iter_contiguous(count: int) -> Iterator[Leaf]:
    """One stretch of `count` pages."""
    return ((RAM_BASE + page * 4096, RAM_BASE + page * 4096, DATA, 0) for page in range(count))


def iter_scattered(count: int) -> Iterator[Leaf]:
    """Pages at random, some 230 a table, that no two neighbours make one mapping."""
    numbers = random.Random(SEED)
    for page in sorted(numbers.sample(range(count * 512 // 229), count)):
        yield page * 4096, RAM_BASE + numbers.randrange(0, 1 << 17) * 4096, USER, 0


def iter_sparse(count: int) -> Iterator[Leaf]:
    """A page in each table."""
    return ((table * (1 << 21), RAM_BASE + table * 4096, DATA, 0) for table in range(count))


def iter_superpages(count: int) -> Iterator[Leaf]:
    """Megapages in one stretch."""
    return ((page << 21, page << 21, DATA, 1) for page in range(count))


def iter_small_kernel() -> Iterator[Leaf]:
    """About a hundred tables: a kernel with all its memory mapped, stacks between guard pages, and some processes."""
    numbers = random.Random(SEED)
    yield 0x1000_0000, 0x1000_0000, DATA, 0
    for page in range(64 * 512):
        flags = CODE if page < 90 else CONSTANTS if page < 120 else DATA
        yield RAM_BASE + page * 4096, RAM_BASE + page * 4096, flags, 0
    for stack in range(64):
        for page in range(2):
            va = HIGH_HALF + (stack * 4 + page + 1) * 4096
            yield va, RAM_BASE + numbers.randrange(0, 1 << 15) * 4096, DATA, 0
    for process in range(32):
        start = HIGH_HALF + (process + 4 << 21)
        for page in range(40):
            flags = CODE | U if page < 10 else USER
            yield start + page * 4096, RAM_BASE + numbers.randrange(0, 1 << 15) * 4096, flags, 0
