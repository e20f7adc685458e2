"""sv39 tree: the tables, entry by entry."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from dataclasses import dataclass, field

from gdbext.commands.declaration import Argument, Kind, Status, command
from gdbext.commands.options import SPACE_OPTIONS, select_tables
from gdbext.errors import BadInput, UnreadableMemory
from gdbext.tables.scan import TableReader, UnreadableTable
from gdbext.tables.space import AddressSpace
from gdbext.tables.tree import Row, RowKind, iter_rows
from gdbext.target.base import Target


@dataclass
class TreeResult:
    """A tree that is read while it is rendered: `iter_rows` once, after which `unreadable` is complete."""

    space: AddressSpace
    reader: TableReader
    depth: int
    unreadable: list[UnreadableTable] = field(default_factory=list)

    @property
    def status(self) -> Status:
        return Status.INCOMPLETE if self.unreadable else Status.ANSWERED

    def iter_rows(self) -> Iterator[Row]:
        root = self.reader.read(self.space.root_pa)
        if isinstance(root, UnreadableMemory):
            self.unreadable.append(UnreadableTable(self.space.root_pa, self.space.mode.root_level, 0, root.reason))
            return
        for row in iter_rows(self.reader, self.space.root_pa, self.depth):
            if row.kind is RowKind.UNREADABLE:
                self.unreadable.append(UnreadableTable(row.pa, row.level - 1, row.va, row.note))
            yield row


@command(
    "tree",
    "Show the tree of tables, entry by entry.",
    Argument("-depth", "Show N levels of tables; 1 is the root table alone (default: all).", Kind.TEXT, metavar="N"),
    *SPACE_OPTIONS,
    description=(
        "A line an entry, and below it the table that it points to: index, where the PTE lies, raw value, flags (V R W "
        "X U G A D N), the virtual addresses that it serves, and what it points to. Entries that continue each other "
        "share a line, which shows the first PTE. A table that several PTEs point to is shown under the first of them."
    ),
    examples=("sv39 tree", "sv39 tree -depth 2"),
)
def tree_command(target: Target, arguments: Namespace) -> TreeResult:
    space = select_tables(target, arguments)
    depth = space.mode.levels
    if arguments.depth is not None:
        if not arguments.depth.isdecimal() or not 1 <= int(arguments.depth) <= space.mode.levels:
            raise BadInput(f"-depth {arguments.depth}: {space.mode.name} has levels 1 to {space.mode.levels}")
        depth = int(arguments.depth)
    return TreeResult(space, TableReader(target, space.mode, target.translation_rules(space.hart)), depth)
