"""The text and the JSON of `sv39 read`."""

from __future__ import annotations

from collections.abc import Iterator

from gdbext.commands.read import Memory
from gdbext.render.json import dumps, optional_hex
from gdbext.render.style import Style
from gdbext.tables.memory import Piece

SCHEMA = "sv39.read/1"
ROW = 16
PRINTABLE = range(0x20, 0x7F)


def iter_text(result: Memory, style: Style) -> Iterator[str]:
    """Rows of sixteen bytes; behind the first row of a virtual page where it lies."""
    for piece in result.iter_pieces():
        if piece.content is None:
            yield f"{style.address(f'{piece.address:#x}')}: {style.bad('unreadable')}: {describe_missing(piece)}"
            continue
        lines = []
        for offset in range(0, piece.size, ROW):
            row = piece.content[offset : offset + ROW]
            line = f"{style.address(f'{piece.address + offset:#x}')}: {row.hex(' '):{ROW * 3}} {_characters(row)}"
            if offset == 0 and piece.va is not None:
                line += " " * (ROW - len(row)) + f"  pa {piece.pa:#x}"
            lines.append(line)
        yield "\n".join(lines)


def describe_missing(piece: Piece) -> str:
    """How much of it, and why."""
    where = f"pa {piece.pa:#x}, " if piece.va is not None and piece.pa is not None else ""
    return f"{where}{piece.size} bytes: {piece.reason}"


def _characters(row: bytes) -> str:
    return "".join(chr(byte) if byte in PRINTABLE else "." for byte in row)


def iter_json(result: Memory) -> Iterator[str]:
    yield f'{{"schema": "{SCHEMA}", "pieces": ['
    separator = ""
    for piece in result.iter_pieces():
        yield separator + dumps(
            {
                "va": optional_hex(piece.va),
                "pa": optional_hex(piece.pa),
                "size": piece.size,
                "bytes": None if piece.content is None else piece.content.hex(),
                "unreadable": piece.reason or None,
            }
        )
        separator = ", "
    yield f'], "complete": {dumps(not result.missing)}}}'
