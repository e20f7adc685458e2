"""The arithmetic of page tables against tables that are built."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gdbext.errors import BadInput
from gdbext.riscv.paging import PAGE_SIZE, SV39, SV48, SV57, U64_MASK, PagingMode
from gdbext.riscv.rules import TranslationRules
from gdbext.tables.plan import count_all_tables, group_addresses, plan_range
from gdbext.tables.scan import Scan, TableReader
from tests.unit.fakes import FakeTarget, TableBuilder


@settings(max_examples=40)
@given(
    mode=st.sampled_from((SV39, SV48)),
    near=st.sampled_from((0, 0x20_0000, 0x4000_0000, 0x3F_FFF0_0000)),
    offset=st.integers(0, 600),
    pages=st.integers(1, 700),
    level=st.integers(0, 1),
)
def test_a_plan_is_what_building_it_takes(mode: PagingMode, near: int, offset: int, pages: int, level: int) -> None:
    page_size = mode.page_size(level)
    start = near // page_size * page_size + offset * page_size
    plan_end = min(start + pages * page_size, mode.va_size // 2)
    if start >= plan_end:
        return
    target = FakeTarget()
    tables = TableBuilder(target, mode=mode)
    tables.map_range(start, 0x4000_0000, plan_end - start, level=level)
    scan = Scan(TableReader(target, mode, TranslationRules()), tables.root_pa)
    leaves = sum(run[4] for run in scan.iter_runs())
    plan = plan_range(mode, start, plan_end, page_size)
    assert (plan.table_count, plan.leaves) == (scan.table_count, leaves)


def test_a_kernel_of_128m() -> None:
    plan = plan_range(SV39, 0x8000_0000, 0x8800_0000, PAGE_SIZE)
    assert plan.tables == {2: 1, 1: 1, 0: 64}
    assert plan.table_size == 66 * PAGE_SIZE
    assert plan_range(SV39, 0x8000_0000, 0x8800_0000, 0x20_0000).tables == {2: 1, 1: 1}


def test_both_ends_are_rounded_outwards() -> None:
    plan = plan_range(SV39, 0x1FF_FFF, 0x20_0001, PAGE_SIZE)
    assert (plan.start, plan.end, plan.leaves) == (0x1FF_000, 0x20_1000, 2)
    assert plan.tables == {2: 1, 1: 1, 0: 2}


@pytest.mark.parametrize(
    ("mode", "total"), [(SV39, 1 + 512 + 512**2), (SV48, 1 + 512 + 512**2 + 512**3), (SV57, (512**5 - 1) // 511)]
)
def test_every_table_is_a_plan_of_both_halves(mode: PagingMode, total: int) -> None:
    half = mode.va_size // 2
    low = plan_range(mode, 0, half, PAGE_SIZE)
    high = plan_range(mode, U64_MASK + 1 - half, U64_MASK + 1, PAGE_SIZE)
    assert sum(count_all_tables(mode).values()) == total == low.table_count + high.table_count - 1


@pytest.mark.parametrize(
    ("start", "end", "page_size", "reason"),
    [
        (0x2000, 0x1000, 0x1000, "empty"),
        (0x1000, 0x1000, 0x1000, "empty"),
        (0, 0x80_0000_0000, 0x1000, "not canonical"),
        (0x40_0000_0000, 0x40_0000_1000, 0x1000, "not canonical"),
        (0, U64_MASK, 0x1000, "across"),
        (0, 0x1000, 1 << 39, "no pages of 512G"),
    ],
)
def test_ranges_that_cannot_be_mapped(start: int, end: int, page_size: int, reason: str) -> None:
    with pytest.raises(BadInput, match=reason):
        plan_range(SV39, start, end, page_size)


@given(vas=st.lists(st.integers(0, SV39.va_size // 2 - 1), min_size=2, max_size=4, unique=True))
def test_a_group_shares_the_indexes_above_its_size(vas: list[int]) -> None:
    for sharing in group_addresses(SV39, vas)[:-1]:
        assert sharing.level is not None
        for group in sharing.groups:
            paths = {tuple(SV39.vpn(va, level) for level in range(sharing.level, SV39.levels)) for va in group}
            assert len(paths) == 1
        assert sum(map(len, sharing.groups)) == len(vas)


def test_the_rules_of_the_notes() -> None:
    sharings = group_addresses(SV39, (0x4000_0000, 0x8000_0000))
    assert [sharing.size for sharing in sharings] == [0x1000, 0x20_0000, 0x4000_0000, 0x80_0000_0000]
    assert [len(sharing.groups) for sharing in sharings] == [2, 2, 2, 1]
