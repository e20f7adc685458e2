"""The text and the JSON of `sv39 diff`."""

from __future__ import annotations

from collections.abc import Iterator

from gdbext.commands.diff import DiffResult, Side
from gdbext.render.json import dumps, hex_string, optional_hex
from gdbext.render.listing import count, iter_unreadable, json_unreadable
from gdbext.render.style import Style, format_va, format_value
from gdbext.riscv.paging import U64_MASK, describe_size
from gdbext.riscv.pte import PBMT_NAMES, Pte, describe_map_flags
from gdbext.tables.diff import PteChange, RangeChange

SCHEMA = "sv39.diff/1"
CHANGES_WIDTH = 12


def iter_text(result: DiffResult, style: Style) -> Iterator[str]:
    for sign, side in (("-", result.old), ("+", result.new)):
        yield f"{sign} {side.name}: {side.space.describe()}"
    for change in result.ranges:
        yield describe_range(change, style)
    if result.ptes:
        yield style.title("PTEs")
    for pte in result.ptes:
        yield describe_pte(pte, style)
    yield f"{count(len(result.ranges), 'range')} and {count(len(result.ptes), 'PTE')} changed"
    yield from iter_unreadable(result.unreadable, style)


def describe_range(change: RangeChange, style: Style) -> str:
    """The range, what changed, and what it was and is: `pa flags`, or a dash where nothing is mapped."""
    end = (change.va + change.size) & U64_MASK
    place = f"{style.address(format_va(change.va))}-{style.address(format_va(end))} {describe_size(change.size):>8}"
    changes = ", ".join(kind.value for kind in change.changes)
    return f"{place}  {changes:{CHANGES_WIDTH}}  {_describe_state(change.old)} -> {_describe_state(change.new)}"


def _describe_state(state: tuple[int, int] | None) -> str:
    if state is None:
        return "-"
    pa, attributes = state
    pte = Pte(attributes)
    extra = (f" {PBMT_NAMES[pte.pbmt]}" if pte.pbmt else "") + (" napot" if pte.is_napot else "")
    return f"pa {pa:#x} {describe_map_flags(attributes)}{extra}"


def describe_pte(change: PteChange, style: Style) -> str:
    """Where the PTE lies, the first va that it serves, and its old and new value; `no table` where there was none."""
    old, new = ("no table" if v is None else f"{format_value(v)} {Pte(v).flags}" for v in (change.old, change.new))
    return f"  L{change.level} pte @{change.pte_pa:#x}  va {style.address(format_va(change.va))}  {old} -> {new}"


def iter_json(result: DiffResult) -> Iterator[str]:
    yield dumps(
        {
            "schema": SCHEMA,
            "old": _side_json(result.old),
            "new": _side_json(result.new),
            "complete": not result.unreadable,
            "unreadable": json_unreadable(result.unreadable),
            "ranges": [
                {
                    "va": hex_string(change.va),
                    "size": change.size,
                    "changes": [kind.value for kind in change.changes],
                    "old": _state_json(change.old),
                    "new": _state_json(change.new),
                }
                for change in result.ranges
            ],
            "ptes": [
                {
                    "pte_pa": hex_string(change.pte_pa),
                    "level": change.level,
                    "va": hex_string(change.va),
                    "old": optional_hex(change.old),
                    "new": optional_hex(change.new),
                }
                for change in result.ptes
            ],
        }
    )


def _side_json(side: Side) -> dict[str, object]:
    return {
        "name": side.name,
        "mode": side.space.mode.name,
        "root": hex_string(side.space.root_pa),
        "hart": side.space.hart,
    }


def _state_json(state: tuple[int, int] | None) -> dict[str, object] | None:
    if state is None:
        return None
    pa, attributes = state
    pte = Pte(attributes)
    return {
        "pa": hex_string(pa),
        "flags": describe_map_flags(attributes),
        "pbmt": pte.pbmt,
        "napot": pte.is_napot,
    }
