"""The arithmetic of the paging modes, against first principles and the rules of thumb of Sv39."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gdbext.riscv.paging import BARE, MODE_BY_NAME, MODE_BY_SATP, SV39, SV48, SV57, U64_MASK, PagingMode, describe_size

TRANSLATED = (SV39, SV48, SV57)
addresses = st.integers(0, U64_MASK)
modes = st.sampled_from(TRANSLATED)


@pytest.mark.parametrize(
    ("mode", "satp_mode", "levels", "va_bits"), [(SV39, 8, 3, 39), (SV48, 9, 4, 48), (SV57, 10, 5, 57)]
)
def test_modes_are_those_of_the_specification(mode: PagingMode, satp_mode: int, levels: int, va_bits: int) -> None:
    assert (mode.satp_mode, mode.levels, mode.va_bits) == (satp_mode, levels, va_bits)
    assert MODE_BY_SATP[satp_mode] is mode
    assert MODE_BY_NAME[mode.name.lower()] is mode
    assert list(mode.iter_levels()) == list(reversed(range(levels)))


def test_sv39_sizes_are_the_rules_of_thumb() -> None:
    assert [SV39.page_size(level) for level in range(3)] == [0x1000, 0x20_0000, 0x4000_0000]
    assert [SV39.table_span(level) for level in range(3)] == [0x20_0000, 0x4000_0000, 0x80_0000_0000]
    assert SV39.va_size == 0x80_0000_0000


@given(modes, addresses)
def test_indexes_and_offset_make_up_the_translated_bits(mode: PagingMode, va: int) -> None:
    size, total = 4096, va % 4096
    for level in range(mode.levels):
        index = mode.vpn(va, level)
        assert 0 <= index < 512
        total += index * size
        size *= 512
    assert total == va % 2**mode.va_bits


@given(modes, addresses, addresses, st.integers(0, 4))
def test_addresses_share_an_entry_if_they_are_in_the_same_aligned_block(
    mode: PagingMode, va: int, other: int, level: int
) -> None:
    level %= mode.levels
    path = [mode.vpn(va, above) for above in range(level, mode.levels)]
    other_path = [mode.vpn(other, above) for above in range(level, mode.levels)]
    block = 4096 * 512**level
    assert (path == other_path) == (va % mode.va_size // block == other % mode.va_size // block)


@given(modes, addresses)
def test_canonical_means_that_the_signed_address_fits(mode: PagingMode, va: int) -> None:
    signed = va - 2**64 if va >= 2**63 else va
    half = 2 ** (mode.va_bits - 1)
    assert mode.is_canonical(va) == (-half <= signed < half)


@given(modes, st.integers(-(2**38), 2**38 - 1))
def test_small_signed_addresses_are_canonical_in_every_mode(mode: PagingMode, signed: int) -> None:
    assert mode.is_canonical(signed & U64_MASK)


@pytest.mark.parametrize("mode", TRANSLATED)
def test_canonical_edges(mode: PagingMode) -> None:
    half = 1 << (mode.va_bits - 1)
    assert mode.is_canonical(half - 1)
    assert not mode.is_canonical(half)
    assert not mode.is_canonical(U64_MASK - half)
    assert mode.is_canonical(U64_MASK - half + 1)


@given(modes, addresses)
def test_sign_extension_keeps_the_translated_bits(mode: PagingMode, va: int) -> None:
    extended = mode.sign_extend(va)
    assert mode.is_canonical(extended)
    assert (extended ^ va) % mode.va_size == 0


@given(addresses)
def test_bare_has_no_address_that_is_not_canonical(va: int) -> None:
    assert BARE.is_canonical(va)
    assert list(BARE.iter_levels()) == []


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0B"),
        (1, "1B"),
        (4095, "4095B"),
        (4096, "4K"),
        (0x20_0000, "2M"),
        (0x20_1000, "2052K"),
        (0x4000_0000, "1G"),
        (0x4020_0000, "1026M"),
        (1 << 39, "512G"),
        (1 << 48, "256T"),
        (1 << 57, "128P"),
    ],
)
def test_sizes_are_described_in_whole_units(size: int, text: str) -> None:
    assert describe_size(size) == text
