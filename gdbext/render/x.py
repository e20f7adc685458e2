"""The text and the JSON of `sv39 x`."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator

from gdbext.commands.x import Unit, XResult
from gdbext.render.json import dumps, hex_string
from gdbext.render.style import Style

SCHEMA = "sv39.x/1"
UNITS_PER_LINE = {1: 8, 2: 8, 4: 4, 8: 2}
# Bytes of text handed on at a time.
PIECE_LINES = 256


def iter_text(result: XResult, style: Style) -> Iterator[str]:
    """Lines as GDB's x writes them; what cannot be read stands as dashes, with the reason on a line of its own."""
    lines: list[str] = []
    units: list[str] = []
    reason = ""
    start = result.memory.address
    for unit in result.iter_units():
        if not units:
            start = unit.address
        if unit.content is None and unit.reason != reason:
            lines.append(f"{style.address(f'{unit.address:#x}')}: {style.bad('unreadable')}: {unit.reason}")
        reason = unit.reason
        units.append(format_unit(result, unit))
        if len(units) == UNITS_PER_LINE[result.unit_size]:
            lines.append(_describe_line(result, start, units, style))
            units = []
        if len(lines) >= PIECE_LINES:
            yield "\n".join(lines)
            lines = []
    if units:
        lines.append(_describe_line(result, start, units, style))
    if lines:
        yield "\n".join(lines)


def _describe_line(result: XResult, address: int, units: list[str], style: Style) -> str:
    symbol = result.describe_symbol(address) if result.memory.space is not None else None
    place = style.address(f"{address:#x}") + (f" <{style.symbol(symbol)}>" if symbol else "")
    return "\t".join([f"{place}:", *units])


def format_unit(result: XResult, unit: Unit) -> str:
    """One value, with its symbol where the format asks for one."""
    if unit.content is None:
        return "-" * (result.unit_size * 2)
    text = format_value(unit.content, result.format)
    symbol = result.describe_symbol(int(text, 16)) if result.format == "a" else None
    return f"{text} <{symbol}>" if symbol else text


def format_value(content: bytes, letter: str) -> str:
    """One value in the manner of GDB's x."""
    value = int.from_bytes(content, "little")
    match letter:
        case "d":
            return str(int.from_bytes(content, "little", signed=True))
        case "u":
            return str(value)
        case "o":
            return f"0{value:o}" if value else "0"
        case "t":
            return f"{value:0{len(content) * 8}b}"
        case "c":
            return format_character(content[0])
        case "f":
            return format_float(content)
        case "a":
            return f"{value:#x}"
    return f"0x{value:0{len(content) * 2}x}"


def format_character(byte: int) -> str:
    """The signed number and the character: 65 'A'."""
    escapes = {7: "\\a", 8: "\\b", 9: "\\t", 10: "\\n", 11: "\\v", 12: "\\f", 13: "\\r", 27: "\\033"}
    plain = chr(byte) if 0x20 <= byte < 0x7F else f"\\{byte:03o}"
    escapes |= {ord("'"): "\\'", ord("\\"): "\\\\"}
    return f"{byte - 256 if byte > 127 else byte} '{escapes.get(byte, plain)}'"


def format_float(content: bytes) -> str:
    """The shortest digits that tell all values apart: nine for four bytes, seventeen for eight."""
    layout, digits, fraction_bits = ("<f", 9, 23) if len(content) == 4 else ("<d", 17, 52)
    value: float = struct.unpack(layout, content)[0]
    if math.isnan(value):
        bits = int.from_bytes(content, "little")
        sign = "-" if bits >> (len(content) * 8 - 1) else ""
        return f"{sign}nan({bits & ((1 << fraction_bits) - 1):#x})"
    return f"{value:.{digits}g}"


def iter_json(result: XResult) -> Iterator[str]:
    yield f'{{"schema": "{SCHEMA}", "format": "{result.format}", "size": {result.unit_size}, "units": ['
    separator = ""
    for unit in result.iter_units():
        content = unit.content
        yield separator + dumps(
            {
                "address": hex_string(unit.address),
                "value": None if content is None else hex_string(int.from_bytes(content, "little")),
                "text": None if content is None else format_unit(result, unit),
                "unreadable": unit.reason or None,
            }
        )
        separator = ", "
    yield f'], "complete": {dumps(not result.memory.missing)}}}'
