"""sv39 core: save the machine as a core file."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gdbext.commands.declaration import Argument, Kind, Status, command
from gdbext.errors import BadInput, UnsupportedTarget
from gdbext.tables.compact import find_hart_tables, find_pages, find_stack_and_code, merge_pages
from gdbext.target.base import Target
from gdbext.target.corefile import iter_write_core
from gdbext.target.corenotes import HartRecord
from gdbext.target.record import record_facts, record_harts

KEPT = "page tables, stacks, code at the pc and at traps, and pages named"


@dataclass
class CoreResult:
    """A core that is written while the result is rendered: `iter_write` once."""

    target: Target
    path: Path
    harts: list[HartRecord]
    ranges: list[tuple[int, int]]
    kept: str | None

    @property
    def status(self) -> Status:
        return Status.ANSWERED

    @property
    def memory_size(self) -> int:
        """Bytes of physical memory in the core."""
        return sum(end - start for start, end in self.ranges)

    def iter_write(self) -> Iterator[int]:
        """Write the file, yielding now and then how many bytes of memory are written."""
        facts = record_facts(self.target, self.kept)
        yield from iter_write_core(self.path, self.harts, facts, self.ranges, self.target.read_physical)


@command(
    "core",
    "Save the machine as a core that GDB opens with core-file.",
    Argument("action", "What to do: save.", Kind.TEXT, choices=("save",)),
    Argument("file", "The file to write.", Kind.FILE),
    Argument("address", "With -compact: keep the page at this address, too.", many=True, optional=True),
    Argument("-compact", f"Keep only {KEPT}.", Kind.FLAG),
    description=(
        "The core holds the registers and CSRs of each hart (info threads, $satp and $mcause work in a plain GDB) and "
        "all RAM by physical address. What -compact leaves out is later said to be not in the core; an ADDRESS is "
        "taken for a virtual and for a physical one. The file appears when it is whole, readable by its owner alone: "
        "it holds what the guest holds."
    ),
    examples=("sv39 core save crash.core", "sv39 core save small.core -compact &boot_arguments"),
)
def core_command(target: Target, arguments: Namespace) -> CoreResult:
    path = Path(arguments.file).expanduser()
    if arguments.compact:
        ranges = merge_pages(_choose_pages(target, arguments.address))
        return CoreResult(target, path, record_harts(target), ranges, KEPT)
    if arguments.address:
        raise BadInput("an address to keep goes with -compact: without it all memory is kept")
    ranges = list(target.readable_ranges())
    if not ranges:
        raise UnsupportedTarget(f"{target.name} does not tell where its RAM is: there is nothing to save")
    return CoreResult(target, path, record_harts(target), ranges, target.describe_kept())


def _choose_pages(target: Target, named: list[int]) -> set[int]:
    pages: set[int] = set()
    for address in named:
        found = find_pages(target, target.current_hart, [address])
        if not found:
            raise BadInput(f"no page can be read at {address:#x}, neither as a virtual nor as a physical address")
        pages |= found
    for hart in target.harts:
        pages |= find_hart_tables(target, hart) | find_stack_and_code(target, hart)
    if not pages:
        raise UnsupportedTarget(f"{target.name} tells neither of page tables nor of stacks: there is nothing to save")
    return pages
