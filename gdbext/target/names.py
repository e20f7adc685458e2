"""Finding the page-table region by the names that kernels give its bounds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product

from gdbext.errors import BadInput
from gdbext.target.base import PageTableRegion

PREFIXES = ("", "_", "__")
STEMS = ("page_table_region", "page_tables", "page_table", "pagetables", "pagetable", "pt_region", "pgtables", "pgtbl")
BOUNDS = (("_start", "_end"), ("_begin", "_end"), ("_base", "_limit"))


def find_page_table_region(symbol_address: Callable[[str], int | None]) -> PageTableRegion | None:
    """The region whose bounds are symbols with one of the usual names, such as `__page_table_region_start`/`_end`."""
    for stem, prefix, (low, high) in product(STEMS, PREFIXES, BOUNDS):
        start = symbol_address(prefix + stem + low)
        if start is None:
            continue
        end = symbol_address(prefix + stem + high)
        if end is not None and start < end:
            return PageTableRegion(start, end, f"symbols {prefix}{stem}{low} and {prefix}{stem}{high}")
    return None


def decode_region(words: Sequence[str], evaluate: Callable[[str], int], source: str) -> PageTableRegion:
    """The region that the user gave as START END or START +SIZE. Raises `BadInput`."""
    if len(words) != 2:
        raise BadInput("the page-table region is START END, or START +SIZE")
    start = evaluate(words[0])
    end = start + evaluate(words[1][1:]) if words[1].startswith("+") else evaluate(words[1])
    if start >= end:
        raise BadInput(f"the page-table region {start:#x} to {end:#x} is empty: END lies after START")
    return PageTableRegion(start, end, source)
