"""sv39 satp: satp and the privilege of every hart, decoded, and what translation is in force there now."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from dataclasses import dataclass

from gdbext.commands.declaration import Argument, Status, command
from gdbext.commands.options import read_status
from gdbext.riscv import csrs
from gdbext.riscv.csrs import Satp
from gdbext.riscv.traps import Privilege
from gdbext.target.base import Target


@dataclass(frozen=True)
class SatpResult:
    """A value of satp; of a hart, also its state. What the target does not tell is None."""

    satp: Satp | None
    hart: int | None = None
    is_current: bool = False
    privilege: int | None = None
    is_virtualised: bool = False
    hart_status: csrs.Status | None = None

    @property
    def status(self) -> Status:
        return Status.INCOMPLETE if self.satp is None and not self.has_no_satp else Status.ANSWERED

    @property
    def has_no_satp(self) -> bool:
        """Whether the hart itself lacks the register, as one without S-mode does, rather than a file what it held."""
        return self.satp is None and self.privilege is not None


@command(
    "satp",
    "Decode satp, and say what translation is in force on each hart.",
    Argument("value", "A value to decode instead of the harts' own.", optional=True),
    Argument("-hart", "Show hart N alone.", metavar="N"),
    description=(
        "For every hart, or the one named with -hart: privilege, satp (mode, ASID, root table), and SUM, MXR and MPRV "
        "of mstatus. M-mode is never translated, unless MPRV=1 sends its loads and stores through MPP's translation."
    ),
    examples=("sv39 satp", "sv39 satp 0x8000000000084000"),
)
def satp_command(target: Target, arguments: Namespace) -> Iterator[SatpResult]:
    if arguments.value is not None:
        yield SatpResult(Satp(arguments.value))
        return
    harts = target.harts if arguments.hart is None else [target.require_hart(arguments.hart)]
    for hart in harts:
        value = target.read_csr(hart, "satp")
        privilege = target.read_csr(hart, "priv")
        yield SatpResult(
            None if value is None else Satp(value),
            hart,
            hart == target.current_hart,
            None if privilege is None else privilege & csrs.PRIV_MASK,
            bool((privilege or 0) & csrs.PRIV_VIRTUALISED),
            read_status(target, hart),
        )


def describe_translation(result: SatpResult) -> str:
    """What translation is in force on a hart now, in words."""
    if result.satp is None:
        return "none: the hart has no satp" if result.has_no_satp else "not known: there is no satp"
    mode = result.satp.mode
    name = "none: Bare" if result.satp.is_bare else mode.name if mode else f"reserved mode {result.satp.mode_number}"
    if result.privilege is None:
        return f"{name} below M-mode; the present privilege is not known"
    if result.is_virtualised:
        return "two-stage (V=1): vsatp and hgatp decide, and satp is not in force"
    if result.privilege != Privilege.M:
        return name
    if result.hart_status is not None and result.hart_status.mprv and result.hart_status.mpp != Privilege.M:
        return f"loads and stores: {name}, as from {Privilege(result.hart_status.mpp).name} (MPRV=1); fetches: none"
    return "none: M-mode"
