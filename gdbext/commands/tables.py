"""sv39 tables: every page-table page, and whether it can be touched."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import dataclass

from gdbext.commands.declaration import Status, command
from gdbext.commands.options import SPACE_OPTIONS, select_tables
from gdbext.tables.pages import TablePages, collect_table_pages
from gdbext.tables.scan import TableReader
from gdbext.tables.space import AddressSpace
from gdbext.target.base import Target


@dataclass(frozen=True)
class TablesResult:
    space: AddressSpace
    tables: TablePages

    @property
    def status(self) -> Status:
        return Status.INCOMPLETE if self.tables.unreadable else Status.ANSWERED


@command(
    "tables",
    "List every page-table page: what it serves, what points to it, and whether it is itself mapped.",
    *SPACE_OPTIONS,
    description=(
        "For each page: level, physical address, valid entries, the PTE that points to it, the virtual addresses that "
        "it serves, and where it is itself mapped and how (r w x u g a d). A kernel that edits a table page that is "
        "mapped nowhere faults. Of a page that several PTEs point to, every place is listed."
    ),
    examples=("sv39 tables", "sv39 tables -root 0x84000000"),
)
def tables_command(target: Target, arguments: Namespace) -> TablesResult:
    space = select_tables(target, arguments)
    reader = TableReader(target, space.mode, target.translation_rules(space.hart))
    return TablesResult(space, collect_table_pages(reader, space.root_pa))
