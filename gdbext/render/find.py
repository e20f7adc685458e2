"""The text and the JSON of `sv39 find`."""

from __future__ import annotations

from collections.abc import Iterator

from gdbext.commands.find import FindResult
from gdbext.render.json import dumps, hex_string, optional_hex
from gdbext.render.listing import count, iter_unreadable, json_unreadable
from gdbext.render.style import Style, format_va
from gdbext.riscv.paging import describe_size

SCHEMA = "sv39.find/1"


def iter_text(result: FindResult, style: Style) -> Iterator[str]:
    for found in result.iter_found():
        symbol = f" <{style.symbol(found.symbol)}>" if found.symbol else ""
        if found.va is None:
            yield f"pa {style.address(f'{found.pa:#x}')}"
        else:
            yield f"va {style.address(format_va(found.va))}{symbol}  pa {style.address(f'{found.pa:#x}')}"
    where = "mapped" if result.space else "physical"
    yield f"{count(result.count, 'match', 'matches')} in {describe_size(result.search.searched_size)} of {where} memory"
    yield from iter_unreadable(result.unreadable, style)
    if result.is_cut_short:
        yield style.bad("incomplete") + f": there are more than {count(result.limit, 'match', 'matches')}; see -max"
    if result.kept and result.space is None:
        yield style.bad("incomplete") + f": the file keeps only {result.kept}"
    if result.search.unknown:
        first = result.search.unknown[0]
        size = describe_size(sum(stretch.size for stretch in result.search.unknown))
        yield style.bad("incomplete") + f": {size} are not in the file, first at pa {first.pa:#x}"


def iter_json(result: FindResult) -> Iterator[str]:
    yield f'{{"schema": "{SCHEMA}", "matches": ['
    separator = ""
    for found in result.iter_found():
        yield separator + dumps({"va": optional_hex(found.va), "pa": hex_string(found.pa), "symbol": found.symbol})
        separator = ", "
    rest = {
        "count": result.count,
        "searched": result.search.searched_size,
        "complete": result.is_complete,
        "unreadable": json_unreadable(result.unreadable),
        "not_in_file": [{"pa": hex_string(stretch.pa), "size": stretch.size} for stretch in result.search.unknown],
    }
    yield f"], {dumps(rest)[1:]}"
