"""The text and the JSON of `sv39 watch`."""

from __future__ import annotations

from collections.abc import Iterator

from gdbext.commands.watch import WatchResult
from gdbext.render.json import dumps, hex_string, optional_hex
from gdbext.render.style import Style, format_va
from gdbext.render.trace import describe_place, describe_write
from gdbext.render.walk import iter_ladder
from gdbext.riscv.pte import Pte
from gdbext.riscv.traps import describe_privilege

SCHEMA = "sv39.watch/1"


def iter_text(result: WatchResult, style: Style) -> Iterator[str]:
    yield f"va {style.address(format_va(result.before.va))}  satp: {result.space.describe()}"
    if result.ending:
        yield result.ending
    if result.writes and result.place is not None and result.privilege is not None:
        how = "just before" if result.is_at_write else "some time before"
        yield (
            f"written by hart {result.hart} in {describe_privilege(result.privilege)}, {how} "
            f"{describe_place(result.place, style)}"
        )
    yield from (f"  {describe_write(write, style)}" for write in result.writes)
    if len(result.backtrace) > 1:
        yield f"  called by {' <- '.join(style.symbol(name) for name in result.backtrace[1:])}"
    if result.after is not None:
        yield from iter_ladder(result.after, style)


def iter_json(result: WatchResult) -> Iterator[str]:
    place = result.place
    yield dumps(
        {
            "schema": SCHEMA,
            "va": hex_string(result.before.va),
            "satp": hex_string(result.space.satp),
            "ending": result.ending,
            "hart": result.hart,
            "pc": optional_hex(place.pc if place else None),
            "symbol": place.symbol if place else None,
            "source": place.source if place else None,
            "privilege": result.privilege,
            "at_write": result.is_at_write,
            "backtrace": list(result.backtrace),
            "pte_writes": [
                {
                    "pte_pa": hex_string(write.pte_pa),
                    "level": write.level,
                    "va": hex_string(write.va),
                    "size": write.size,
                    "old": hex_string(write.old),
                    "new": hex_string(write.new),
                    "old_flags": Pte(write.old).flags,
                    "new_flags": Pte(write.new).flags,
                }
                for write in result.writes
            ],
        }
    )
