"""The text and the JSON of `sv39 tables`."""

from __future__ import annotations

from collections.abc import Iterator

from gdbext.commands.tables import TablesResult
from gdbext.render.json import dumps, hex_string, optional_hex
from gdbext.render.listing import count, iter_unreadable, json_unreadable
from gdbext.render.style import PA_DIGITS, VA_DIGITS, Style, format_va
from gdbext.riscv.paging import PagingMode
from gdbext.riscv.pte import U, W, describe_map_flags
from gdbext.tables.pages import Parent, TablePage

SCHEMA = "sv39.tables/1"
PA_WIDTH = PA_DIGITS + 2
RANGE_WIDTH = 2 * (VA_DIGITS + 2) + 1
# A text line shows so many of the places at which a page is mapped; JSON shows all.
MAX_MAPPINGS = 3
HEADING = f"level  {'pa':{PA_WIDTH}}  entries  {'pte':{PA_WIDTH}}  {'serves':{RANGE_WIDTH}}  mapped at"


def iter_text(result: TablesResult, style: Style) -> Iterator[str]:
    mode = result.space.mode
    pages = result.tables.pages.values()
    yield result.space.describe()
    yield style.title(HEADING)
    for page in pages:
        for number, parent in enumerate(page.parents):
            pte = "satp" if parent.pte_pa is None else f"0x{parent.pte_pa:0{PA_DIGITS}x}"
            mapped = _describe_mappings(page, style) if number == 0 else "the same page"
            yield (
                f"{parent.level:5}  0x{page.pa:0{PA_DIGITS}x}  {page.entries:7}  {pte:{PA_WIDTH}}  "
                f"{_describe_served(mode, parent):{RANGE_WIDTH}}  {mapped}"
            )
    yield from iter_unreadable(result.tables.unreadable, style)
    unmapped = sum(not page.mappings for page in pages)
    yield f"{count(len(pages), 'table')}: {len(pages) - unmapped} mapped, {unmapped} not mapped"


def _describe_served(mode: PagingMode, parent: Parent) -> str:
    if parent.level == mode.root_level:
        return "every va"
    return f"{format_va(parent.va)}-{format_va(parent.va + mode.table_span(parent.level))}"


def _describe_mappings(page: TablePage, style: Style) -> str:
    if not page.mappings:
        return style.bad("not mapped") + ": touching it from S faults"
    texts = [
        f"{style.address(hex(va))} {describe_map_flags(attributes)}{_describe_editing(attributes)}"
        for va, attributes in page.mappings[:MAX_MAPPINGS]
    ]
    more = len(page.mappings) - MAX_MAPPINGS
    return ", ".join(texts) + (f", and {more} more" if more > 0 else "")


def _describe_editing(attributes: int) -> str:
    """What keeps the supervisor from editing the page through this mapping; nothing where nothing does."""
    if not attributes & W:
        return " (writing faults)"
    return " (user page: needs SUM=1)" if attributes & U else ""


def iter_json(result: TablesResult) -> Iterator[str]:
    head = {
        "schema": SCHEMA,
        "mode": result.space.mode.name,
        "root": hex_string(result.space.root_pa),
        "complete": not result.tables.unreadable,
        "unreadable": json_unreadable(result.tables.unreadable),
    }
    yield dumps(head)[:-1] + ', "tables": ['
    separator = ""
    for page in result.tables.pages.values():
        yield separator + dumps(
            {
                "pa": hex_string(page.pa),
                "level": page.parents[0].level,
                "entries": page.entries,
                "parents": [
                    {
                        "pte_pa": optional_hex(parent.pte_pa),
                        "level": parent.level,
                        "va": hex_string(parent.va),
                        "size": result.space.mode.table_span(parent.level),
                    }
                    for parent in page.parents
                ],
                "mapped": [
                    {"va": hex_string(va), "flags": describe_map_flags(attributes)} for va, attributes in page.mappings
                ],
            }
        )
        separator = ", "
    yield "]}"
