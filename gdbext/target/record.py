"""What a core says of a target besides its memory: the registers of its harts, and the facts of the machine."""

from __future__ import annotations

from gdbext.riscv.registers import FLOAT_NAMES, INTEGER_NAMES
from gdbext.target.base import Target
from gdbext.target.corenotes import PRIV, Facts, HartRecord


def record_harts(target: Target) -> list[HartRecord]:
    """All registers of all harts, the selected hart first: a debugger that opens the core selects the first one."""
    names = (*INTEGER_NAMES, "pc", *FLOAT_NAMES, PRIV, *target.csr_names())
    numbers = sorted(target.harts, key=lambda hart: (hart != target.current_hart, hart))
    return [HartRecord(number, target.read_csrs(number, names)) for number in numbers]


def record_facts(target: Target, kept: str | None) -> Facts:
    """What the target knows that is in no register; `kept` says which memory goes with it, None for all."""
    regions = target.memory_regions()
    return Facts(
        current_hart=target.current_hart,
        kept=kept,
        regions=None if regions is None else tuple(regions),
        page_table_region=target.page_table_region(),
        rules={hart: target.translation_rules(hart) for hart in target.harts},
    )
