"""sv39 find: search what is mapped for a value, a string, or bytes."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from gdbext.commands.declaration import Argument, Kind, Status, command
from gdbext.commands.filters import FILTER_OPTIONS, Filter, select_filter
from gdbext.commands.options import SPACE_OPTIONS, select_tables
from gdbext.errors import BadInput
from gdbext.riscv.paging import U64_MASK
from gdbext.tables.maps import clip
from gdbext.tables.scan import UNREADABLE, Scan, TableReader, UnreadableTable
from gdbext.tables.search import MAX_PATTERN, Search, Stretch
from gdbext.tables.space import AddressSpace
from gdbext.target.base import Target

SIZES = {"b": 1, "h": 2, "w": 4, "g": 8}
DEFAULT_LIMIT = 1000


class Found(NamedTuple):
    """A match; `va` is None in a search of physical memory."""

    va: int | None
    pa: int
    symbol: str | None


@dataclass
class FindResult:
    """A search that is made while it is rendered: `iter_found` once, after which the rest is known.

    `space` and `scan` are None for a search of physical memory. `kept` says which memory a file holds, None for all.
    """

    target: Target
    space: AddressSpace | None
    scan: Scan | None
    search: Search
    limit: int
    kept: str | None
    count: int = 0
    is_cut_short: bool = False

    @property
    def unreadable(self) -> list[UnreadableTable]:
        return self.scan.unreadable if self.scan else []

    @property
    def is_complete(self) -> bool:
        return not (self.unreadable or self.search.unknown or self.is_cut_short or (self.kept and self.scan is None))

    @property
    def status(self) -> Status:
        """Bad news if there is no match."""
        if not self.is_complete:
            return Status.INCOMPLETE
        return Status.ANSWERED if self.count else Status.BAD_NEWS

    def iter_found(self) -> Iterator[Found]:
        """The matches in order of address."""
        for hit in self.search.iter_hits():
            if self.count == self.limit:
                self.is_cut_short = True
                return
            self.count += 1
            if self.space is None:
                yield Found(None, hit.pa, None)
            else:
                yield Found(hit.address, hit.pa, self.target.describe_symbol(hit.address))


@command(
    "find",
    "Search mapped memory for a value, a string, or bytes.",
    Argument("value", "A number to find, little-endian, as large as -size says.", optional=True),
    Argument("-size", "The size of VALUE: byte, halfword, word, giant.", Kind.TEXT, choices=tuple(SIZES), default="g"),
    Argument("-string", "Find TEXT instead, in UTF-8 and without a final zero.", Kind.TEXT, metavar="TEXT"),
    Argument("-bytes", "Find these bytes instead, in hex.", Kind.TEXT, metavar="HEX"),
    Argument("-physical", "Search all physical memory instead of what is mapped.", Kind.FLAG),
    Argument("-max", f"Stop after N matches (default: {DEFAULT_LIMIT}).", default=str(DEFAULT_LIMIT), metavar="N"),
    *FILTER_OPTIONS,
    *SPACE_OPTIONS,
    description="A page that is mapped twice is searched twice. Devices are not touched.",
    examples=("sv39 find 0x84000000", "sv39 find -string panic -perm r--", "sv39 find -bytes 7f454c46 -physical"),
)
def find_command(target: Target, arguments: Namespace) -> FindResult:
    pattern = _choose_pattern(arguments)
    if arguments.max < 1:
        raise BadInput("-max N is at least 1")
    if arguments.physical:
        ranges = target.readable_ranges()
        search = Search(target, [Stretch(start, start, end - start) for start, end in ranges], pattern)
        return FindResult(target, None, None, search, arguments.max, target.describe_kept())
    space = select_tables(target, arguments)
    chosen = select_filter(arguments)
    reader = TableReader(target, space.mode, target.translation_rules(space.hart))
    scan = Scan(reader, space.root_pa, start=chosen.start, end=chosen.end)
    search = Search(target, _iter_stretches(scan, chosen), pattern)
    return FindResult(target, space, scan, search, arguments.max, None)


def _iter_stretches(scan: Scan, chosen: Filter) -> Iterator[Stretch]:
    for chunk in scan.iter_chunks():
        for va, pa, size, attributes, _ in clip(chunk, chosen.start, chosen.end):
            if attributes != UNREADABLE and chosen.is_accepted(attributes):
                yield Stretch(va, pa, size)


def _choose_pattern(arguments: Namespace) -> bytes:
    given = [kind for kind in (arguments.value, arguments.string, arguments.bytes) if kind is not None]
    if len(given) != 1:
        raise BadInput("what to find is a VALUE, or -string TEXT, or -bytes HEX")
    pattern: bytes
    if arguments.string is not None:
        pattern = arguments.string.encode("utf-8", "surrogateescape")
    elif arguments.bytes is not None:
        try:
            pattern = bytes.fromhex(arguments.bytes.removeprefix("0x"))
        except ValueError as error:
            raise BadInput(f"-bytes {arguments.bytes}: pairs of hex digits, such as 7f454c46") from error
    else:
        pattern = _pack_value(arguments.value, SIZES[arguments.size])
    if not 0 < len(pattern) <= MAX_PATTERN:
        raise BadInput(f"what to find has 1 to {MAX_PATTERN} bytes, not {len(pattern)}")
    return pattern


def _pack_value(value: int, size: int) -> bytes:
    """`value` in `size` bytes. A negative number has become one of 64 bits when it was evaluated."""
    rest = value >> (8 * size - 1)
    if value >> (8 * size) and rest != (U64_MASK >> (8 * size - 1)):
        raise BadInput(f"{value:#x} does not fit in {size} bytes: see -size")
    return (value & ((1 << 8 * size) - 1)).to_bytes(size, "little")
