"""The text and the JSON of `sv39 maps`, written in pieces while the tables are read."""

from __future__ import annotations

from collections.abc import Iterator

from gdbext.commands.maps import MapsResult
from gdbext.render.json import dumps, hex_string
from gdbext.render.listing import count, iter_unreadable, json_unreadable
from gdbext.render.style import PA_DIGITS, VA_DIGITS, Style
from gdbext.riscv.paging import describe_size
from gdbext.riscv.pte import PBMT_NAMES, Pte, describe_map_flags
from gdbext.tables.maps import HOLE
from gdbext.tables.scan import UNREADABLE

SCHEMA = "sv39.maps/1"
SIZE_WIDTH = 8
HEADING = (
    f"{'start':{VA_DIGITS + 2}} {'end':{VA_DIGITS + 2}}  {'pa':{PA_DIGITS + 2}}  {'size':>{SIZE_WIDTH}}  "
    "rwxugad  pbmt  napot  what"
)


def iter_text(result: MapsResult, style: Style) -> Iterator[str]:
    yield result.space.describe()
    yield style.title(HEADING)
    sizes: dict[int, str] = {}
    columns = {
        HOLE: style.dim("-"),
        UNREADABLE: style.bad("unreadable: the table here could not be read"),
    }
    find_name = result.names.find
    for chunk in result.iter_chunks():
        lines = []
        for run in chunk:
            va, pa, size, attributes, _ = run
            size_text = sizes.get(size) or sizes.setdefault(size, f"{describe_size(size):>{SIZE_WIDTH}}")
            flags = columns.get(attributes) or columns.setdefault(attributes, describe_attributes(attributes))
            if attributes > HOLE:
                what = find_name(run)
                tail = f"{flags}  {what}" if what else flags.rstrip()
                lines.append(f"0x{va:016x}-0x{va + size:016x}  0x{pa:014x}  {size_text}  {tail}")
            else:
                pa_text = f"0x{pa:014x}" if attributes == UNREADABLE else f"{'hole':16}"
                lines.append(f"0x{va:016x}-0x{va + size:016x}  {pa_text}  {size_text}  {flags}")
        yield "\n".join(lines)
    yield from iter_unreadable(result.scan.unreadable, style)
    if result.scan.invalid_count:
        yield style.dim(f"not listed: {count(result.scan.invalid_count, 'valid PTE')} that always fault; see sv39 lint")
    yield (
        f"{count(result.mapping_count, 'mapping')}, {count(result.leaf_count, 'leaf', 'leaves')}, "
        f"{count(result.scan.table_count, 'table')}, {describe_size(result.mapped_size)} mapped"
    )


def describe_attributes(attributes: int) -> str:
    """The columns rwxugad, pbmt and napot of a mapping."""
    pte = Pte(attributes)
    return (
        f"{describe_map_flags(attributes)}  {PBMT_NAMES[pte.pbmt] if pte.pbmt else '-':4}  "
        f"{'64K' if pte.is_napot else '-':5}"
    )


def iter_json(result: MapsResult) -> Iterator[str]:
    head = {"schema": SCHEMA, "mode": result.space.mode.name, "root": hex_string(result.space.root_pa)}
    yield dumps(head)[:-1] + ', "maps": ['
    tails: dict[int, str] = {}
    separator = ""
    for chunk in result.iter_chunks():
        rows = []
        for va, pa, size, attributes, _ in chunk:
            if attributes == HOLE:
                rows.append(f'{{"va": "{va:#x}", "pa": null, "size": {size}, {_json_tail(HOLE)}}}')
            elif attributes != UNREADABLE:
                tail = tails.get(attributes) or tails.setdefault(attributes, _json_tail(attributes))
                rows.append(f'{{"va": "{va:#x}", "pa": "{pa:#x}", "size": {size}, {tail}}}')
        if rows:
            yield separator + ", ".join(rows)
            separator = ", "
    totals = {
        "leaves": result.leaf_count,
        "tables": result.scan.table_count,
        "complete": not result.scan.unreadable,
        "unreadable": json_unreadable(result.scan.unreadable),
    }
    yield "], " + dumps(totals)[1:]


def _json_tail(attributes: int) -> str:
    if attributes == HOLE:
        members: dict[str, object] = {"flags": None, "pbmt": None, "napot": None}
    else:
        pte = Pte(attributes)
        members = {"flags": describe_map_flags(attributes), "pbmt": pte.pbmt, "napot": pte.is_napot}
    return dumps(members)[1:-1]
