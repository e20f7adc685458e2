"""PTEs decoded by hand, and what a leaf gives for an address."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gdbext.riscv.paging import SV57, U64_MASK
from gdbext.riscv.pte import Pte, describe_map_flags, is_aligned_superpage, leaf_pa, leaf_reach


@pytest.mark.parametrize(
    ("value", "flags", "pa"),
    [
        (0x0000_0000_0000_0000, "---------", 0x0),
        (0x0000_0000_2100_1001, "V--------", 0x8400_4000),
        (0x0000_0000_2000_74CB, "VR-X--AD-", 0x8001_D000),
        (0x0000_0000_0400_00C7, "VRW---AD-", 0x1000_0000),
        (0x0000_0000_2008_00DF, "VRWXU-AD-", 0x8020_0000),
        (0x0000_0000_2008_0021, "V----G---", 0x8020_0000),
        (0x8000_0000_2000_20C7, "VRW---ADN", 0x8000_8000),
        (0x003F_FFFF_FFFF_FC00, "---------", 0xFF_FFFF_FFFF_F000),
        (0xFFFF_FFFF_FFFF_FFFF, "VRWXUGADN", 0xFF_FFFF_FFFF_F000),
    ],
)
def test_golden_decodes(value: int, flags: str, pa: int) -> None:
    pte = Pte(value)
    assert (pte.flags, pte.pa, pte.ppn) == (flags, pa, pa >> 12)


@pytest.mark.parametrize(("high", "pbmt"), [(0, 0), (1 << 61, 1), (2 << 61, 2), (3 << 61, 3), (1 << 63, 0)])
def test_pbmt_is_bits_62_and_61(high: int, pbmt: int) -> None:
    assert Pte(high | 0xCF).pbmt == pbmt


@pytest.mark.parametrize(("value", "rsw"), [(0x0CF, 0), (0x1CF, 1), (0x2CF, 2), (0x3CF, 3)])
def test_rsw_is_bits_9_and_8(value: int, rsw: int) -> None:
    assert Pte(value).rsw == rsw


@given(st.integers(0, U64_MASK))
def test_a_leaf_has_r_w_or_x(value: int) -> None:
    assert Pte(value).is_leaf == any(letter in Pte(value).flags for letter in "RWX")


@given(st.integers(0, U64_MASK))
def test_map_flags_are_the_seven_middle_flags_of_a_pte_in_small_letters(value: int) -> None:
    assert describe_map_flags(value) == Pte(value).flags[1:8].lower()


@given(st.integers(0, U64_MASK), st.integers(0, 2**44 - 1), st.integers(0, 4))
def test_a_leaf_adds_the_offset_within_its_page(va: int, ppn: int, level: int) -> None:
    size = 4096 * 512**level
    aligned = ppn // 512**level * 512**level
    pte = Pte(aligned << 10 | 0xCF)
    assert is_aligned_superpage(pte, level)
    assert leaf_pa(pte, va, level, SV57) == aligned * 4096 + va % size
    assert leaf_reach(pte, level, SV57) == size


@given(st.integers(0, 2**44 - 1), st.integers(0, 4))
def test_a_superpage_is_aligned_if_its_size_divides_its_pa(ppn: int, level: int) -> None:
    assert is_aligned_superpage(Pte(ppn << 10 | 0xCF), level) == (ppn * 4096 % (4096 * 512**level) == 0)


@given(st.integers(0, 2**40 - 1), st.integers(0, U64_MASK))
def test_each_of_the_16_pages_of_a_napot_leaf_has_its_own_frame(block: int, va: int) -> None:
    # The PPN of 64K at block * 64K carries the size as 1000 in its four low bits.
    pte = Pte(1 << 63 | (block * 16 + 0b1000) << 10 | 0xCF)
    first = va - va % 0x1_0000
    for page in range(16):
        assert leaf_pa(pte, first + page * 4096 + 0xABC, 0, SV57) == block * 0x1_0000 + page * 4096 + 0xABC
    assert leaf_reach(pte, 0, SV57) == 0x1_0000
