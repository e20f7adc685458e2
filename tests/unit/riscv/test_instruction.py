"""Instructions assembled by hand from the specification's formats."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gdbext.riscv.instruction import decode_instruction, decode_length
from gdbext.riscv.traps import Access

LOAD, STORE, NONE = Access.LOAD, Access.STORE, None


@pytest.mark.parametrize(
    ("raw", "length", "text", "access"),
    [
        (0x0005B003, 4, "ld zero,0(a1)", LOAD),
        (0x0005B023, 4, "sd zero,0(a1)", STORE),
        (0xFF843503, 4, "ld a0,-8(s0)", LOAD),
        (0xFEA43C23, 4, "sd a0,-8(s0)", STORE),
        (0x7FF50583, 4, "lb a1,2047(a0)", LOAD),
        (0x80055583, 4, "lhu a1,-2048(a0)", LOAD),
        (0x00056503, 4, "lwu a0,0(a0)", LOAD),
        (0x00B50023, 4, "sb a1,0(a0)", STORE),
        (0x0005B507, 4, "fld fa0,0(a1)", LOAD),
        (0x00A5B027, 4, "fsd fa0,0(a1)", STORE),
        (0x100525AF, 4, "lr.w a1,(a0)", LOAD),
        (0x101525AF, 4, ".4byte 0x101525af", NONE),
        (0x1605B52F, 4, "lr.d.aqrl a0,(a1)", LOAD),
        (0x18C5352F, 4, "sc.d a0,a2,(a0)", STORE),
        (0x0CB525AF, 4, "amoswap.w.aq a1,a1,(a0)", STORE),
        (0x02B5302F, 4, "amoadd.d.rl zero,a1,(a0)", STORE),
        (0xE0C5B52F, 4, "amomaxu.d a0,a2,(a1)", STORE),
        (0x12000073, 4, "sfence.vma", NONE),
        (0x12B50073, 4, "sfence.vma a0,a1", NONE),
        (0x00000073, 4, "ecall", NONE),
        (0x30200073, 4, "mret", NONE),
        (0x10200073, 4, "sret", NONE),
        (0x10500073, 4, "wfi", NONE),
        (0x00000013, 4, ".4byte 0x00000013", NONE),
        (0x0005F003, 4, ".4byte 0x0005f003", NONE),
        (0x6108, 2, "ld a0,0(a0)", LOAD),
        (0xE188, 2, "sd a0,0(a1)", STORE),
        (0x7FEC, 2, "ld a1,248(a5)", LOAD),
        (0x4388, 2, "lw a0,0(a5)", LOAD),
        (0xC3DC, 2, "sw a5,4(a5)", STORE),
        (0x5FFC, 2, "lw a5,124(a5)", LOAD),
        (0x2188, 2, "fld fa0,0(a1)", LOAD),
        (0xA188, 2, "fsd fa0,0(a1)", STORE),
        (0x60A2, 2, "ld ra,8(sp)", LOAD),
        (0xE406, 2, "sd ra,8(sp)", STORE),
        (0x707E, 2, ".2byte 0x707e", NONE),
        (0x557E, 2, "lw a0,252(sp)", LOAD),
        (0xDFAA, 2, "sw a0,252(sp)", STORE),
        (0x9002, 2, "ebreak", NONE),
        (0x0001, 2, ".2byte 0x0001", NONE),
        (0x0000, 2, ".2byte 0x0000", NONE),
    ],
)
def test_golden_instructions(raw: int, length: int, text: str, access: Access | None) -> None:
    instruction = decode_instruction(raw)
    assert (instruction.length, instruction.text, instruction.access) == (length, text, access)
    assert instruction.raw == raw


@given(st.integers(0, 2**32 - 1))
def test_every_word_has_a_length_and_a_text(word: int) -> None:
    instruction = decode_instruction(word)
    assert instruction.length == decode_length(word) == (4 if word % 4 == 3 else 2)
    assert instruction.raw == word % 2 ** (8 * instruction.length)
    assert instruction.text


@given(st.integers(0, 2**16 - 1), st.integers(0, 2**16 - 1))
def test_what_follows_a_compressed_instruction_does_not_matter(half: int, next_half: int) -> None:
    if half % 4 != 3:
        assert decode_instruction(next_half << 16 | half) == decode_instruction(half)
