"""sv39 x: memory in the formats of GDB's x command."""

from __future__ import annotations

import re
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from gdbext.commands.declaration import Argument, Kind, Status, command
from gdbext.commands.options import SPACE_OPTIONS
from gdbext.commands.read import VA_OPTION, Memory, select_memory
from gdbext.errors import BadInput
from gdbext.target.base import Target

SIZES = {"b": 1, "h": 2, "w": 4, "g": 8}
FORMATS = "xzduotacf"
FORMAT = re.compile(rf"/?(\d*)([{FORMATS}{''.join(SIZES)}]*)")
# What GDB takes where the size is not given.
DEFAULT_SIZE = {"a": 8, "c": 1}
MAX_UNITS = 1 << 24


class Unit(NamedTuple):
    """One value. `content` is None where it cannot be read, and `reason` then says why."""

    address: int
    content: bytes | None
    reason: str


@dataclass
class XResult:
    """`count` units of `unit_size` bytes in `format`, read while they are rendered."""

    memory: Memory
    format: str
    unit_size: int

    @property
    def status(self) -> Status:
        return self.memory.status

    def iter_units(self) -> Iterator[Unit]:
        """The units in order; one that crosses into a page that cannot be read cannot be read."""
        held, address = b"", self.memory.address
        for piece in self.memory.iter_pieces():
            if piece.content is None:
                end = piece.address + piece.size
                while address < end:
                    yield Unit(address, None, piece.reason)
                    address += self.unit_size
                held = b""
                continue
            skipped = address - piece.address - len(held)
            held += piece.content[max(skipped, 0) :]
            whole = len(held) // self.unit_size * self.unit_size
            for offset in range(0, whole, self.unit_size):
                yield Unit(address, held[offset : offset + self.unit_size], "")
                address += self.unit_size
            held = held[whole:]

    def describe_symbol(self, address: int) -> str | None:
        """The symbol that holds a virtual address."""
        return self.memory.target.describe_symbol(address)


@command(
    "x",
    "Examine physical memory in GDB's formats, or with -va virtual memory: x/FMT ADDRESS.",
    Argument(
        "format",
        "A count, a letter of x z d u o t a c f, and a size of b h w g, as after GDB's x; i and s are GDB's alone.",
        Kind.TEXT,
        optional=True,
        metavar="/FMT",
    ),
    Argument("address", "Where to begin: a physical address, or with -va a virtual one."),
    VA_OPTION,
    *SPACE_OPTIONS,
    examples=("sv39 x/4gx 0x84000000", "sv39 x/8wd -va &counters"),
)
def x_command(target: Target, arguments: Namespace) -> XResult:
    count, letter, size = parse_format(arguments.format or "")
    return XResult(select_memory(target, arguments, count * size), letter, size)


def parse_format(text: str) -> tuple[int, str, int]:
    """Count, format letter and unit size in bytes of GDB's /FMT; the last of several counts. Raises `BadInput`."""
    match = FORMAT.fullmatch(text)
    if match is None:
        raise BadInput(
            f'"{text}" is no format: /4gx is 4 giant words in hex; letters {FORMATS}, sizes {"".join(SIZES)}'
        )
    count = int(match[1] or 1)
    letters = [letter for letter in match[2] if letter in FORMATS]
    letter = letters[-1] if letters else "x"
    sizes = [SIZES[size] for size in match[2] if size in SIZES]
    size = sizes[-1] if sizes else DEFAULT_SIZE.get(letter, 4)
    if letter == "a":
        size = 8
    if letter == "f" and size < 4:
        raise BadInput(f'"{text}": a floating-point number has the size w or g')
    if not 0 < count <= MAX_UNITS:
        raise BadInput(f'"{text}": a count from 1 to {MAX_UNITS}')
    return count, letter, size
