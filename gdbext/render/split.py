"""The text and the JSON of `sv39 split`."""

from __future__ import annotations

from collections.abc import Iterator

from gdbext.commands.split import SplitResult
from gdbext.render.json import dumps, hex_string
from gdbext.render.style import Style, format_va
from gdbext.riscv.paging import PAGE_SIZE, PagingMode
from gdbext.tables.plan import Sharing

SCHEMA = "sv39.split/1"


def iter_text(result: SplitResult, style: Style) -> Iterator[str]:
    mode = result.mode
    for va in result.vas:
        canonical = _describe_canonical(mode, va, style)
        yield f"va {style.address(format_va(va))} = {describe_indexes(mode, va)}  {canonical}"
    if result.sharings:
        width = len(f"{result.sharings[-1].size:#x}")
        for sharing in result.sharings:
            yield f"  {sharing.size:<#{width}x}  {_describe_sharing(result, sharing)}"


def describe_indexes(mode: PagingMode, va: int) -> str:
    """`L2[2] L1[1] L0[1] +0x000`."""
    indexes = [f"L{level}[{mode.vpn(va, level)}]" for level in mode.iter_levels()]
    return f"{' '.join(indexes)} +0x{va % PAGE_SIZE:03x}"


def _describe_canonical(mode: PagingMode, va: int, style: Style) -> str:
    if mode.is_canonical(va):
        return "canonical"
    top = mode.va_bits - 1
    return style.bad("not canonical") + f": bits 63-{mode.va_bits} must all equal bit {top} in {mode.name}"


def _describe_sharing(result: SplitResult, sharing: Sharing) -> str:
    """What one size means for the addresses, by the rule that belongs to it."""
    is_one = len(sharing.groups) == 1
    if is_one:
        groups = "one multiple"
    elif len(result.vas) == 2:
        groups = "different multiples"
    else:
        groups = f"{len(sharing.groups)} multiples ({' | '.join(' '.join(map(hex, g)) for g in sharing.groups)})"
    if sharing.level is None:
        return f"{groups}: {_describe_root(result, is_one)}"
    below = f"level-{sharing.level - 1} table" if sharing.level else "page"
    if is_one:
        return f"{groups}: the same level-{sharing.level} PTE, so the same {below}"
    return f"{groups}: different level-{sharing.level} PTEs, so different {below}s"


def _describe_root(result: SplitResult, is_one: bool) -> str:
    if not all(map(result.mode.is_canonical, result.vas)):
        return f"{result.mode.name} cannot cover all of them: an address is not canonical"
    if is_one:
        return "one root table covers them"
    return "one root table covers them, being in its lower and its upper half"


def iter_json(result: SplitResult) -> Iterator[str]:
    mode = result.mode
    yield dumps(
        {
            "schema": SCHEMA,
            "mode": mode.name,
            "addresses": [
                {
                    "va": hex_string(va),
                    "canonical": mode.is_canonical(va),
                    "indexes": [{"level": level, "index": mode.vpn(va, level)} for level in mode.iter_levels()],
                    "offset": va % PAGE_SIZE,
                }
                for va in result.vas
            ],
            "sharing": [
                {
                    "size": sharing.size,
                    "level": sharing.level,
                    "groups": [[hex_string(va) for va in group] for group in sharing.groups],
                }
                for sharing in result.sharings
            ],
        }
    )
