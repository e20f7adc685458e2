"""The text and the JSON of `sv39 rmap`."""

from __future__ import annotations

from collections.abc import Iterator

from gdbext.commands.rmap import RmapResult
from gdbext.render.json import dumps, hex_string
from gdbext.render.listing import count, iter_unreadable, json_unreadable
from gdbext.render.style import Style, format_va
from gdbext.riscv.pte import describe_map_flags

SCHEMA = "sv39.rmap/1"


def iter_text(result: RmapResult, style: Style) -> Iterator[str]:
    for reach in result.reaches:
        symbol = f" <{style.symbol(reach.symbol)}>" if reach.symbol else ""
        flags = describe_map_flags(reach.attributes)
        yield f"va {style.address(format_va(reach.va))}  {flags}  {reach.space.describe()}{symbol}"
    roots = count(len(result.spaces), "address space")
    yield f"pa {result.pa:#x} is reached from {count(len(result.reaches), 'va')} in {roots}"
    yield from iter_unreadable(result.unreadable, style)


def iter_json(result: RmapResult) -> Iterator[str]:
    reaches = [
        {
            "va": hex_string(reach.va),
            "flags": describe_map_flags(reach.attributes),
            "symbol": reach.symbol,
            "mode": reach.space.mode.name,
            "root": hex_string(reach.space.root_pa),
            "hart": reach.space.hart,
        }
        for reach in result.reaches
    ]
    yield dumps(
        {
            "schema": SCHEMA,
            "pa": hex_string(result.pa),
            "roots": [hex_string(space.root_pa) for space in result.spaces],
            "complete": not result.unreadable,
            "unreadable": json_unreadable(result.unreadable),
            "vas": reaches,
        }
    )
