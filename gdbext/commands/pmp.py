"""sv39 pmp: the physical memory protection of a hart."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import dataclass

from gdbext.commands.declaration import Status, command
from gdbext.commands.options import HART_OPTION
from gdbext.riscv.pmp import PmpEntry, decode_pmp
from gdbext.target.base import Target


@dataclass(frozen=True)
class PmpResult:
    """The entries up to the last one in use; none where the target tells of no PMP register."""

    hart: int
    entries: tuple[PmpEntry, ...]

    @property
    def status(self) -> Status:
        return Status.ANSWERED if self.entries else Status.INCOMPLETE


@command(
    "pmp",
    "Decode the physical memory protection (PMP) of a hart.",
    HART_OPTION,
    description=(
        "A line an entry, up to the last one in use: address matching (OFF, TOR, NA4, NAPOT), the physical addresses "
        "[start, end), R W X, and L where it is locked and binds M-mode too. The first entry that matches any byte of "
        "an access decides."
    ),
    examples=("sv39 pmp", "sv39 pmp -hart 1"),
)
def pmp_command(target: Target, arguments: Namespace) -> PmpResult:
    hart = target.require_hart(arguments.hart)
    return PmpResult(hart, decode_pmp(target.read_pmp(hart)))
