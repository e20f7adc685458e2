"""sv39 read: memory as bytes, by physical or by virtual address."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from dataclasses import dataclass, field

from gdbext.commands.declaration import Argument, Kind, Status, command
from gdbext.commands.options import SPACE_OPTIONS, select_space
from gdbext.errors import BadInput
from gdbext.riscv.paging import PA_BITS
from gdbext.tables.memory import Piece, iter_physical, iter_virtual
from gdbext.tables.space import AddressSpace
from gdbext.target.base import Target

VA_OPTION = Argument("-va", "The address is a virtual one: go through the page tables.", Kind.FLAG)


@dataclass
class Memory:
    """A stretch of memory that is read while it is rendered. `space` is None for physical addresses."""

    target: Target
    space: AddressSpace | None
    address: int
    size: int
    missing: list[Piece] = field(default_factory=list)

    @property
    def status(self) -> Status:
        return Status.INCOMPLETE if self.missing else Status.ANSWERED

    def iter_pieces(self) -> Iterator[Piece]:
        """The memory page by page; what cannot be read is kept in `missing`, too."""
        if self.space is None:
            pieces = iter_physical(self.target, self.address, self.size)
        else:
            rules = self.target.translation_rules(self.space.hart)
            pieces = iter_virtual(self.target, self.space, rules, self.address, self.size)
        for piece in pieces:
            if piece.content is None:
                self.missing.append(piece)
            yield piece


def select_memory(target: Target, arguments: Namespace, size: int) -> Memory:
    """`size` bytes at the `address` of the arguments, virtual with `-va`. Raises `BadInput` where there is no such."""
    space = select_space(target, arguments) if arguments.va else None
    bits = PA_BITS if space is None else 64
    if size < 1:
        raise BadInput("nothing to read: the length is 0")
    if arguments.address + size > 1 << bits:
        raise BadInput(f"{size} bytes at {arguments.address:#x} reach beyond the {bits}-bit addresses")
    if space is None and any(arguments.__dict__[key] is not None for key in ("satp", "root", "mode")):
        raise BadInput("-satp and -root go with -va: a physical address needs no page tables")
    return Memory(target, space, arguments.address, size)


@command(
    "read",
    "Show LENGTH bytes of physical memory, or with -va of virtual memory.",
    Argument("address", "Where to begin: a physical address, or with -va a virtual one."),
    Argument("length", "How many bytes."),
    VA_OPTION,
    *SPACE_OPTIONS,
    description="Permissions do not count, and reading changes nothing, not even the A bit.",
    examples=("sv39 read 0x80000000 64", "sv39 read &message 0x20 -va"),
)
def read_command(target: Target, arguments: Namespace) -> Memory:
    return select_memory(target, arguments, arguments.length)
