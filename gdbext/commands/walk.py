"""sv39 walk: the ladder of PTEs for an address, and what the hardware would answer."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from dataclasses import dataclass, replace

from gdbext.commands.declaration import Argument, Kind, Status, command
from gdbext.commands.options import SPACE_OPTIONS, read_status, select_space
from gdbext.riscv.rules import AdUpdate
from gdbext.riscv.traps import Access, Privilege
from gdbext.tables.space import AddressSpace
from gdbext.tables.verdict import Verdict, judge
from gdbext.tables.walk import Outcome, Walk, walk
from gdbext.target.base import PageTableRegion, Target

BITS = ("0", "1")


@dataclass(frozen=True)
class WalkResult:
    """A walk, the verdicts asked for, and what had to be assumed about the hart."""

    space: AddressSpace
    walk: Walk
    verdicts: tuple[Verdict, ...]
    symbol: str | None
    assumed: tuple[str, ...]
    region: PageTableRegion | None

    @property
    def status(self) -> Status:
        """Bad news if none of the accesses works."""
        if self.walk.outcome is Outcome.TABLE_UNKNOWN:
            return Status.INCOMPLETE
        return Status.ANSWERED if any(v.works for v in self.verdicts) else Status.BAD_NEWS


@command(
    "walk",
    "Walk the page tables for each VA and say what the hardware would answer.",
    Argument("va", "A virtual address: any expression. Quote one with spaces in it.", many=True),
    *SPACE_OPTIONS,
    Argument("-access", "Judge only this kind of access.", Kind.TEXT, choices=tuple(a.value for a in Access)),
    Argument("-priv", "Judge only accesses from this privilege level.", Kind.TEXT, choices=("S", "U")),
    Argument("-sum", "Judge as if mstatus.SUM had this value.", Kind.TEXT, choices=BITS),
    Argument("-mxr", "Judge as if mstatus.MXR had this value.", Kind.TEXT, choices=BITS),
    Argument(
        "-ad",
        "Judge as if the A and D bits were set by hardware (Svadu), or a fault (Svade).",
        Kind.TEXT,
        choices=tuple(a.value for a in AdUpdate),
    ),
    description=(
        "For each level: the index, where the PTE lies, its raw value and flags (V R W X U G A D N, a dash for a clear "
        "one), and what it points to. Then the verdict for load, store and fetch from S and U under the hart's present "
        "SUM and MXR, with the rule that decides it."
    ),
    examples=(
        "sv39 walk &kernel_end $sp",
        "sv39 walk 0x80201000 -access store -priv U",
        "sv39 walk $stval -root 0x84000000",
    ),
)
def walk_command(target: Target, arguments: Namespace) -> Iterator[WalkResult]:
    space = select_space(target, arguments)
    rules = target.translation_rules(space.hart)
    if arguments.ad is not None:
        rules = replace(rules, ad_update=AdUpdate(arguments.ad))
    status = read_status(target, space.hart)
    assumed = rules.assumed if status else (*rules.assumed, "SUM=0 and MXR=0: there is no status register")
    sum_bit = _choose_bit(arguments.sum, status.sum if status else None)
    mxr = _choose_bit(arguments.mxr, status.mxr if status else None)
    accesses = [Access(arguments.access)] if arguments.access else list(Access)
    privileges = [Privilege[arguments.priv]] if arguments.priv else [Privilege.S, Privilege.U]
    region = target.page_table_region()
    for va in arguments.va:
        with target.reading():
            walked = walk(target, space.mode, space.root_pa, va, rules)
        verdicts = tuple(
            judge(target, walked, access, privilege, rules, sum_bit=sum_bit, mxr=mxr)
            for privilege in privileges
            for access in accesses
        )
        yield WalkResult(space, walked, verdicts, target.describe_symbol(va), assumed, region)


def _choose_bit(option: str | None, present: bool | None) -> bool:
    """A status bit as the option says, else as the hart has it, else 0."""
    return option == "1" if option is not None else bool(present)
