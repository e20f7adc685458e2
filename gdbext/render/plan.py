"""The text and the JSON of `sv39 plan`."""

from __future__ import annotations

from collections.abc import Iterator

from gdbext.commands.plan import PlanResult
from gdbext.render.json import dumps, hex_string
from gdbext.render.style import Style, format_va
from gdbext.riscv.paging import PAGE_SIZE, describe_size
from gdbext.tables.plan import Plan, count_all_tables

SCHEMA = "sv39.plan/1"


def iter_text(result: PlanResult, style: Style) -> Iterator[str]:
    plan = result.plan
    size, page = describe_size(plan.end - plan.start), describe_size(plan.page_size)
    yield (
        f"{plan.mode.name}: {style.address(format_va(plan.start))}-{style.address(format_va(plan.end))}, {size} in "
        f"{plan.leaves} {'leaf' if plan.leaves == 1 else 'leaves'} of {page}"
    )
    if (plan.start, plan.end) != (plan.asked_start, plan.asked_end):
        yield f"  rounded to whole pages of {page}: asked for {plan.asked_start:#x} to {plan.asked_end:#x}"
    width = len(str(plan.table_count))
    for level, number in plan.tables.items():
        label = f"level {level}" + (" (root)" if level == plan.mode.root_level else "")
        yield f"  {label:14}  {_count_tables(number, width)}  {describe_size(number * PAGE_SIZE):>8}"
    yield f"  {'in all':14}  {_count_tables(plan.table_count, width)}  {describe_size(plan.table_size):>8}"
    every = count_all_tables(plan.mode)
    total = sum(every.values())
    terms = " + ".join(str(number) for number in every.values())
    yield f"  if every table of {plan.mode.name} existed: {terms} = {total} tables, {describe_size(total * PAGE_SIZE)}"


def _count_tables(number: int, width: int) -> str:
    return f"{number:{width}} {'table' if number == 1 else 'tables':6}"


def iter_json(result: PlanResult) -> Iterator[str]:
    plan = result.plan
    total = sum(count_all_tables(plan.mode).values())
    yield dumps(
        {
            "schema": SCHEMA,
            "mode": plan.mode.name,
            "start": hex_string(plan.start),
            "end": hex_string(plan.end),
            "rounded": (plan.start, plan.end) != (plan.asked_start, plan.asked_end),
            "page_size": plan.page_size,
            "leaves": plan.leaves,
            "tables": _list_tables(plan),
            "table_count": plan.table_count,
            "table_size": plan.table_size,
            "every_table": {"table_count": total, "table_size": total * PAGE_SIZE},
        }
    )


def _list_tables(plan: Plan) -> list[dict[str, int]]:
    return [{"level": level, "count": number} for level, number in plan.tables.items()]
