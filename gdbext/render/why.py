"""The text and the JSON of `sv39 why`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gdbext.commands.why import WhyResult
from gdbext.render.json import dumps, hex_string, optional_hex
from gdbext.render.style import Style, format_va
from gdbext.render.walk import describe_answer, describe_levels, iter_ladder
from gdbext.riscv.traps import Privilege, describe_cause, describe_privilege

SCHEMA = "sv39.why/1"


def iter_text(result: WhyResult, style: Style) -> Iterator[str]:
    trap = result.trap
    letter = trap.level.name.lower()
    hart = f"hart {trap.hart}"
    subject = {
        True: f"{hart} came back from a trap",
        False: f"{hart} is in a trap",
        None: f"the last trap of {hart}",
    }[trap.is_over]
    origin = f" from {describe_privilege(trap.origin)}" if trap.origin is not None else ""
    number = trap.cause & ~(1 << 63)
    kind = "interrupt" if trap.is_interrupt else "cause"
    yield (
        f"{subject} to {describe_privilege(trap.level)}{origin}: "
        + style.bad(f"{describe_cause(trap.cause)}, {kind} {number}")
    )
    yield f"  {letter}epc   {_describe_place(trap.epc, result.pc_symbol, style)}{_describe_instruction(result)}"
    if trap.is_interrupt:
        return
    yield f"  {letter}tval  {_describe_place(trap.tval, result.tval_symbol, style)}"
    if result.walk is None or result.verdict is None:
        yield f"  {describe_cause(trap.cause)} is not about an address translation"
        return
    yield f"  satp   {result.space.describe()}"
    yield from iter_ladder(result.walk, style)
    access = result.verdict.access.value
    judged = f"{access} from {result.judged_from.name}"
    if result.verdict.works:
        yield f"  now, {judged} of {trap.tval:#x} would work: {describe_answer([result.verdict], style)}"
        if trap.is_over is False:
            yield "  the tables have been mended since the trap, or the fault came from a stale TLB entry (sfence.vma)"
    else:
        yield f"  {judged} would fail now: {describe_answer([result.verdict], style)}"
        if result.mismatch is not None:
            yield f"  {result.mismatch}"
    if trap.origin is Privilege.M and trap.is_over is False:
        yield "  the access came from M-mode, so MPRV was set; judged as from S, since the trap overwrote MPP"
    if result.region is not None and trap.tval in result.region:
        yield f"  {trap.tval:#x} is in the page-table region {result.region.start:#x}-{result.region.end:#x}"
    for sentence in result.assumed:
        yield style.dim(f"  assumed: {sentence}")


def _describe_place(va: int, symbol: str | None, style: Style) -> str:
    return style.address(format_va(va)) + (f" <{style.symbol(symbol)}>" if symbol else "")


def _describe_instruction(result: WhyResult) -> str:
    if result.instruction is None:
        return "  (the instruction cannot be read)"
    return f"  {result.instruction.text}"


def iter_json(result: WhyResult) -> Iterator[str]:
    trap, verdict = result.trap, result.verdict
    answer: dict[str, Any] | None = None
    if verdict is not None:
        answer = {
            "access": verdict.access.value,
            "privilege": verdict.privilege.name,
            "pa": optional_hex(verdict.pa),
            "cause": verdict.cause,
            "rule": verdict.rule,
        }
    yield dumps(
        {
            "schema": SCHEMA,
            "hart": trap.hart,
            "level": trap.level.name,
            "over": trap.is_over,
            "interrupt": trap.is_interrupt,
            "cause": trap.cause & ~(1 << 63),
            "cause_text": describe_cause(trap.cause),
            "va": hex_string(trap.tval),
            "va_symbol": result.tval_symbol,
            "pc": hex_string(trap.epc),
            "pc_symbol": result.pc_symbol,
            "instruction": result.instruction.text if result.instruction else None,
            "privilege": trap.origin.name if trap.origin is not None else None,
            "satp": hex_string(result.space.satp),
            "levels": describe_levels(result.walk) if result.walk else [],
            "now": answer,
            "mismatch": result.mismatch,
            "in_table_region": result.region is not None and trap.tval in result.region,
            "assumed": list(result.assumed),
        }
    )
