"""Options that choose among the mappings of an address space."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import dataclass

from gdbext.commands.declaration import Argument, Kind
from gdbext.errors import BadInput
from gdbext.riscv.paging import U64_MASK
from gdbext.riscv.pte import U
from gdbext.tables.maps import Accept, parse_permissions

FILTER_OPTIONS = (
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
)


@dataclass(frozen=True)
class Filter:
    """Mappings in the virtual addresses [start, end) whose attributes pass all of `accepts`."""

    accepts: tuple[Accept, ...]
    start: int
    end: int

    def is_accepted(self, attributes: int) -> bool:
        return all(accept(attributes) for accept in self.accepts)


def select_filter(arguments: Namespace) -> Filter:
    """What `FILTER_OPTIONS` say. Raises `BadInput`."""
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
    return Filter(tuple(accepts), start, end)
