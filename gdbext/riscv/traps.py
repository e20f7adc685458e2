"""Exception causes, access kinds and privilege levels.

Source: RISC-V privileged specification, table "Machine cause register (mcause) values after trap".
"""

from __future__ import annotations

from enum import Enum, IntEnum

INTERRUPT = 1 << 63


class Privilege(IntEnum):
    """The privilege levels, numbered as in mstatus.MPP and QEMU's $priv."""

    U = 0
    S = 1
    M = 3


class Access(Enum):
    """What an instruction does with an address. Each kind has a page fault and an access fault of its own."""

    LOAD = "load"
    STORE = "store"
    FETCH = "fetch"

    @property
    def page_fault(self) -> int:
        return {"load": 13, "store": 15, "fetch": 12}[self.value]

    @property
    def access_fault(self) -> int:
        return {"load": 5, "store": 7, "fetch": 1}[self.value]


EXCEPTIONS = {
    0: "instruction address misaligned",
    1: "instruction access fault",
    2: "illegal instruction",
    3: "breakpoint",
    4: "load address misaligned",
    5: "load access fault",
    6: "store/AMO address misaligned",
    7: "store/AMO access fault",
    8: "environment call from U-mode",
    9: "environment call from S-mode",
    10: "environment call from VS-mode",
    11: "environment call from M-mode",
    12: "instruction page fault",
    13: "load page fault",
    15: "store/AMO page fault",
    18: "software check",
    19: "hardware error",
    20: "instruction guest-page fault",
    21: "load guest-page fault",
    22: "virtual instruction",
    23: "store/AMO guest-page fault",
}
INTERRUPTS = {
    1: "supervisor software interrupt",
    3: "machine software interrupt",
    5: "supervisor timer interrupt",
    7: "machine timer interrupt",
    9: "supervisor external interrupt",
    11: "machine external interrupt",
    13: "counter-overflow interrupt",
}
PAGE_FAULTS = {access.page_fault: access for access in Access}
ACCESS_FAULTS = {access.access_fault: access for access in Access}


def access_of_cause(cause: int) -> Access | None:
    """The access that a page fault or an access fault speaks of; None for any other cause."""
    return PAGE_FAULTS.get(cause) or ACCESS_FAULTS.get(cause)


def access_of_trap(cause: int, instructed: Access | None) -> Access | None:
    """What the access of a trap was, where `instructed` is what its instruction does with memory, if that is known.

    An AMO is a store to the specification; QEMU before 10 gives its load's fault the cause of a load.
    """
    access = access_of_cause(cause)
    return Access.STORE if access is Access.LOAD and instructed is Access.STORE else access


def describe_cause(cause: int) -> str:
    """The specification's name for a value of mcause or scause."""
    if cause & INTERRUPT:
        number = cause & ~INTERRUPT
        return INTERRUPTS.get(number, f"interrupt {number}")
    return EXCEPTIONS.get(cause, f"exception {cause} (reserved or custom)")


def describe_privilege(privilege: int) -> str:
    """S-mode, U-mode, M-mode; the reserved encoding 2 says so."""
    try:
        return f"{Privilege(privilege).name}-mode"
    except ValueError:
        return f"reserved privilege {privilege}"
