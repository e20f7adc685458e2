"""sv39 snapshot: keep the page tables as they are now, to compare with later."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from gdbext.commands.core import CoreResult
from gdbext.commands.declaration import Argument, Kind, command
from gdbext.commands.options import SPACE_OPTIONS, select_tables
from gdbext.errors import BadFile, BadInput
from gdbext.tables.compact import find_hart_tables, find_tables, merge_pages
from gdbext.target.base import Target
from gdbext.target.elfcore import read_elf_core
from gdbext.target.record import record_harts

KEPT = "page tables"


@command(
    "snapshot",
    "Save the page tables and registers as they are now, for sv39 diff.",
    Argument("action", "What to do: save.", Kind.TEXT, choices=("save",)),
    Argument("name", "The file to write. An earlier snapshot is replaced, any other file is not.", Kind.FILE),
    *SPACE_OPTIONS,
    description=(
        "A snapshot is a core with nothing but the tables of every hart in it, and of the root that the options name: "
        "every command takes it."
    ),
    examples=("sv39 snapshot save before", "sv39 snapshot save process.snap -root 0x84123000"),
)
def snapshot_command(target: Target, arguments: Namespace) -> CoreResult:
    path = Path(arguments.name).expanduser()
    _check_replaceable(path)
    pages = {page for hart in target.harts for page in find_hart_tables(target, hart)}
    if arguments.root is not None or arguments.satp is not None or not pages:
        space = select_tables(target, arguments)
        pages |= find_tables(target, space.mode, space.root_pa, target.translation_rules(space.hart))
    return CoreResult(target, path, record_harts(target), merge_pages(pages), KEPT)


def _check_replaceable(path: Path) -> None:
    if not path.exists():
        return
    try:
        facts = read_elf_core(path).facts
    except BadFile as error:
        raise BadInput(f"{path} is there already, and is no snapshot") from error
    if facts is None or facts.kept != KEPT:
        raise BadInput(f"{path} is there already, and is no snapshot")
