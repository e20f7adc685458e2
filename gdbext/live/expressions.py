"""Expressions and symbols, as GDB knows them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import gdb

from gdbext.errors import BadInput
from gdbext.live.stub import describe_error
from gdbext.riscv.paging import U64_MASK
from gdbext.target.base import PageTableRegion, Section
from gdbext.target.names import find_page_table_region

ADDRESSED = (gdb.TYPE_CODE_ARRAY, gdb.TYPE_CODE_FUNC, gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION)
SYMBOL_FILE_EVENTS = ("new_objfile", "clear_objfiles", "free_objfile")
SECTION_LINE = re.compile(r"0x([0-9a-f]+)->0x([0-9a-f]+) at 0x[0-9a-f]+: (\S+) ")

P = ParamSpec("P")
T = TypeVar("T")

_remembered: dict[tuple[object, ...], Any] = {}


def remember(function: Callable[P, T]) -> Callable[P, T]:
    """Keep what `function` finds in the symbol files until one comes or goes (`forget_symbols`)."""

    @wraps(function)
    def find(*arguments: P.args, **keywords: P.kwargs) -> T:
        key = (function.__name__, gdb.current_progspace(), *arguments)
        if key not in _remembered:
            _remembered[key] = function(*arguments, **keywords)
        found: T = _remembered[key]
        return found

    return find


def forget_symbols(*_: object) -> None:
    """The symbol files have changed."""
    _remembered.clear()


def evaluate(expression: str) -> int:
    """The expression as an unsigned 64-bit number; an array, function or structure stands for its address.

    Raises `BadInput` with GDB's reason.
    """
    try:
        return _as_address(gdb.parse_and_eval(expression))
    except gdb.error as error:
        text = describe_error(error)
        if "unknown type" in text:
            text += f"; for its address write &{expression.strip()}"
        raise BadInput(f'"{expression.strip()}": {text}') from error


def decode_value(value: gdb.Value, name: str) -> int:
    """A value that GDB has evaluated already, as `evaluate` does; `name` is for the message of a `BadInput`."""
    try:
        return _as_address(value)
    except gdb.error as error:
        raise BadInput(f"{name}: {describe_error(error)}") from error


def _as_address(value: gdb.Value) -> int:
    code = value.type.strip_typedefs().code
    if code in ADDRESSED:
        if value.address is None:
            raise gdb.error("it has no address")
        value = value.address
    elif code == gdb.TYPE_CODE_FLT:
        raise gdb.error("a floating-point number is no address")
    elif code == gdb.TYPE_CODE_VOID:
        raise gdb.error("it is void: there is no such register or convenience variable here")
    return int(value) & U64_MASK


@remember
def symbol_address(name: str) -> int | None:
    """The address of the symbol `name`; None where the symbol files have no such name."""
    try:
        return int(gdb.parse_and_eval(f"&{name}")) & U64_MASK
    except gdb.error:
        return None


@remember
def find_table_region() -> PageTableRegion | None:
    """The page-table region, where symbols with the usual names tell it."""
    return find_page_table_region(symbol_address)


def describe_symbol(va: int) -> str | None:
    """`name+offset` of the symbol that holds `va`; None where GDB knows none."""
    pointer = gdb.Value(va).cast(gdb.lookup_type("char").pointer().pointer())
    # Not raw, it would ask for a pretty-printer, in whose code GDB swallows a Ctrl-C.
    _, _, symbol = pointer.format_string(format="a", raw=True).partition("<")
    return symbol.rstrip(">") or None


@remember
def read_sections() -> tuple[Section, ...]:
    """The sections of the symbol file that take up memory, in order of address."""
    # The sections that GDB makes of the segments of a core come behind those of the symbol file.
    text, _, _ = gdb.execute("maintenance info sections ALLOC", to_string=True).partition("Core file:")
    found = (Section(name, int(start, 16), int(end, 16)) for start, end, name in SECTION_LINE.findall(text))
    return tuple(sorted((s for s in found if s.end > s.start), key=lambda s: s.start))


class GdbSymbols:
    """What of a target GDB itself answers: expressions and symbols."""

    def evaluate(self, expression: str) -> int:
        return evaluate(expression)

    def describe_symbol(self, va: int) -> str | None:
        return describe_symbol(va)

    def symbol_address(self, name: str) -> int | None:
        return symbol_address(name)

    def sections(self) -> Sequence[Section]:
        return read_sections()
