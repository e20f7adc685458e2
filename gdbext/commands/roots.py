"""sv39 roots: search memory for root tables, where satp is not known or names only one of many."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import dataclass

from gdbext.commands.declaration import Status, command
from gdbext.commands.options import HART_OPTION, MODE_OPTION
from gdbext.riscv.paging import MODE_BY_NAME, PagingMode
from gdbext.tables.roots import Root, RootSearch, find_mode
from gdbext.target.base import Target


@dataclass(frozen=True)
class RootsResult:
    """The roots that were found, the most likely first."""

    mode: PagingMode
    roots: tuple[Root, ...]
    section_count: int
    searched_size: int
    is_complete: bool

    @property
    def status(self) -> Status:
        """Bad news if there is none."""
        if not self.is_complete:
            return Status.INCOMPLETE
        return Status.ANSWERED if self.roots else Status.BAD_NEWS


@command(
    "roots",
    "Search physical memory for root tables, and rank them with the evidence.",
    HART_OPTION,
    MODE_OPTION,
    description=(
        "For a core without satp, and for the address spaces of all processes. A page is listed if, read as a root "
        "table, it holds only legal PTEs and leads to mappings. First come those that a hart's satp names, then those "
        "that no other one leads to, that map the sections of the symbol file, and that map themselves. Live it reads "
        "all RAM."
    ),
    examples=("sv39 roots", "sv39 roots -mode sv48"),
)
def roots_command(target: Target, arguments: Namespace) -> RootsResult:
    hart = target.require_hart(arguments.hart)
    mode = MODE_BY_NAME[arguments.mode] if arguments.mode else find_mode(target)
    search = RootSearch(target, mode, target.translation_rules(hart))
    roots = search.find()
    return RootsResult(mode, tuple(roots), len(target.sections()), search.searched_size, search.is_complete)
