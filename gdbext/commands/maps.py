"""sv39 maps: the address space as a list of mappings."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from dataclasses import dataclass

from gdbext.commands.declaration import Argument, Kind, Status, command
from gdbext.commands.options import SPACE_OPTIONS, select_tables
from gdbext.errors import BadInput
from gdbext.riscv.paging import U64_MASK
from gdbext.riscv.pte import U
from gdbext.tables.maps import HOLE, Accept, Names, clip, iter_with_holes, parse_permissions
from gdbext.tables.scan import UNREADABLE, Run, Scan, TableReader
from gdbext.tables.space import AddressSpace
from gdbext.target.base import Target


@dataclass
class MapsResult:
    """A listing that is worked out while it is rendered: `iter_chunks` once, after which the totals are known."""

    space: AddressSpace
    scan: Scan
    names: Names
    accepts: tuple[Accept, ...]
    with_holes: bool
    start: int
    end: int
    mapping_count: int = 0
    leaf_count: int = 0
    mapped_size: int = 0

    @property
    def status(self) -> Status:
        return Status.INCOMPLETE if self.scan.unreadable else Status.ANSWERED

    def iter_chunks(self) -> Iterator[list[Run]]:
        """The rows in order of va, some hundreds at a time; the attributes of a row may be HOLE or UNREADABLE."""
        is_whole = (self.start, self.end) == (0, U64_MASK + 1)
        chunks = self.scan.iter_chunks()
        if not is_whole:
            chunks = (clip(chunk, self.start, self.end) for chunk in chunks)
        if self.with_holes:
            chunks = iter_with_holes(chunks, self.space.mode, self.start, self.end)
        accepted: dict[int, bool] = {HOLE: True, UNREADABLE: True}
        for chunk in chunks:
            for attributes in {run[3] for run in chunk} - accepted.keys():
                accepted[attributes] = all(accept(attributes) for accept in self.accepts)
            rows = [run for run in chunk if accepted[run[3]]]
            mapped = [run for run in rows if run[3] > HOLE]
            self.mapping_count += len(mapped)
            self.leaf_count += sum([run[4] for run in mapped])
            self.mapped_size += sum([run[2] for run in mapped])
            if rows:
                yield rows


@command(
    "maps",
    "List what is mapped, merged into as few ranges as say it all.",
    Argument(
        "-perm",
        "Only mappings with all these flags of rwxugad set (wx: writable and executable), or, with a dash in it, of "
        "just this pattern in the columns r w x u g a d (r--: read-only).",
        Kind.TEXT,
        metavar="FLAGS",
    ),
    Argument("-from", "Start at this virtual address.", metavar="VA"),
    Argument("-to", "End before this virtual address.", metavar="VA"),
    Argument("-user", "Only pages of user mode (U=1).", Kind.FLAG),
    Argument("-super", "Only pages of supervisor mode (U=0).", Kind.FLAG),
    Argument("-holes", "Show the canonical ranges in which nothing is mapped, too.", Kind.FLAG),
    *SPACE_OPTIONS,
    description=(
        "Ranges are [start, end), one a line: what they map to, size, flags r w x u g a d, memory type (PBMT), NAPOT, "
        "and what lies there: sections of the symbol file, the page-table region, devices. Neighbours are one range "
        "where va and pa both continue and all these are equal. A page is listed exactly where a walk finds a leaf."
    ),
    examples=("sv39 maps", "sv39 maps -perm wx", "sv39 maps -from 0x80000000 -to 0x88000000 -holes"),
)
def maps_command(target: Target, arguments: Namespace) -> MapsResult:
    space = select_tables(target, arguments)
    accepts: list[Accept] = []
    if arguments.perm is not None:
        accepts.append(parse_permissions(arguments.perm.lower()))
    if arguments.user and arguments.super:
        raise BadInput("-user and -super exclude each other")
    if arguments.user:
        accepts.append(lambda attributes: bool(attributes & U))
    if arguments.super:
        accepts.append(lambda attributes: not attributes & U)
    start = getattr(arguments, "from") or 0
    end = U64_MASK + 1 if arguments.to is None else arguments.to
    if start >= end:
        raise BadInput(f"-from {start:#x} is not below -to {end:#x}")
    reader = TableReader(target, space.mode, target.translation_rules(space.hart))
    scan = Scan(reader, space.root_pa, start=start, end=end)
    return MapsResult(space, scan, Names(target), tuple(accepts), arguments.holes, start, end)
