"""Options that several commands share, and what they mean."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from gdbext.commands.declaration import Argument, Kind
from gdbext.errors import BadInput, UnsupportedTarget
from gdbext.riscv.csrs import Satp, Status
from gdbext.riscv.paging import MODE_BY_NAME, MODE_BY_SATP, PA_BITS, PAGE_SIZE
from gdbext.tables.space import AddressSpace
from gdbext.target.base import Target

HART_OPTION = Argument("-hart", "Ask hart N instead of the selected one.", metavar="N")
SATP_OPTION = Argument("-satp", "Take VALUE for satp instead of the hart's.", metavar="VALUE")
ROOT_OPTION = Argument("-root", "Take the root table at physical address PA instead of satp's.", metavar="PA")
MODE_OPTION = Argument(
    "-mode",
    "The paging mode that goes with -root (default: the hart's, or sv39).",
    Kind.TEXT,
    choices=tuple(name for name in MODE_BY_NAME if name != "bare"),
)
SPACE_OPTIONS = (HART_OPTION, SATP_OPTION, ROOT_OPTION, MODE_OPTION)
# The arguments of somebody who typed none of them.
NO_SPACE_OPTIONS: dict[str, Any] = dict.fromkeys(option.key for option in SPACE_OPTIONS)


def select_space(target: Target, arguments: Namespace) -> AddressSpace:
    """The address space that `SPACE_OPTIONS` name. Raises `BadInput`, or `UnsupportedTarget` where there is no satp."""
    hart = target.require_hart(arguments.hart)
    if arguments.root is not None:
        return _space_of_root(target, arguments, hart)
    if arguments.mode is not None:
        raise BadInput("-mode goes with -root PA")
    value, source = arguments.satp, "-satp"
    if value is None:
        value, source = target.read_csr(hart, "satp"), f"hart {hart}"
    if value is None:
        raise UnsupportedTarget(
            f"{target.name} has no satp for hart {hart}: name the tables with -satp VALUE or -root PA -mode sv39"
        )
    satp = Satp(value)
    if satp.mode is None:
        raise BadInput(
            f"satp {value:#x} has the mode {satp.mode_number}, which is reserved; there are {_describe_modes()}"
        )
    return AddressSpace(satp.mode, satp.root_pa, satp.asid, hart, source)


def select_tables(target: Target, arguments: Namespace) -> AddressSpace:
    """Like `select_space`, for commands that list tables: raises `BadInput` where satp is Bare."""
    space = select_space(target, arguments)
    if space.mode.levels == 0:
        raise BadInput(
            f"satp is Bare ({space.source}): no page tables are in force; name some with -root PA, or -satp VALUE"
        )
    return space


def _space_of_root(target: Target, arguments: Namespace, hart: int) -> AddressSpace:
    if arguments.satp is not None:
        raise BadInput("-satp and -root exclude each other")
    if arguments.root % PAGE_SIZE:
        raise BadInput(f"-root {arguments.root:#x} is not the start of a page: a root table is 4096-byte aligned")
    if arguments.root >> PA_BITS:
        raise BadInput(f"-root {arguments.root:#x} is no physical address: those have {PA_BITS} bits")
    mode = MODE_BY_NAME[arguments.mode or "sv39"]
    if arguments.mode is None:
        satp = target.read_csr(hart, "satp")
        present = Satp(satp).mode if satp is not None else None
        if present is not None and present.levels:
            mode = present
    return AddressSpace(mode, arguments.root, 0, hart, "-root")


def _describe_modes() -> str:
    return ", ".join(f"{number} ({mode.name})" for number, mode in MODE_BY_SATP.items())


def read_status(target: Target, hart: int) -> Status | None:
    """mstatus of `hart`, or sstatus where that is all there is, or None."""
    for name in ("mstatus", "sstatus"):
        value = target.read_csr(hart, name)
        if value is not None:
            return Status(value)
    return None
