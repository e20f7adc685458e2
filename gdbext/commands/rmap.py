"""sv39 rmap: every virtual address that reaches a physical one, in every root table that is known."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from dataclasses import dataclass

from gdbext.commands.declaration import Argument, Kind, Status, command
from gdbext.commands.options import SPACE_OPTIONS, select_tables
from gdbext.errors import BadInput
from gdbext.riscv.csrs import Satp
from gdbext.riscv.paging import PA_BITS
from gdbext.tables.roots import RootSearch, find_mode
from gdbext.tables.scan import UNREADABLE, Scan, TableReader, UnreadableTable
from gdbext.tables.space import AddressSpace
from gdbext.target.base import Target


@dataclass(frozen=True)
class Reach:
    """A virtual address that reaches the physical one, and the attributes (the bits of the PTE but for the PPN)."""

    space: AddressSpace
    va: int
    attributes: int
    symbol: str | None


@dataclass(frozen=True)
class RmapResult:
    """All that reaches `pa` in `spaces`."""

    pa: int
    spaces: tuple[AddressSpace, ...]
    reaches: tuple[Reach, ...]
    unreadable: tuple[UnreadableTable, ...]

    @property
    def status(self) -> Status:
        """Bad news if nothing reaches it."""
        if self.unreadable:
            return Status.INCOMPLETE
        return Status.ANSWERED if self.reaches else Status.BAD_NEWS


@command(
    "rmap",
    "List every virtual address that reaches the physical address PA.",
    Argument("pa", "A physical address."),
    Argument("-search", "Look in the roots that `sv39 roots` finds, too, not only in those that harts use.", Kind.FLAG),
    *SPACE_OPTIONS,
    description="Looks in the address space of every hart, or in the one that -hart, -satp or -root names.",
    examples=("sv39 rmap 0x84000000", "sv39 rmap 0x80200000 -search"),
)
def rmap_command(target: Target, arguments: Namespace) -> RmapResult:
    if arguments.pa >> PA_BITS:
        raise BadInput(f"{arguments.pa:#x} is no physical address: those have {PA_BITS} bits")
    spaces = _select_spaces(target, arguments)
    reaches: list[Reach] = []
    unreadable: list[UnreadableTable] = []
    for space in spaces:
        scan = Scan(TableReader(target, space.mode, target.translation_rules(space.hart)), space.root_pa)
        reaches += _iter_reaches(target, scan, space, arguments.pa)
        unreadable += scan.unreadable
    return RmapResult(arguments.pa, tuple(spaces), tuple(reaches), tuple(unreadable))


def _select_spaces(target: Target, arguments: Namespace) -> list[AddressSpace]:
    """The address spaces to look in, each root once."""
    if any(value is not None for value in (arguments.hart, arguments.satp, arguments.root)) and not arguments.search:
        return [select_tables(target, arguments)]
    spaces: list[AddressSpace] = []
    for hart in target.harts:
        value = target.read_csr(hart, "satp")
        mode = Satp(value).mode if value is not None else None
        if value is not None and mode is not None and mode.levels:
            spaces.append(AddressSpace(mode, Satp(value).root_pa, Satp(value).asid, hart, f"hart {hart}"))
    if arguments.search:
        hart = target.current_hart
        search = RootSearch(target, find_mode(target), target.translation_rules(hart))
        spaces += [AddressSpace(root.mode, root.pa, 0, hart, "roots") for root in search.find() if not root.parents]
    unique = {(space.mode, space.root_pa): space for space in reversed(spaces)}
    if not unique:
        return [select_tables(target, arguments)]
    return list(reversed(unique.values()))


def _iter_reaches(target: Target, scan: Scan, space: AddressSpace, pa: int) -> Iterator[Reach]:
    for va, run_pa, size, attributes, _ in scan.iter_runs():
        if run_pa <= pa < run_pa + size and attributes != UNREADABLE:
            found = va + pa - run_pa
            yield Reach(space, found, attributes, target.describe_symbol(found))
