"""The expressions that need no GDB: numbers, symbols, registers, added and subtracted."""

from __future__ import annotations

import re
from collections.abc import Callable

from gdbext.errors import BadInput
from gdbext.riscv.paging import U64_MASK

TOKEN = re.compile(r"\s*(?:(?P<number>\d\w*)|(?P<register>\$\w+)|(?P<symbol>&?\s*[A-Za-z_.][\w.$@]*)|(?P<sign>[-+]))")
Lookup = Callable[[str], int | None]


def evaluate(expression: str, symbol_address: Lookup, read_register: Lookup) -> int:
    """The value of `[-]TERM [+-] TERM...` modulo 2^64; a TERM is a number, `$register`, `symbol` or `&symbol`.

    A symbol stands for its address, with and without `&`. Numbers are written as in C. Raises `BadInput`.
    """
    total, position, sign, wants_term = 0, 0, 1, True
    text = expression.rstrip()
    while position < len(text):
        token = TOKEN.match(text, position)
        if token is None:
            raise BadInput(f'"{expression.strip()}": expected a number, a symbol or a $register at "{text[position:]}"')
        position = token.end()
        if token["sign"]:
            negative = -1 if token["sign"] == "-" else 1
            sign = sign * negative if wants_term else negative
            wants_term = True
            continue
        if not wants_term:
            raise BadInput(f'"{expression.strip()}": expected + or - before "{token[0].strip()}"')
        total += sign * _term(token, symbol_address, read_register)
        sign, wants_term = 1, False
    if wants_term:
        raise BadInput(f'"{expression.strip()}": the expression ends where a number, a symbol or a $register should be')
    return total & U64_MASK


def _term(token: re.Match[str], symbol_address: Lookup, read_register: Lookup) -> int:
    if token["number"]:
        return _number(token["number"])
    if token["register"]:
        value = read_register(token["register"][1:])
        if value is None:
            raise BadInput(f"{token['register']} is not known here: the file does not hold that register")
        return value
    name = token["symbol"].lstrip("&").strip()
    value = symbol_address(name)
    if value is None:
        raise BadInput(f'there is no symbol "{name}": symbols come from the kernel\'s ELF file, with -elf FILE')
    return value


def _number(text: str) -> int:
    """A number as in C: decimal, 0x..., or octal with a leading zero; suffixes U and L are ignored."""
    digits = re.sub(r"[uUlL]+$", "", text)
    try:
        if re.fullmatch(r"0[0-7]+", digits):
            return int(digits, 8)
        return int(digits.replace("_", "?"), 0)
    except ValueError as error:
        raise BadInput(f'Invalid number "{text}".') from error
