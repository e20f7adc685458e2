"""sv39 maps: the address space as a list of mappings."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from dataclasses import dataclass

from gdbext.commands.declaration import Argument, Kind, Status, command
from gdbext.commands.filters import FILTER_OPTIONS, Filter, select_filter
from gdbext.commands.options import SPACE_OPTIONS, select_tables
from gdbext.riscv.paging import U64_MASK
from gdbext.tables.maps import HOLE, Names, clip, iter_with_holes
from gdbext.tables.scan import UNREADABLE, Run, Scan, TableReader
from gdbext.tables.space import AddressSpace
from gdbext.target.base import Target


@dataclass
class MapsResult:
    """A listing that is worked out while it is rendered: `iter_chunks` once, after which the totals are known."""

    space: AddressSpace
    scan: Scan
    names: Names
    chosen: Filter
    with_holes: bool
    mapping_count: int = 0
    leaf_count: int = 0
    mapped_size: int = 0

    @property
    def status(self) -> Status:
        return Status.INCOMPLETE if self.scan.unreadable else Status.ANSWERED

    def iter_chunks(self) -> Iterator[list[Run]]:
        """The rows in order of va, some hundreds at a time; the attributes of a row may be HOLE or UNREADABLE."""
        start, end = self.chosen.start, self.chosen.end
        chunks = self.scan.iter_chunks()
        if (start, end) != (0, U64_MASK + 1):
            chunks = (clip(chunk, start, end) for chunk in chunks)
        if self.with_holes:
            chunks = iter_with_holes(chunks, self.space.mode, start, end)
        accepted: dict[int, bool] = {HOLE: True, UNREADABLE: True}
        for chunk in chunks:
            rows = mapped = chunk
            _, _, sizes, kinds, leaves = zip(*chunk, strict=True)
            for attributes in set(kinds) - accepted.keys():
                accepted[attributes] = self.chosen.is_accepted(attributes)
            if min(kinds) <= HOLE or not all(accepted[attributes] for attributes in set(kinds)):
                rows = [run for run in chunk if accepted[run[3]]]
                mapped = [run for run in rows if run[3] > HOLE]
                sizes, leaves = tuple(run[2] for run in mapped), tuple(run[4] for run in mapped)
            self.mapping_count += len(mapped)
            self.leaf_count += sum(leaves)
            self.mapped_size += sum(sizes)
            if rows:
                yield rows


@command(
    "maps",
    "List what is mapped, merged into as few ranges as say it all.",
    *FILTER_OPTIONS,
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
    chosen = select_filter(arguments)
    reader = TableReader(target, space.mode, target.encoding_rules(space.hart), remembers=True)
    scan = Scan(reader, space.root_pa, start=chosen.start, end=chosen.end)
    return MapsResult(space, scan, Names(target), chosen, arguments.holes)
