"""The text and the JSON of `sv39 trace`. The JSON of a fault is the line that `save` writes."""

from __future__ import annotations

from collections.abc import Iterator

from gdbext.commands.trace import ChainResult, DoneResult, FaultResult, LogResult, SummaryResult
from gdbext.render.json import dumps
from gdbext.render.style import Style, format_va, format_value
from gdbext.render.walk import iter_ladder
from gdbext.riscv.paging import describe_size
from gdbext.riscv.pte import Pte
from gdbext.riscv.traps import describe_cause, describe_privilege
from gdbext.trace.record import AllocatedPage, CodePlace, FaultOutcome, FaultRecord, PteWrite, encode, to_json
from gdbext.trace.summary import GOOD_OUTCOMES, Summary
from gdbext.trace.trap_log import TrapCounts

AnyResult = FaultResult | ChainResult | SummaryResult | LogResult | DoneResult
CHAIN_SCHEMA = "sv39.trace-chain/1"
LOG_SCHEMA = "sv39.trace-log/1"
SUMMARY_SCHEMA = "sv39.trace-summary/1"
DONE_SCHEMA = "sv39.trace-done/1"
PLACES_SHOWN = 5


def iter_text(result: AnyResult, style: Style) -> Iterator[str]:
    if isinstance(result, LogResult):
        yield from iter_log(result, style)
    elif isinstance(result, ChainResult):
        yield from iter_chain(result, style)
    elif isinstance(result, FaultResult):
        yield from iter_fault(result.record, style)
    elif isinstance(result, SummaryResult):
        yield from iter_summary(result, style)
    else:
        yield result.text


def iter_fault(record: FaultRecord, style: Style) -> Iterator[str]:
    """A block of lines: what trapped, where, the walk, what the handler did, what became of it."""
    where = {True: "in the page-table region", False: "outside the page-table region", None: ""}[record.in_region]
    cause = f"{describe_cause(record.cause)} ({record.cause})"
    va = style.address(format_va(record.va))
    yield f"{style.title(f'fault {record.seq}')}  hart {record.hart}  {cause}  va {va}  {where}".rstrip()
    instruction = f": {record.place.instruction}" if record.place.instruction else ""
    yield f"  at {describe_place(record.place, style)}{instruction}, from {describe_privilege(record.privilege)}"
    if len(record.backtrace) > 1:
        yield f"  called by {' <- '.join(style.symbol(name) for name in record.backtrace[1:])}"
    yield from iter_ladder(record.walk_before, style)
    yield f"  faulted: {record.rule_before}"
    left = f", left at {describe_place(record.handler_exit, style)}" if record.handler_exit else ""
    yield f"  handler {describe_place(record.handler, style)}{left}"
    yield from (f"  allocated {describe_page(page, style)}" for page in record.pages_allocated)
    yield from (f"  wrote {describe_write(write, style)}" for write in record.pte_writes)
    if record.handler_exit and not record.pte_writes:
        yield "  wrote no PTE" + ("" if record.compared == "all table pages" else f" (compared: {record.compared})")
    if record.rule_after:
        yield f"  now: {record.rule_after}"
    for notice in record.notices:
        yield f"  {style.bad(notice.kind)}: {notice.text}"
    chain = f" (chain of fault {record.chain})" if record.chain != record.seq else ""
    yield f"  {describe_outcome(record.outcome, style)}: {record.why}{chain}"


def iter_chain(result: ChainResult, style: Style) -> Iterator[str]:
    """A heading with who wanted the mapping, and a line a fault."""
    first = result.records[0]
    wanted_by = first.backtrace[1] if len(first.backtrace) > 1 else first.place.symbol or hex(first.pc)
    yield f"{style.title(f'chain {first.chain}')}  hart {first.hart}  {style.symbol(wanted_by)}"
    for record in result.records:
        pages = ", ".join(f"{page.pa:#x}" + _describe_level(page) for page in record.pages_allocated) or "nothing"
        yield (
            f"  fault {record.seq}  va {style.address(format_va(record.va))}  allocated {pages}  "
            f"wrote {count_of(len(record.pte_writes), 'PTE')}  {describe_outcome(record.outcome, style)}"
        )


def _describe_level(page: AllocatedPage) -> str:
    return "" if page.level is None else f" (level {page.level})"


def describe_place(place: CodePlace, style: Style) -> str:
    """`0x80001234 <name+12> file.c:34`."""
    words = [style.address(f"{place.pc:#x}")]
    if place.symbol:
        words.append(f"<{style.symbol(place.symbol)}>")
    if place.source:
        words.append(place.source)
    return " ".join(words)


def describe_page(page: AllocatedPage, style: Style) -> str:
    """What a page that came into use is used for."""
    use = "a page of the region, in no table yet" if page.level is None else f"a level-{page.level} table"
    if page.is_zeroed is None:
        zeroed = "not known if zeroed"
    else:
        zeroed = "zeroed" if page.is_zeroed else f"not zeroed ({page.rubbish} old PTEs)"
    mapped = "mapped nowhere: touching it will fault" if page.mapped_at is None else f"mapped at {page.mapped_at:#x}"
    return f"{style.address(f'{page.pa:#x}')}: {use}, {zeroed}, {mapped}"


def describe_write(write: PteWrite, style: Style) -> str:
    """A PTE before and after."""
    old, new = (f"{format_value(value)} {Pte(value).flags}" for value in (write.old, write.new))
    place = f"L{write.level} pte @{style.address(f'{write.pte_pa:#x}')}"
    return f"{place}  {old} -> {new}  for {write.va:#x} {describe_size(write.size)}"


def describe_faults(counts: Summary | TrapCounts) -> str:
    """How many page faults there were, and where they belong."""
    faults = count_of(counts.faults, "page fault")
    if counts.faults and not counts.region_faults and not counts.outside:
        return f"{faults}, and no page-table region known (set sv39 table-region START END)"
    return f"{faults}: {counts.region_faults} in the page-table region, {counts.outside} outside"


def count_of(count: int, thing: str) -> str:
    """`1 page`, `2 pages`."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def describe_outcome(outcome: FaultOutcome, style: Style) -> str:
    return style.good(outcome.value) if outcome in GOOD_OUTCOMES else style.bad(outcome.value)


def iter_summary(result: SummaryResult, style: Style) -> Iterator[str]:
    summary = result.summary
    if result.ending:
        yield result.ending
    yield style.title(
        f"{describe_faults(summary)}; "
        f"{count_of(summary.pages_allocated, 'page')} allocated, {count_of(summary.pte_writes, 'PTE')} written"
    )
    if summary.outcomes:
        counted = summary.outcomes.items()
        outcomes = (f"{count} {describe_outcome(FaultOutcome(name), style)}" for name, count in counted)
        chained = f"; {summary.chains} went on with the next table of a chain" if summary.chains else ""
        yield f"  outcome: {', '.join(outcomes)}{chained}"
        causes = (f"{count} {describe_cause(cause)}" for cause, count in sorted(summary.causes.items()))
        yield f"  cause: {', '.join(causes)}"
    if len(summary.harts) > 1:
        yield f"  hart: {', '.join(f'{count} on hart {hart}' for hart, count in sorted(summary.harts.items()))}"
    for place, count in summary.places.most_common(PLACES_SHOWN):
        yield f"  {count:6} at {style.symbol(place)}"
    for kind, count in sorted(summary.notices.items()):
        yield f"  {count:6} {style.bad(kind)}"
    yield from (f"  {remark}" for remark in result.remarks)


def iter_log(result: LogResult, style: Style) -> Iterator[str]:
    """The counts of a log: the most frequent of each kind."""
    counts = result.counts
    yield style.title(
        f"{describe_faults(counts)}; {len(counts.vas)} different addresses, {count_of(len(counts.pages), 'page')}, "
        f"{count_of(len(counts.pcs), 'place')}"
    )
    for cause, count in counts.causes.most_common():
        yield f"  {count:8} {describe_cause(cause)}"
    if len(counts.harts) > 1:
        yield f"  hart: {', '.join(f'{count} on hart {hart}' for hart, count in sorted(counts.harts.items()))}"
    for pc, count in counts.pcs.most_common(LogResult.SHOWN):
        yield f"  {count:8} at {describe_place(CodePlace(pc, result.symbols.get(pc)), style)}"
    for page, count in counts.pages.most_common(LogResult.SHOWN):
        yield f"  {count:8} on the page {style.address(format_va(page))}"
    yield f"  page tables: {result.tables}"


def iter_json(result: AnyResult) -> Iterator[str]:
    if isinstance(result, LogResult):
        counts = result.counts
        yield dumps(
            {
                "schema": LOG_SCHEMA,
                "faults": counts.faults,
                "region_faults": counts.region_faults,
                "outside": counts.outside,
                "causes": {hex(cause): count for cause, count in sorted(counts.causes.items())},
                "harts": {str(hart): count for hart, count in sorted(counts.harts.items())},
                **{
                    name: {hex(key): count for key, count in sorted(counter.items())}
                    for name, counter in (("vas", counts.vas), ("pages", counts.pages), ("pcs", counts.pcs))
                },
                "tables": result.tables,
            }
        )
        return
    if isinstance(result, FaultResult):
        yield encode(result.record)
        return
    if isinstance(result, ChainResult):
        faults = [to_json(record) for record in result.records]
        yield dumps({"schema": CHAIN_SCHEMA, "chain": result.records[0].chain, "faults": faults})
        return
    if isinstance(result, DoneResult):
        yield dumps({"schema": DONE_SCHEMA, "text": result.text})
        return
    summary = result.summary
    yield dumps(
        {
            "schema": SUMMARY_SCHEMA,
            "ending": result.ending,
            "faults": summary.faults,
            "region_faults": summary.region_faults,
            "outside": summary.outside,
            "pages_allocated": summary.pages_allocated,
            "pte_writes": summary.pte_writes,
            "outcomes": dict(summary.outcomes),
            "causes": {str(cause): count for cause, count in sorted(summary.causes.items())},
            "harts": {str(hart): count for hart, count in sorted(summary.harts.items())},
            "places": dict(summary.places.most_common()),
            "notices": dict(sorted(summary.notices.items())),
            "remarks": list(result.remarks),
        }
    )
