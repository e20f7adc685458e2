"""The text and the JSON of `sv39 tree`."""

from __future__ import annotations

from collections.abc import Iterator

from gdbext.commands.tree import TreeResult
from gdbext.render.json import dumps, hex_string
from gdbext.render.listing import iter_unreadable, json_unreadable
from gdbext.render.style import Style, format_va, format_value
from gdbext.riscv.paging import describe_size
from gdbext.riscv.pte import PBMT_NAMES, Pte
from gdbext.tables.tree import Row, RowKind

SCHEMA = "sv39.tree/1"
LABEL_WIDTH = len("L0[  0-511]")


def iter_text(result: TreeResult, style: Style) -> Iterator[str]:
    yield result.space.describe()
    for row in result.iter_rows():
        indent = "  " * (result.space.mode.root_level - row.level + 1)
        last = f"-{row.index + row.count - 1:3}" if row.count > 1 else ""
        label = f"L{row.level}[{row.index:3}{last}]"
        pte = Pte(row.pte)
        yield (
            f"{indent}{label:{LABEL_WIDTH}}  pte @{row.pte_pa:#x}  {format_value(row.pte)}  {pte.flags}  "
            f"{format_va(row.va)}-{format_va(row.va + row.size)}  {_describe_target(row, pte, style)}"
        )
    yield from iter_unreadable(result.unreadable, style)


def _describe_target(row: Row, pte: Pte, style: Style) -> str:
    if row.kind is RowKind.INVALID:
        return style.bad("always faults") + f": the PTE {row.note}"
    if row.kind is RowKind.PAGES:
        size = describe_size(row.size // row.count)
        amount = f"{row.count} x {size}" if row.count > 1 else size
        napot = " NAPOT" if pte.is_napot else ""
        memory_type = f", {PBMT_NAMES[pte.pbmt]}" if pte.pbmt else ""
        return f"-> {'pages' if row.count > 1 else 'page'} {style.address(hex(row.pa))} {amount}{napot}{memory_type}"
    table = f"-> table {style.address(hex(row.pa))}"
    if row.kind is RowKind.SHARED:
        return f"{table}, shown above"
    if row.kind is RowKind.UNREADABLE:
        return f"{table}, {style.bad('unreadable')}: {row.note}"
    return table


def iter_json(result: TreeResult) -> Iterator[str]:
    head = {
        "schema": SCHEMA,
        "mode": result.space.mode.name,
        "root": hex_string(result.space.root_pa),
        "depth": result.depth,
    }
    yield dumps(head)[:-1] + ', "entries": ['
    separator = ""
    for row in result.iter_rows():
        yield separator + dumps(
            {
                "kind": row.kind.value,
                "level": row.level,
                "index": row.index,
                "count": row.count,
                "pte_pa": hex_string(row.pte_pa),
                "pte": hex_string(row.pte),
                "flags": Pte(row.pte).flags,
                "va": hex_string(row.va),
                "size": row.size,
                "pa": hex_string(row.pa),
                "note": row.note or None,
            }
        )
        separator = ", "
    tail = {"complete": not result.unreadable, "unreadable": json_unreadable(result.unreadable)}
    yield "], " + dumps(tail)[1:]
