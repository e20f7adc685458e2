"""Expressions without GDB."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gdbext.errors import BadInput
from gdbext.target.expressions import evaluate

SYMBOLS = {"kernel_main": 0x8020_0000, "_start": 0x8000_0000, "a.b$1": 5}
REGISTERS = {"sp": 0x8040_0FF0, "satp": 8 << 60 | 0x84000}


def value(expression: str) -> int:
    return evaluate(expression, SYMBOLS.get, REGISTERS.get)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("0x1000", 0x1000),
        ("4096", 4096),
        ("010", 8),
        ("0b101", 5),
        ("0", 0),
        ("0x80000000UL", 0x8000_0000),
        ("-1", 2**64 - 1),
        ("- 0x10", 2**64 - 16),
        ("kernel_main", 0x8020_0000),
        ("&kernel_main", 0x8020_0000),
        ("kernel_main+0x10", 0x8020_0010),
        ("kernel_main + 16 - _start", 0x20_0010),
        ("a.b$1+1", 6),
        ("$sp", 0x8040_0FF0),
        ("$sp-0x10", 0x8040_0FE0),
        ("2--3", 5),
        (" $satp ", 8 << 60 | 0x84000),
        ("0xffffffffffffffff+2", 1),
    ],
)
def test_values(expression: str, expected: int) -> None:
    assert value(expression) == expected


@pytest.mark.parametrize(
    ("expression", "complaint"),
    [
        ("", "the expression ends"),
        ("1+", "the expression ends"),
        ("kernel", 'no symbol "kernel": symbols come from'),
        ("$mtval", "$mtval is not known here"),
        ("0x", 'Invalid number "0x"'),
        ("12ab", 'Invalid number "12ab"'),
        ("08", 'Invalid number "08"'),
        ("1 2", 'expected + or - before "2"'),
        ("1*2", 'expected a number, a symbol or a $register at "*2"'),
        ("(1)", 'at "(1)"'),
    ],
)
def test_complaints(expression: str, complaint: str) -> None:
    with pytest.raises(BadInput) as caught:
        value(expression)
    assert complaint in str(caught.value)


@given(st.text(alphabet="0123456789abcdefx+-$&_ skernl*()'\"\\\n", max_size=30))
def test_anything_is_a_number_or_a_complaint(expression: str) -> None:
    with suppress(BadInput):
        assert 0 <= value(expression) < 2**64
