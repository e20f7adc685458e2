"""sv39 plan: the tables and the memory that a mapping takes."""

from __future__ import annotations

import re
from argparse import Namespace
from dataclasses import dataclass

from gdbext.commands.declaration import Argument, Kind, Status, command
from gdbext.commands.split import PURE_MODE_OPTION
from gdbext.riscv.paging import MODE_BY_NAME, SIZE_UNITS, SV57, U64_MASK, describe_size
from gdbext.tables.plan import Plan, plan_range
from gdbext.target.base import Target

PAGE_SIZES = {describe_size(SV57.page_size(level)): SV57.page_size(level) for level in range(SV57.levels)}
UNIT_SIZES = {letter: unit for unit, letter in SIZE_UNITS}


@dataclass(frozen=True)
class PlanResult:
    plan: Plan

    @property
    def status(self) -> Status:
        return Status.ANSWERED


@command(
    "plan",
    "Count the page tables and the memory that mapping [START, END) takes.",
    Argument("start", "The first virtual address: any expression."),
    Argument("end", "The address after the last, or +SIZE: a number with K, M, G or T, or any expression.", Kind.TEXT),
    Argument("-page", "The size of the pages (default: 4K).", Kind.TEXT, choices=tuple(PAGE_SIZES), default="4K"),
    PURE_MODE_OPTION,
    description="Counts from nothing: a root table alone. Last it says what it costs if every table exists at once.",
    examples=("sv39 plan 0x80000000 0x88000000", "sv39 plan 0x80000000 +128M -page 2M", "sv39 plan &_start &_end"),
    needs_target=False,
)
def plan_command(target: Target, arguments: Namespace) -> PlanResult:
    start = arguments.start
    if arguments.end.startswith("+"):
        end = start + _evaluate_size(target, arguments.end[1:])
    else:
        # The address after the last page of all is 2^64, which no expression gives but 0.
        end = target.evaluate(arguments.end) or U64_MASK + 1
    return PlanResult(plan_range(MODE_BY_NAME[arguments.mode], start, end, PAGE_SIZES[arguments.page]))


def _evaluate_size(target: Target, text: str) -> int:
    match = re.fullmatch(r"(\d+)([KMGTP])", text.strip(), re.IGNORECASE)
    if match:
        return int(match[1]) * UNIT_SIZES[match[2].upper()]
    return target.evaluate(text)
