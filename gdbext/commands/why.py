"""sv39 why: what trapped, by which rule, and whether the access would work now."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import dataclass, replace

from gdbext.commands.declaration import Argument, Kind, Status, command
from gdbext.commands.options import HART_OPTION, NO_SPACE_OPTIONS, read_status, select_space
from gdbext.errors import BadInput, NoMemory, NotCaptured, UnsupportedTarget
from gdbext.riscv import csrs
from gdbext.riscv.instruction import Instruction, decode_instruction, decode_length
from gdbext.riscv.paging import BARE
from gdbext.riscv.pte import U
from gdbext.riscv.rules import TranslationRules
from gdbext.riscv.traps import INTERRUPT, Access, Privilege, access_of_cause, access_of_trap
from gdbext.tables.space import AddressSpace
from gdbext.tables.verdict import Verdict, iter_qemu_causes, judge
from gdbext.tables.walk import Outcome, Walk, walk
from gdbext.target.base import PageTableRegion, Target

LEVELS = {"m": Privilege.M, "s": Privilege.S}
# A retried instruction and its successors lie this close behind the trap's pc, in bytes: two instructions.
RIGHT_AFTER = 8


@dataclass(frozen=True)
class Trap:
    """The trap registers of one level (M or S) of a hart, and whether the hart has come back from the trap.

    `is_over` is None where nothing tells: an S-mode kernel is as often past its last trap as in its handler.
    """

    hart: int
    level: Privilege
    cause: int
    tval: int
    epc: int
    origin: Privilege | None
    is_over: bool | None

    @property
    def is_interrupt(self) -> bool:
        return bool(self.cause & INTERRUPT)

    @property
    def access(self) -> Access | None:
        return access_of_cause(self.cause)


@dataclass(frozen=True)
class WhyResult:
    """A trap and its explanation. `walk` and `verdict` are None for a cause that speaks of no access."""

    trap: Trap
    space: AddressSpace
    pc_symbol: str | None
    instruction: Instruction | None
    walk: Walk | None
    tval_symbol: str | None
    verdict: Verdict | None
    judged_from: Privilege
    region: PageTableRegion | None
    assumed: tuple[str, ...]

    @property
    def mismatch(self) -> str | None:
        """Why the verdict has another cause than the trap had, in words; None where they agree."""
        if self.walk is None or self.verdict is None or self.verdict.cause in (None, self.trap.cause):
            return None
        is_amo = self.verdict.access is not self.trap.access
        for cause, reason in iter_qemu_causes(self.verdict, self.walk, is_amo=is_amo):
            if cause == self.trap.cause:
                return f"it was cause {cause}: {reason}"
        return f"it was cause {self.trap.cause}: the tables, or the status bits, have changed since the trap"

    @property
    def status(self) -> Status:
        """Bad news if the access would still fail."""
        if self.verdict is None:
            return Status.ANSWERED
        if not self.verdict.is_known:
            return Status.INCOMPLETE
        return Status.ANSWERED if self.verdict.works else Status.BAD_NEWS


@command(
    "why",
    "Explain the trap that a hart is in, or has just come back from.",
    HART_OPTION,
    Argument("-level", "Read the trap registers of M-mode or of S-mode.", Kind.TEXT, choices=tuple(LEVELS)),
    description=(
        "Shows cause, address, the instruction and the privilege it ran in, the walk of the address as the tables are "
        "now, and what the hardware would answer if the access were tried again. In M-mode the M-mode registers are "
        "read; in S-mode those of S-mode, unless the hart stands where an M-mode handler has just returned to."
    ),
    examples=("sv39 why", "sv39 why -level s"),
)
def why_command(target: Target, arguments: Namespace) -> WhyResult:
    hart = target.require_hart(arguments.hart)
    trap = read_trap(target, hart, LEVELS.get(arguments.level))
    space = select_space(target, Namespace(**(NO_SPACE_OPTIONS | {"hart": hart})))
    rules = target.translation_rules(hart)
    if trap.is_over is None and trap.origin is Privilege.U:
        trap = replace(trap, origin=find_code_privilege(target, space, rules, trap.epc))
    # A trap from M-mode that speaks of translation went through MPRV, as the privilege that MPP held before the trap.
    judged_from = Privilege.S if trap.origin in (None, Privilege.M) else trap.origin
    instruction = read_instruction(target, space, rules, trap.epc, trap.origin)
    walked = verdict = None
    if trap.access is not None and not trap.is_interrupt:
        access = access_of_trap(trap.cause, instruction.access if instruction else None)
        assert access is not None
        walked, verdict = _judge_again(target, trap, access, space, rules, judged_from=judged_from)
    return WhyResult(
        trap,
        space,
        target.describe_symbol(trap.epc),
        instruction,
        walked,
        target.describe_symbol(trap.tval),
        verdict,
        judged_from,
        target.page_table_region(),
        rules.assumed,
    )


def _judge_again(
    target: Target,
    trap: Trap,
    access: Access,
    space: AddressSpace,
    rules: TranslationRules,
    *,
    judged_from: Privilege,
) -> tuple[Walk, Verdict]:
    status = read_status(target, trap.hart)
    with target.reading():
        walked = walk(target, space.mode, space.root_pa, trap.tval, rules)
    verdict = judge(
        target,
        walked,
        access,
        judged_from,
        rules,
        sum_bit=status.sum if status else False,
        mxr=status.mxr if status else False,
    )
    return walked, verdict


def read_trap(target: Target, hart: int, level: Privilege | None = None) -> Trap:
    """The trap that `hart` is in or has just come back from; `level` None finds out which registers tell of it.

    Raises `UnsupportedTarget` where the target has no trap registers, and `BadInput` where they tell of no trap.
    """
    priv = target.read_csr(hart, "priv")
    present = Privilege(priv & csrs.PRIV_MASK) if priv is not None and priv & csrs.PRIV_MASK != 2 else None
    pc = target.read_csr(hart, "pc")
    if level is None:
        level = _choose_level(target, hart, present, pc)
    letter = level.name.lower()
    names = [f"{letter}{register}" for register in ("cause", "tval", "epc")]
    cause, tval, epc = (target.read_csr(hart, name) for name in names)
    if cause is None or tval is None or epc is None:
        raise UnsupportedTarget(f"{target.name} has no {', '.join(names)} for hart {hart}: nothing tells of a trap")
    if cause == tval == 0:
        # As after reset. A misaligned fetch, which is cause 0, gives its address.
        raise BadInput(f"hart {hart} has not trapped to {level.name}-mode: {names[0]} and {names[1]} are 0")
    is_over = _find_is_over(level, present, pc, epc)
    status = read_status(target, hart)
    origin: Privilege | None = None
    if is_over:
        origin = present
    elif status is not None:
        previous = status.mpp if level is Privilege.M else status.spp
        origin = Privilege(previous) if previous != 2 else None
    return Trap(hart, level, cause, tval, epc, origin, is_over)


def _find_is_over(level: Privilege, present: Privilege | None, pc: int | None, epc: int) -> bool | None:
    if present is None:
        return None
    if present is Privilege.S and level is Privilege.S:
        return True if pc is not None and is_right_after(pc, epc) else None
    return present < level


def is_right_after(pc: int, epc: int) -> bool:
    """Whether a hart at `pc` stands where a handler returns to for a retry, or has just done it."""
    return epc <= pc <= epc + RIGHT_AFTER


def _choose_level(target: Target, hart: int, present: Privilege | None, pc: int | None) -> Privilege:
    mepc, mcause = target.read_csr(hart, "mepc"), target.read_csr(hart, "mcause")
    if mepc is None or mcause is None:
        return Privilege.S
    if present in (Privilege.M, None):
        return Privilege.M
    if pc is not None and mcause and is_right_after(pc, mepc):
        return Privilege.M
    if target.read_csr(hart, "scause") or target.read_csr(hart, "sepc"):
        return Privilege.S
    return Privilege.M


def find_code_privilege(target: Target, space: AddressSpace, rules: TranslationRules, pc: int) -> Privilege | None:
    """Which privilege executes the page of `pc`: sret clears SPP, so a trap from S that is over reads as from U."""
    with target.reading():
        walked = walk(target, space.mode, space.root_pa, pc, rules)
    if walked.outcome is not Outcome.LEAF:
        return None
    return Privilege.U if walked.pte.value & U else Privilege.S


def read_instruction(
    target: Target, space: AddressSpace, rules: TranslationRules, pc: int, origin: Privilege | None
) -> Instruction | None:
    """The instruction at `pc`, read through the tables unless it ran in M-mode; None where it cannot be reached."""
    mode = BARE if origin is Privilege.M else space.mode
    raw = b""
    try:
        with target.reading():
            # A four-byte instruction may cross into another page, so that each half has a walk of its own.
            for half in (pc, pc + 2):
                if half != pc and decode_length(int.from_bytes(raw, "little")) == len(raw):
                    break
                pa = walk(target, mode, space.root_pa, half, rules).pa
                if pa is None:
                    return None
                raw += target.read_physical(pa, 2)
    except (NoMemory, NotCaptured):
        return None
    return decode_instruction(int.from_bytes(raw, "little"))
