"""The walk: an outcome for each step of the specification's algorithm, in each mode."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gdbext.riscv.paging import BARE, SV39, SV48, SV57, PagingMode
from gdbext.riscv.pmp import PmpEntry
from gdbext.riscv.pte import PBMT_SHIFT, RESERVED_SHIFT, N, W, X
from gdbext.riscv.rules import TranslationRules
from gdbext.tables.walk import Outcome, Walk, walk
from tests.unit.fakes import RAM, ROOT_PA, FakeTarget, TableBuilder, make_space, pte_value

RULES = TranslationRules()
TRANSLATED = (SV39, SV48, SV57)
VA, PA = 0x1234_5678_9ABC & 0x3F_FFFF_FFFF, 0x8060_0000


def walk_of(
    target: FakeTarget, builder: TableBuilder, va: int = VA, rules: TranslationRules = RULES, root_pa: int | None = None
) -> Walk:
    return walk(target, builder.mode, builder.root_pa if root_pa is None else root_pa, va, rules)


def walk_of_pte(value: int, level: int = 0, mode: PagingMode = SV39, rules: TranslationRules = RULES) -> Walk:
    """The walk of an address whose PTE at `level` has this value."""
    target, builder = make_space(mode)
    builder.set_pte(VA, value, level)
    return walk_of(target, builder, rules=rules)


# Where a walk ends well


@pytest.mark.parametrize("mode", TRANSLATED, ids=lambda mode: mode.name)
def test_a_leaf_at_each_level(mode: PagingMode) -> None:
    for level in range(mode.levels):
        target, builder = make_space(mode)
        pte_pa = builder.map(VA, 0, "rwad", level)
        walked = walk_of(target, builder)
        assert (walked.outcome, walked.pa) == (Outcome.LEAF, VA % mode.page_size(level))
        assert (walked.leaf.level, walked.leaf.pte_pa, walked.page_size) == (level, pte_pa, mode.page_size(level))
        assert [step.level for step in walked.steps] == list(range(mode.levels - 1, level - 1, -1))
        assert [step.index for step in walked.steps] == [mode.vpn(VA, step.level) for step in walked.steps]


@given(st.sampled_from(TRANSLATED), st.integers(0, 2**57 - 1), st.integers(0, 2**44 - 1), st.integers(0, 4))
def test_any_mapping_is_found_at_its_address(mode: PagingMode, va: int, ppn: int, level: int) -> None:
    level %= mode.levels
    va = mode.sign_extend(va)
    size = mode.page_size(level)
    target, builder = make_space(mode)
    builder.map(va, ppn * 4096 // size * size, "rwad", level)
    walked = walk_of(target, builder, va)
    assert walked.pa == ppn * 4096 // size * size + va % size


@pytest.mark.parametrize("va", [0, 0x8000_0000, 0xFFFF_FFFF_FFFF_FFFF, 0x40_0000_0000])
def test_bare_translates_every_address_to_itself_and_reads_nothing(va: int) -> None:
    target = FakeTarget(regions=())
    walked = walk(target, BARE, 0, va, RULES)
    assert (walked.outcome, walked.pa, walked.steps) == (Outcome.BARE, va, ())


def test_a_walk_reads_one_pte_a_level() -> None:
    for mode in TRANSLATED:
        target, builder = make_space(mode)
        builder.map(VA, PA)
        target.pte_reads.clear()
        walked = walk_of(target, builder)
        assert sorted(target.pte_reads) == sorted(step.pte_pa for step in walked.steps)
        assert set(target.pte_reads.values()) == {1}
        assert not target.page_reads


def test_the_16_pages_of_a_napot_leaf() -> None:
    target, builder = make_space()
    base = VA & ~0xFFFF
    for page in range(16):
        builder.set_pte(base + page * 4096, pte_value(PA + 0x8000, "rwad") | N)
    for page in range(16):
        walked = walk_of(target, builder, base + page * 4096 + 0x123)
        assert (walked.pa, walked.page_size) == (PA + page * 4096 + 0x123, 0x1_0000)


@pytest.mark.parametrize("pbmt", [1, 2])
def test_pbmt_does_not_change_the_address(pbmt: int) -> None:
    walked = walk_of_pte(pte_value(PA, "rwad") | pbmt << PBMT_SHIFT)
    assert (walked.outcome, walked.pa) == (Outcome.LEAF, PA + VA % 4096)


def test_software_s_own_bits_mean_nothing() -> None:
    assert walk_of_pte(pte_value(PA, "rwad") | 0b11 << 8).outcome is Outcome.LEAF


# Step by step, where it does not


@pytest.mark.parametrize("mode", TRANSLATED, ids=lambda mode: mode.name)
def test_step_0_the_address_is_not_canonical(mode: PagingMode) -> None:
    target, builder = make_space(mode)
    top = 1 << (mode.va_bits - 1)
    for va in (top, top | VA, 1 << 63, (1 << 64) - 1 - top):
        walked = walk_of(target, builder, va)
        assert (walked.outcome, walked.steps, walked.pa) == (Outcome.NON_CANONICAL, (), None)
    assert f"bit {mode.va_bits - 1}" in walked.rule
    assert not target.pte_reads


@pytest.mark.parametrize("level", [2, 1, 0])
def test_step_2_no_memory_behind_a_table(level: int) -> None:
    target, builder = make_space()
    nowhere = RAM.end + 0x10_0000
    if level < SV39.root_level:
        builder.set_pte(VA, pte_value(nowhere), level + 1)
        walked = walk_of(target, builder)
    else:
        walked = walk_of(target, builder, root_pa=nowhere)
    assert walked.outcome is Outcome.NO_TABLE_MEMORY
    assert walked.outcome.is_access_fault
    assert (walked.steps[-1].level, walked.steps[-1].pte) == (level, None)
    assert f"level-{level} table at {nowhere:#x}" in walked.rule


def test_step_2_a_device_holds_no_table() -> None:
    target, builder = make_space()
    builder.set_pte(VA, pte_value(0x1000_0000), 1)
    assert walk_of(target, builder).outcome is Outcome.NO_TABLE_MEMORY


def test_step_2_a_table_that_the_file_does_not_hold_is_unknown_and_no_fault() -> None:
    target, builder = make_space()
    builder.map(VA, PA)
    target.not_captured.add(builder.pte_pa(VA) & -4096)
    walked = walk_of(target, builder)
    assert walked.outcome is Outcome.TABLE_UNKNOWN
    assert not walked.outcome.is_access_fault
    assert not walked.outcome.is_translated


@pytest.mark.parametrize("level", [2, 1, 0])
def test_step_2_pmp_bars_the_read_of_a_pte(level: int) -> None:
    target, builder = make_space()
    builder.map(VA, PA)
    pte_pa = builder.pte_pa(VA, level)
    everything = PmpEntry(1, 0x1F, (1 << 54) - 1, 0, 1 << 57)
    rules = TranslationRules(pmp=(PmpEntry(0, 0x10, pte_pa >> 2, pte_pa, pte_pa + 8), everything))
    walked = walk_of(target, builder, rules=rules)
    assert walked.outcome is Outcome.TABLE_BARRED
    assert walked.outcome.is_access_fault
    assert walked.steps[-1].level == level
    assert "PMP entry 0" in walked.rule


@pytest.mark.parametrize("level", [2, 1, 0])
def test_step_3_v_is_0(level: int) -> None:
    walked = walk_of_pte(pte_value(PA, "rwxad") & ~1, level)
    assert (walked.outcome, walked.rule) == (Outcome.NOT_VALID, f"the level-{level} PTE has V=0")
    assert walked.pa is None


LEAF = pte_value(PA, "rwad")
POINTER = pte_value(ROOT_PA + 0x10_0000)
ALL = (2, 1, 0)


@pytest.mark.parametrize(
    ("value", "levels", "rules", "words"),
    [
        (pte_value(PA) | W, ALL, RULES, "W=1 with R=0"),
        (pte_value(PA) | W | X, ALL, RULES, "W=1 with R=0"),
        *((LEAF | 1 << bit, (0,), RULES, "reserved bit") for bit in range(RESERVED_SHIFT, PBMT_SHIFT)),
        *((POINTER | 1 << bit, (1,), RULES, "reserved bit") for bit in range(RESERVED_SHIFT, PBMT_SHIFT)),
        (LEAF | 3 << PBMT_SHIFT, ALL, RULES, "PBMT=3"),
        (LEAF | 1 << PBMT_SHIFT, ALL, TranslationRules(svpbmt=False), "Svpbmt is off"),
        (POINTER | 1 << PBMT_SHIFT, (1,), TranslationRules(svpbmt=False), "Svpbmt is off"),
        (POINTER | 1 << PBMT_SHIFT, (2, 1), RULES, "table with PBMT"),
        (LEAF | 0b1000 << 10 | N, (0,), TranslationRules(svnapot=False), "Svnapot is off"),
        (POINTER | N, (1,), TranslationRules(svnapot=False), "Svnapot is off"),
        (POINTER | N, (2, 1), RULES, "table with N=1"),
        (LEAF | 0b1000 << 10 | N, (1, 2), RULES, "N=1 at level"),
        *((LEAF | pattern << 10 | N, (0,), RULES, "64K") for pattern in range(16) if pattern != 0b1000),
        (POINTER | 1 << 4, (2, 1), RULES, "A, D or U"),
        (POINTER | 1 << 6, (2, 1), RULES, "A, D or U"),
        (POINTER | 1 << 7, (2, 1), RULES, "A, D or U"),
    ],
)
def test_step_3_reserved_encodings(value: int, levels: tuple[int, ...], rules: TranslationRules, words: str) -> None:
    for level in levels:
        walked = walk_of_pte(value, level, rules=rules)
        assert walked.outcome is Outcome.RESERVED
        assert f"the level-{level} PTE" in walked.rule
        assert words in walked.rule
        assert (walked.pa, walked.steps[-1].level) == (None, level)


def test_a_pointer_may_be_global() -> None:
    target, builder = make_space()
    builder.map(VA, PA)
    builder.set_pte(VA, target.read_pte(builder.pte_pa(VA, 1)) | 1 << 5, 1)
    assert walk_of(target, builder).outcome is Outcome.LEAF


@pytest.mark.parametrize("mode", TRANSLATED, ids=lambda mode: mode.name)
def test_step_4_a_pointer_at_level_0_is_not_followed(mode: PagingMode) -> None:
    target, builder = make_space(mode)
    builder.set_pte(VA, pte_value(ROOT_PA))
    target.pte_reads.clear()
    walked = walk_of(target, builder)
    assert walked.outcome is Outcome.POINTER_AT_LEVEL_0
    assert len(target.pte_reads) == len(walked.steps) == mode.levels


@pytest.mark.parametrize("mode", TRANSLATED, ids=lambda mode: mode.name)
def test_step_6_a_misaligned_superpage_at_each_level(mode: PagingMode) -> None:
    for level in range(1, mode.levels):
        for misplaced in (4096, mode.page_size(level) >> 1):
            walked = walk_of_pte(pte_value(misplaced, "rwad"), level, mode)
            assert walked.outcome is Outcome.MISALIGNED
            ppn = "PPN[0]" if level == 1 else f"PPN[{level - 1}:0]"
            assert walked.rule == f"the level-{level} leaf is misaligned: {ppn} of a superpage must be 0"


def test_what_comes_first_decides() -> None:
    # Not valid and reserved; reserved and misaligned; a reserved pointer at level 0.
    assert walk_of_pte(W | 1 << 60).outcome is Outcome.NOT_VALID
    assert walk_of_pte(pte_value(PA + 4096, "rwad") | 1 << 60, 1).outcome is Outcome.RESERVED
    assert walk_of_pte(pte_value(PA) | N).outcome is Outcome.RESERVED
    target, builder = make_space()
    assert walk_of(target, builder, 1 << 40, root_pa=0).outcome is Outcome.NON_CANONICAL


@given(st.sampled_from(TRANSLATED), st.integers(0, 2**64 - 1), st.binary(min_size=64, max_size=64))
def test_any_root_page_ends_in_an_answer(mode: PagingMode, va: int, content: bytes) -> None:
    target, builder = make_space(mode)
    target.write_physical(builder.root_pa, content * 64)
    walked = walk_of(target, builder, va)
    assert isinstance(walked.outcome, Outcome)
    assert len(walked.steps) <= mode.levels
    assert (walked.pa is None) == (not walked.outcome.is_translated)
