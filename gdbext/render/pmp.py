"""The text and the JSON of `sv39 pmp`."""

from __future__ import annotations

from collections.abc import Iterator

from gdbext.commands.pmp import PmpResult
from gdbext.render.json import dumps, hex_string
from gdbext.render.style import PA_DIGITS, Style, format_value
from gdbext.riscv.paging import describe_size
from gdbext.riscv.pmp import PmpEntry

SCHEMA = "sv39.pmp/1"
HEADING = f"entry  mode   {'start':{PA_DIGITS + 2}} {'end':{PA_DIGITS + 2}}  {'size':>6}  RWX  L  pmpaddr"


def iter_text(result: PmpResult, style: Style) -> Iterator[str]:
    if not result.entries:
        yield f"hart {result.hart}: the target tells of no PMP register"
        return
    yield style.title(HEADING)
    for entry in result.entries:
        lock = "L" if entry.is_locked else "-"
        yield (
            f"{entry.number:5}  {entry.address_mode:5}  {_describe_range(entry)}  {entry.permissions}  {lock}  "
            f"{format_value(entry.pmpaddr)}"
        )
    yield f"hart {result.hart}: what no entry matches, M-mode may do, S-mode and U-mode may not"


def _describe_range(entry: PmpEntry) -> str:
    text = "-"
    if entry.start < entry.end:
        text = f"0x{entry.start:0{PA_DIGITS}x}-0x{entry.end:0{PA_DIGITS}x}  {describe_size(entry.end - entry.start):>6}"
    elif entry.address_mode != "OFF":
        text = "empty: it matches nothing"
    return f"{text:{2 * (PA_DIGITS + 2) + 1 + 2 + 6}}"


def iter_json(result: PmpResult) -> Iterator[str]:
    yield dumps(
        {
            "schema": SCHEMA,
            "hart": result.hart,
            "entries": [
                {
                    "entry": entry.number,
                    "mode": entry.address_mode,
                    "start": hex_string(entry.start),
                    "end": hex_string(entry.end),
                    "permissions": entry.permissions.lower(),
                    "locked": entry.is_locked,
                    "cfg": hex_string(entry.cfg),
                    "pmpaddr": hex_string(entry.pmpaddr),
                }
                for entry in result.entries
            ],
        }
    )
