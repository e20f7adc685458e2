"""The verdict: what the hardware would answer to one access at the end of a walk.

Source: RISC-V privileged specification, "Virtual Address Translation Process", steps 5 to 9; "Memory Privilege in
mstatus Register" for SUM and MXR; "Physical Memory Protection".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from gdbext.errors import NoMemory
from gdbext.riscv.paging import PTE_SIZE
from gdbext.riscv.pmp import check_pmp
from gdbext.riscv.pte import A, D, Pte, R, U, W, X
from gdbext.riscv.rules import AdUpdate, TranslationRules
from gdbext.riscv.traps import Access, Privilege
from gdbext.tables.walk import Outcome, Walk


@dataclass(frozen=True)
class Verdict:
    """The answer to one access: the pa that serves it, or the exception cause. Neither is known if the walk is not."""

    access: Access
    privilege: Privilege
    pa: int | None
    cause: int | None
    rule: str

    @property
    def is_known(self) -> bool:
        return self.pa is not None or self.cause is not None

    @property
    def works(self) -> bool:
        return self.cause is None and self.pa is not None


def iter_qemu_causes(verdict: Verdict, walked: Walk, *, is_amo: bool) -> Iterator[tuple[int, str]]:
    """The causes that some version of QEMU reports instead of the verdict's, each with the reason.

    These departures from the specification were found by asking QEMU's MMU (tests/mmu_probe).
    """
    if walked.outcome is Outcome.NO_TABLE_MEMORY:
        yield verdict.access.page_fault, "QEMU reports a table outside memory as a page fault"
    if is_amo and verdict.cause == Access.STORE.page_fault:
        yield Access.LOAD.page_fault, "QEMU before 10 reports the fault of an AMO as a load's"
    elif is_amo and verdict.cause == Access.STORE.access_fault:
        yield Access.LOAD.access_fault, "QEMU before 10 reports the fault of an AMO as a load's"


class FinalCheck(Protocol):
    """What the verdict needs of a target: whether anything answers at the final physical address."""

    def check_final(self, pa: int) -> None: ...


def judge(
    memory: FinalCheck,
    walked: Walk,
    access: Access,
    privilege: Privilege,
    rules: TranslationRules,
    *,
    sum_bit: bool = False,
    mxr: bool = False,
    size: int = 1,
) -> Verdict:
    """What the hardware answers to `access` of `size` bytes from `privilege` (S or U; M where the walk is Bare)."""

    def fault(cause: int, rule: str) -> Verdict:
        return Verdict(access, privilege, None, cause, rule)

    if walked.outcome is Outcome.TABLE_UNKNOWN:
        return Verdict(access, privilege, None, None, walked.rule)
    if not walked.outcome.is_translated:
        return fault(access.access_fault if walked.outcome.is_access_fault else access.page_fault, walked.rule)
    rule = walked.rule
    if walked.outcome is Outcome.LEAF:
        level = walked.leaf.level
        barred = describe_barred(walked.pte, access, privilege, sum_bit, mxr)
        if barred:
            return fault(access.page_fault, f"the level-{level} PTE {barred}")
        missing = describe_missing_ad(walked.pte, access)
        if missing:
            if rules.ad_update is AdUpdate.FAULT:
                rule = f"the level-{level} PTE has {missing}, and the hart does not set it (Svade)"
                return fault(access.page_fault, rule)
            answer = check_pmp(rules.pmp, walked.leaf.pte_pa, PTE_SIZE, Access.STORE, Privilege.S)
            if not answer.allowed:
                return fault(access.access_fault, f"the PTE has {missing}, and may not be written: {answer.describe()}")
            rule = f"{rule}; the hardware sets {missing.replace('=0', '')}"
    pa = walked.pa
    assert pa is not None
    answer = check_pmp(rules.pmp, pa, size, access, privilege)
    if not answer.allowed:
        return fault(access.access_fault, f"pa {pa:#x}: {answer.describe()}")
    try:
        memory.check_final(pa)
    except NoMemory as error:
        return fault(access.access_fault, f"pa {pa:#x}: {error.reason}")
    return Verdict(access, privilege, pa, None, rule)


def describe_barred(pte: Pte, access: Access, privilege: Privilege, sum_bit: bool, mxr: bool) -> str | None:
    """Why the flags of a leaf bar the access, in words that follow `the PTE`; None if they allow it."""
    value = pte.value
    if privilege is Privilege.U and not value & U:
        return "has U=0: user mode is barred"
    if privilege is Privilege.S and value & U:
        if access is Access.FETCH:
            return "has U=1: supervisor mode never executes a user page"
        if not sum_bit:
            return "has U=1, and SUM=0 bars supervisor mode"
    if access is Access.FETCH and not value & X:
        return "has X=0"
    if access is Access.STORE and not value & W:
        return "has W=0"
    if access is Access.LOAD and not value & R:
        if not value & X:
            return "has R=0"
        if not mxr:
            return "has R=0, and MXR=0 does not let X=1 stand for it"
    return None


def describe_missing_ad(pte: Pte, access: Access) -> str | None:
    """Which of A and D the access needs and the leaf lacks: `A=0`, `D=0`, `A=0 D=0`, or None."""
    missing = [] if pte.value & A else ["A=0"]
    if access is Access.STORE and not pte.value & D:
        missing.append("D=0")
    return " ".join(missing) or None
