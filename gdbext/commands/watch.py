"""sv39 watch: stop when a PTE on the path of an address changes."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from gdbext.commands.declaration import Argument, Result, Status, command
from gdbext.commands.options import SPACE_OPTIONS, select_tables
from gdbext.errors import UnsupportedTarget
from gdbext.tables.space import AddressSpace
from gdbext.tables.walk import Walk
from gdbext.target.base import Target
from gdbext.trace.record import CodePlace, PteWrite


@dataclass(frozen=True)
class WatchResult:
    """How a watch ended. `writes` are the PTEs of the path that changed; without one the machine stopped otherwise.

    `place` is where `hart` stopped: the instruction before it wrote, if `is_at_write`; otherwise the change was
    found afterwards, since the writer used an alias that did not exist when the watch was set.
    """

    space: AddressSpace
    before: Walk
    after: Walk | None
    writes: tuple[PteWrite, ...]
    hart: int | None
    place: CodePlace | None
    privilege: int | None
    backtrace: tuple[str, ...]
    is_at_write: bool
    ending: str

    @property
    def status(self) -> Status:
        """Bad news if the machine stopped or ended without a change."""
        return Status.ANSWERED if self.writes else Status.BAD_NEWS


Watcher = Callable[[Target, AddressSpace, int], WatchResult]


class WatchDesk:
    """Who can watch a machine: GDB, where there is one."""

    watcher: Watcher | None = None


desk = WatchDesk()


@command(
    "watch",
    "Resume the machine until a PTE on the path of VA changes.",
    Argument("va", "A virtual address: any expression."),
    *SPACE_OPTIONS,
    description=(
        "Watches each PTE that a walk of VA reads, at its physical address and at every virtual address that maps it, "
        "so that it does not matter who writes it or how. Shows the PTE before and after, decoded, and the hart, the "
        "place and the backtrace of the writer. What the hardware does to A and D is passed over. A new alias of a "
        "table page is learned at the next return from a trap."
    ),
    examples=("sv39 watch 0x84010000", "sv39 watch &buffer"),
)
def watch_command(target: Target, arguments: Namespace) -> Iterable[Result]:
    if desk.watcher is None:
        raise UnsupportedTarget("sv39 watch needs GDB and a running machine")
    return [desk.watcher(target, select_tables(target, arguments), arguments.va)]
