"""The text and the JSON of `sv39 walk`; the ladder serves every command that shows a walk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from gdbext.commands.walk import WalkResult
from gdbext.render.json import dumps, hex_string, optional_hex
from gdbext.render.style import Style, format_va, format_value
from gdbext.riscv.paging import PAGE_SIZE, describe_size
from gdbext.riscv.pte import PBMT_NAMES
from gdbext.riscv.traps import ACCESS_FAULTS, PAGE_FAULTS, Privilege
from gdbext.tables.verdict import Verdict, iter_qemu_causes
from gdbext.tables.walk import Outcome, Step, Walk

SCHEMA = "sv39.walk/1"


def iter_text(result: WalkResult, style: Style) -> Iterator[str]:
    yield describe_head(result, style)
    yield from iter_ladder(result.walk, style)
    yield from iter_verdicts(result.verdicts, style)
    yield from iter_departures(result)
    va = result.walk.va
    if result.region is not None and va in result.region and not any(v.works for v in result.verdicts):
        yield f"  {va:#x} is in the page-table region; the M-mode handler would be asked to map it."
    for sentence in result.assumed:
        yield style.dim(f"  assumed: {sentence}")


def iter_departures(result: WalkResult) -> Iterator[str]:
    """What QEMU answers where that is not what the specification asks for."""
    found = [pair for v in result.verdicts for pair in iter_qemu_causes(v, result.walk, is_amo=False)]
    if found:
        yield f"  {found[0][1]}: cause {'/'.join(dict.fromkeys(str(cause) for cause, _ in found))}"


def describe_head(result: WalkResult, style: Style) -> str:
    """The address, its indexes, and where the root table comes from."""
    walk = result.walk
    words = [f"va {style.address(format_va(walk.va))}"]
    if result.symbol:
        words.append(f"<{style.symbol(result.symbol)}>")
    if walk.mode.levels:
        indexes = " ".join(f"L{level}[{walk.mode.vpn(walk.va, level)}]" for level in walk.mode.iter_levels())
        words.append(f"= {indexes} +0x{walk.va % PAGE_SIZE:03x}")
    words.append(f"  satp: {result.space.describe()}")
    return " ".join(words)


def iter_ladder(walk: Walk, style: Style) -> Iterator[str]:
    """A line a level: index, PTE address, raw value, flags, what it points to or why the walk ends there."""
    for step in walk.steps:
        place = f"  L{step.level}[{step.index:3}]  pte @{step.pte_pa:#x}"
        if step.pte is None:
            yield f"{place}  {'?' * 18}  {'?' * 9}  {style.bad('unreadable')}"
            continue
        yield f"{place}  {format_value(step.pte.value)}  {step.pte.flags}  {_describe_target(walk, step, style)}"


def _describe_target(walk: Walk, step: Step, style: Style) -> str:
    pte = step.pte
    assert pte is not None
    if step is not walk.steps[-1]:
        return f"-> table {style.address(f'{pte.pa:#x}')}"
    if walk.outcome is Outcome.LEAF:
        assert walk.pa is not None and walk.page_size is not None
        size = describe_size(walk.page_size) + (" NAPOT" if pte.is_napot else "")
        memory_type = f", {PBMT_NAMES[pte.pbmt]}" if pte.pbmt else ""
        start = walk.pa & ~(walk.page_size - 1)
        return f"-> page {style.address(f'{start:#x}')} {size}{memory_type}: pa {style.address(f'{walk.pa:#x}')}"
    return style.bad(
        {
            Outcome.TABLE_BARRED: "barred by PMP",
            Outcome.NOT_VALID: "not valid",
            Outcome.RESERVED: "reserved encoding",
            Outcome.POINTER_AT_LEVEL_0: "pointer at level 0",
            Outcome.MISALIGNED: "misaligned superpage",
        }[walk.outcome]
    )


def iter_verdicts(verdicts: Sequence[Verdict], style: Style) -> Iterator[str]:
    """The verdicts in as few lines as say it all: alike ones share a line."""
    by_privilege = [list(group) for _, group in groupby(verdicts, key=lambda verdict: verdict.privilege)]
    if len(by_privilege) == 2 and [_answer(v) for v in by_privilege[0]] == [_answer(v) for v in by_privilege[1]]:
        by_privilege = by_privilege[:1]
        origin = "S and U"
    else:
        origin = ""
    for group in by_privilege:
        origin_text = origin or Privilege(group[0].privilege).name
        remaining = list(group)
        while remaining:
            alike = [v for v in remaining if v.rule == remaining[0].rule and v.works == remaining[0].works]
            remaining = [v for v in remaining if v not in alike]
            yield f"  {', '.join(v.access.value for v in alike)} from {origin_text}: {describe_answer(alike, style)}"


def _answer(verdict: Verdict) -> tuple[int | None, int | None, str]:
    return verdict.pa, verdict.cause, verdict.rule


def describe_answer(alike: Sequence[Verdict], style: Style) -> str:
    """`ok`, or the fault and its causes, with the rule; `alike` differ in their access alone."""
    first = alike[0]
    if first.works:
        note = first.rule.partition("; ")[2]
        return style.good("ok") + f", pa {first.pa:#x}" + (f"; {note}" if note else "")
    if not first.is_known:
        return style.bad("not known") + f": {first.rule}"
    causes = "/".join(str(verdict.cause) for verdict in alike)
    kind = "page fault" if first.cause in PAGE_FAULTS else "access fault" if first.cause in ACCESS_FAULTS else "trap"
    return style.bad(f"{kind}, cause {causes}") + f": {first.rule}"


def describe_levels(walk: Walk) -> list[dict[str, object]]:
    """The ladder as JSON values."""
    return [
        {
            "level": step.level,
            "index": step.index,
            "pte_pa": hex_string(step.pte_pa),
            "pte": optional_hex(step.pte.value if step.pte else None),
            "flags": step.pte.flags if step.pte else None,
        }
        for step in walk.steps
    ]


def iter_json(result: WalkResult) -> Iterator[str]:
    walk = result.walk
    verdict: dict[str, dict[str, object]] = {}
    for v in result.verdicts:
        answer = {"pa": optional_hex(v.pa), "cause": v.cause, "rule": v.rule}
        verdict.setdefault(Privilege(v.privilege).name, {})[v.access.value] = answer
    yield dumps(
        {
            "schema": SCHEMA,
            "va": hex_string(walk.va),
            "symbol": result.symbol,
            "satp": hex_string(result.space.satp),
            "hart": result.space.hart,
            "mode": walk.mode.name,
            "levels": describe_levels(walk),
            "outcome": walk.outcome.name.lower(),
            "rule": walk.rule,
            "pa": optional_hex(walk.pa),
            "page_size": walk.page_size,
            "verdict": verdict,
            "assumed": list(result.assumed),
        }
    )
