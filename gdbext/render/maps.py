"""The text and the JSON of `sv39 maps`, written in pieces while the tables are read."""

from __future__ import annotations

from collections.abc import Iterator

from gdbext.commands.maps import MapsResult
from gdbext.render.json import dumps, hex_string
from gdbext.render.listing import count, iter_unreadable, json_unreadable
from gdbext.render.style import PA_DIGITS, VA_DIGITS, Style
from gdbext.riscv.paging import describe_size
from gdbext.riscv.pte import PBMT_NAMES, Pte, describe_map_flags
from gdbext.tables.maps import HOLE, Names
from gdbext.tables.scan import UNREADABLE, Run

SCHEMA = "sv39.maps/1"
SIZE_WIDTH = 8
HEADING = (
    f"{'start':{VA_DIGITS + 2}} {'end':{VA_DIGITS + 2}}  {'pa':{PA_DIGITS + 2}}  {'size':>{SIZE_WIDTH}}  "
    "rwxugad  pbmt  napot  what"
)
# Where some rows of a list have names, so many rows at a time are looked at as to whether they have.
PART_SIZE = 32
TAIL_WIDTH = SIZE_WIDTH + len("  rwxugad  pbmt  napot")


def iter_text(result: MapsResult, style: Style) -> Iterator[str]:
    yield result.space.describe()
    yield style.title(HEADING)
    tails = _Tails()
    for chunk in result.iter_chunks():
        # Where there are hundreds of thousands of rows, nearly all are nameless, and are looked at only once.
        if result.names.is_nameless(chunk):
            lines = _describe_nameless(chunk, tails)
        else:
            lines = [line for part in _split(chunk) for line in _describe_rows(part, tails, result.names, style)]
        yield "\n".join(lines)
    yield from iter_unreadable(result.scan.unreadable, style)
    if result.scan.invalid_count:
        yield style.dim(f"not listed: {count(result.scan.invalid_count, 'valid PTE')} that always fault; see sv39 lint")
    yield (
        f"{count(result.mapping_count, 'mapping')}, {count(result.leaf_count, 'leaf', 'leaves')}, "
        f"{count(result.scan.table_count, 'table')}, {describe_size(result.mapped_size)} mapped"
    )


class _Tails(dict[tuple[int, int], str]):
    """The columns from the size on, which repeat from row to row, by size and attributes."""

    def __missing__(self, key: tuple[int, int]) -> str:
        size, attributes = key
        self[key] = f"{describe_size(size):>{SIZE_WIDTH}}  {describe_attributes(attributes)}"
        return self[key]


def _split(chunk: list[Run]) -> list[list[Run]]:
    return [chunk[start : start + PART_SIZE] for start in range(0, len(chunk), PART_SIZE)]


def _describe_rows(rows: list[Run], tails: _Tails, names: Names, style: Style) -> list[str]:
    if names.is_nameless(rows):
        return _describe_nameless(rows, tails)
    return [_describe_row(run, tails, names.find(run), style) for run in rows]


def _describe_nameless(rows: list[Run], tails: _Tails) -> list[str]:
    """This makes nearly all rows of a long listing; % is the fastest way."""
    return [
        "0x%016x-0x%016x  0x%014x  %s" % (va, va + size, pa, tails[size, attributes])  # noqa: UP031
        for va, pa, size, attributes, _ in rows
    ]


def _describe_row(run: Run, tails: _Tails, what: str, style: Style) -> str:
    va, pa, size, attributes, _ = run
    start = f"0x{va:016x}-0x{va + size:016x}"
    if attributes == HOLE:
        return style.dim(f"{start}  {'hole':{PA_DIGITS + 2}}  {describe_size(size):>{SIZE_WIDTH}}")
    if attributes == UNREADABLE:
        reason = style.bad("unreadable: the table here could not be read")
        return f"{start}  0x{pa:014x}  {describe_size(size):>{SIZE_WIDTH}}  {reason}"
    tail = tails[size, attributes]
    return f"{start}  0x{pa:014x}  {tail:{TAIL_WIDTH}}  {what}" if what else f"{start}  0x{pa:014x}  {tail}"


def describe_attributes(attributes: int) -> str:
    """The columns rwxugad, pbmt and napot of a mapping."""
    pte = Pte(attributes)
    return (
        f"{describe_map_flags(attributes)}  {PBMT_NAMES[pte.pbmt] if pte.pbmt else '-':4}  "
        f"{'64K' if pte.is_napot else '-'}"
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
