"""The text and the JSON of `sv39 satp`."""

from __future__ import annotations

from collections.abc import Iterator

from gdbext.commands.satp import SatpResult, describe_translation
from gdbext.render.json import dumps, hex_string, optional_hex
from gdbext.render.style import Style, format_value
from gdbext.riscv.csrs import Satp
from gdbext.riscv.traps import describe_privilege

SCHEMA = "sv39.satp/1"


def iter_text(result: SatpResult, style: Style) -> Iterator[str]:
    decoded = describe_satp(result.satp, style) if result.satp else style.bad("no satp")
    if result.hart is None:
        yield decoded
        return
    mark = "*" if result.is_current else " "
    privilege = describe_privilege(result.privilege) if result.privilege is not None else "?"
    yield f"{mark} hart {result.hart}  {privilege:6}  {decoded}"
    bits = ""
    if result.hart_status is not None:
        status = result.hart_status
        bits = f"SUM={int(status.sum)} MXR={int(status.mxr)} MPRV={int(status.mprv)}  "
    yield f"            {bits}translation in force: {describe_translation(result)}"


def describe_satp(satp: Satp, style: Style) -> str:
    """The raw value, then mode, ASID and root."""
    if satp.mode is None:
        return f"{format_value(satp.value)}  {style.bad(f'reserved mode {satp.mode_number}')}"
    if satp.is_bare:
        rest = "" if satp.value == 0 else "  (its other bits should be 0)"
        return f"{format_value(satp.value)}  Bare{rest}"
    return f"{format_value(satp.value)}  {satp.mode.name} asid {satp.asid} root {style.address(f'{satp.root_pa:#x}')}"


def iter_json(result: SatpResult) -> Iterator[str]:
    satp, status = result.satp, result.hart_status
    yield dumps(
        {
            "schema": SCHEMA,
            "hart": result.hart,
            "satp": optional_hex(satp.value if satp else None),
            "mode": satp.mode.name if satp and satp.mode else None,
            "asid": satp.asid if satp else None,
            "root": hex_string(satp.root_pa) if satp else None,
            "privilege": describe_privilege(result.privilege)[0] if result.privilege in (0, 1, 3) else None,
            "virtualised": result.is_virtualised,
            "sum": status.sum if status else None,
            "mxr": status.mxr if status else None,
            "mprv": status.mprv if status else None,
            "translation": describe_translation(result) if result.hart is not None else None,
        }
    )
