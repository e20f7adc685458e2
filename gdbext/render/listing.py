"""What the commands that list tables and mappings have in common."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gdbext.render.json import hex_string
from gdbext.render.style import Style
from gdbext.tables.scan import UnreadableTable


def iter_unreadable(unreadable: Sequence[UnreadableTable], style: Style) -> Iterator[str]:
    """A line for each table that is missing from an answer."""
    for table in unreadable:
        yield style.bad("incomplete") + (
            f": the level-{table.level} table {table.pa:#x} for va {table.va:#x} could not be read: {table.reason}"
        )


def count(number: int, noun: str, plural: str = "") -> str:
    """`1 table`, `2 tables`."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def json_unreadable(unreadable: Sequence[UnreadableTable]) -> list[dict[str, object]]:
    """The member `unreadable` of every command that lists tables."""
    return [{"pa": hex_string(t.pa), "level": t.level, "va": hex_string(t.va)} for t in unreadable]
