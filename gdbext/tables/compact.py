"""Which pages of physical memory a small core needs: page tables, stacks, and what the trap registers speak of."""

from __future__ import annotations

from collections.abc import Iterable

from gdbext.errors import UnreadableMemory
from gdbext.riscv.csrs import Satp
from gdbext.riscv.paging import BARE, PAGE_SIZE, U64_MASK, PagingMode
from gdbext.riscv.rules import TranslationRules
from gdbext.tables.scan import TableReader
from gdbext.tables.walk import walk
from gdbext.target.base import Target

# Stacks grow down: what a backtrace needs lies above sp, and the frame that is being made just below.
STACK_PAGES_BELOW = 1
STACK_PAGES_ABOVE = 15
# Registers that point to what the explanation of a trap needs: instructions, the other stack, the trap frame.
POINTERS = ("pc", "ra", "mepc", "sepc", "mtvec", "stvec", "mscratch", "sscratch")


def find_tables(target: Target, mode: PagingMode, root_pa: int, rules: TranslationRules) -> set[int]:
    """The pa of each table page that a walk from `root_pa` can reach and that can be read."""
    reader = TableReader(target, mode, rules)
    found: set[int] = set()
    level_pas = {root_pa}
    for level in mode.iter_levels():
        reader.fetch(sorted(level_pas))
        readable = {pa for pa in level_pas if isinstance(reader.read(pa), bytes)}
        found |= readable
        level_pas = {pointer.table_pa for pa in readable for pointer in reader.decode(pa, level, 0).pointers}
    return found


def find_hart_tables(target: Target, hart: int) -> set[int]:
    """The table pages that satp of `hart` leads to; none where satp is absent, Bare or reserved."""
    value = target.read_csr(hart, "satp")
    mode = Satp(value).mode if value is not None else None
    if value is None or mode is None or mode is BARE:
        return set()
    return find_tables(target, mode, Satp(value).root_pa, target.translation_rules(hart))


def find_stack_and_code(target: Target, hart: int) -> set[int]:
    """The pa of each readable page that `hart` stands on: around sp, and where its pc and trap registers point to."""
    addresses = list(target.read_csrs(hart, POINTERS).values())
    sp = target.read_csr(hart, "sp")
    if sp is not None:
        pages = range(-STACK_PAGES_BELOW, STACK_PAGES_ABOVE + 1)
        addresses += [(sp + number * PAGE_SIZE) & U64_MASK for number in pages]
    return find_pages(target, hart, addresses)


def find_pages(target: Target, hart: int, addresses: Iterable[int]) -> set[int]:
    """The pa of each readable page at `addresses`, each of them taken for a physical and for a virtual address."""
    value = target.read_csr(hart, "satp")
    satp = Satp(value or 0)
    rules = target.translation_rules(hart)
    found: set[int] = set()
    for address in addresses:
        walked = walk(target, satp.mode or BARE, satp.root_pa, address, rules)
        for pa in {address, walked.pa}:
            if pa is not None and _is_readable(target, pa & -PAGE_SIZE):
                found.add(pa & -PAGE_SIZE)
    return found


def _is_readable(target: Target, page_pa: int) -> bool:
    try:
        target.read_physical(page_pa, PAGE_SIZE)
    except UnreadableMemory:
        return False
    return True


def merge_pages(pages: Iterable[int]) -> list[tuple[int, int]]:
    """Page addresses as ranges [start, end), in order."""
    ranges: list[tuple[int, int]] = []
    for page in sorted(pages):
        if ranges and ranges[-1][1] == page:
            ranges[-1] = (ranges[-1][0], page + PAGE_SIZE)
        else:
            ranges.append((page, page + PAGE_SIZE))
    return ranges
