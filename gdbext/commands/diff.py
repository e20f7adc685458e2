"""sv39 diff: what changed in an address space between two files, or between a file and now."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path

from gdbext.commands.declaration import Argument, Kind, Status, command
from gdbext.commands.options import SPACE_OPTIONS, select_tables
from gdbext.errors import BadInput, Sv39Error
from gdbext.tables.diff import PteChange, RangeChange, Snapshot, iter_pte_changes, iter_range_changes, take_snapshot
from gdbext.tables.scan import TableReader, UnreadableTable
from gdbext.tables.space import AddressSpace
from gdbext.target.base import Target
from gdbext.target.core import open_core_target


@dataclass(frozen=True)
class Side:
    """One of the two states that are compared, and what to call it."""

    name: str
    space: AddressSpace
    snapshot: Snapshot


@dataclass(frozen=True)
class DiffResult:
    """What it took to get from `old` to `new`."""

    old: Side
    new: Side
    ranges: tuple[RangeChange, ...]
    ptes: tuple[PteChange, ...]

    @property
    def unreadable(self) -> tuple[UnreadableTable, ...]:
        return self.old.snapshot.unreadable + self.new.snapshot.unreadable

    @property
    def is_empty(self) -> bool:
        return not self.ranges and not self.ptes and self.old.space.root_pa == self.new.space.root_pa

    @property
    def status(self) -> Status:
        """Bad news if anything changed."""
        if self.unreadable:
            return Status.INCOMPLETE
        return Status.ANSWERED if self.is_empty else Status.BAD_NEWS


@command(
    "diff",
    "Show what changed in the page tables from A to B, or from A to now.",
    Argument("a", "A snapshot or a core: the earlier state.", Kind.FILE),
    Argument("b", "The later state; the present one where it is left out.", Kind.FILE, optional=True),
    *SPACE_OPTIONS,
    description=(
        "By range of virtual addresses: mapped, unmapped, moved to another pa, permissions, memory type, A and D. Then "
        "by PTE: where each one lies, what it was and is. On each side the tables are those of the hart's own satp."
    ),
    examples=("sv39 diff before", "sv39 diff before.core after.core -hart 1 -json"),
)
def diff_command(target: Target, arguments: Namespace) -> DiffResult:
    old = _take_side(_open(arguments.a), arguments.a, arguments)
    new = _take_side(target, "now", arguments) if arguments.b is None else None
    new = new or _take_side(_open(arguments.b), arguments.b, arguments)
    if old.space.mode is not new.space.mode:
        raise BadInput(f"{old.name} is in mode {old.space.mode.name}, {new.name} in {new.space.mode.name}")
    ranges = tuple(iter_range_changes(old.snapshot, new.snapshot))
    return DiffResult(old, new, ranges, tuple(iter_pte_changes(old.snapshot, new.snapshot)))


def _open(name: str) -> Target:
    return open_core_target(Path(name).expanduser())


def _take_side(target: Target, name: str, arguments: Namespace) -> Side:
    try:
        space = select_tables(target, arguments)
    except Sv39Error as error:
        raise type(error)(f"{name}: {error}") from error
    reader = TableReader(target, space.mode, target.translation_rules(space.hart))
    return Side(name, space, take_snapshot(reader, space.root_pa))
