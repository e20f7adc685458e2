"""The shadow of the tables: kept up change by change, it is what one built anew would be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gdbext.riscv.paging import PAGE_SIZE, SV39
from gdbext.riscv.pte import N
from gdbext.trace.shadow import ZERO_PAGE, Shadow, iter_differences, pte_at
from tests.unit.fakes import ROOT_PA, FakeTarget, TableBuilder, pte_value
from tests.unit.trace.machine import REGION

# The root, two level-1 tables and four level-0 tables: pointers go down a level, so that what is made is a tree.
COUNTS = (1, 2, 4)
POOL = [[ROOT_PA + (4 * depth + number) * PAGE_SIZE for number in range(count)] for depth, count in enumerate(COUNTS)]
INDEXES = (0, 1, 511)
LEAVES = (REGION.start + 0x1_0000, REGION.start + 0x1_1000, 0x8000_0000)

WRITES = st.one_of(
    *(
        st.tuples(
            st.sampled_from(POOL[depth]),
            st.sampled_from(INDEXES),
            st.sampled_from([0, 0x123 << 1] + [pte_value(pa) for below in POOL[depth + 1 : depth + 2] for pa in below]),
        )
        for depth in range(2)
    ),
    st.tuples(
        st.sampled_from(POOL[2]),
        st.sampled_from(INDEXES),
        st.sampled_from([0, *(pte_value(pa, "rwad") for pa in LEAVES), pte_value(LEAVES[0], "r")]),
    ),
)


def write(target: FakeTarget, writes: list[tuple[int, int, int]]) -> None:
    for table_pa, index, value in writes:
        target.write_pte(table_pa + index * 8, value)


def make_shadow(target: FakeTarget, window: int = PAGE_SIZE) -> Shadow:
    return Shadow(target, SV39, ROOT_PA, REGION, limit=100, window=window)


@pytest.mark.parametrize("window", [PAGE_SIZE, 4 * PAGE_SIZE, 64 * PAGE_SIZE])
@given(rounds=st.lists(st.lists(WRITES, max_size=6), min_size=2, max_size=6))
def test_kept_up_is_built_anew(window: int, rounds: list[list[tuple[int, int, int]]]) -> None:
    target = FakeTarget()
    write(target, rounds[0])
    shadow = make_shadow(target, window)
    shadow.remember_idle_pages()
    for writes in rounds[1:]:
        write(target, writes)
        shadow.refresh()
        anew = make_shadow(target)
        assert {pa: table.page for pa, table in shadow.tables.items()} == {
            pa: table.page for pa, table in anew.tables.items()
        }
        assert {pa: table.parents for pa, table in shadow.tables.items()} == {
            pa: table.parents for pa, table in anew.tables.items()
        }
        assert shadow.mapped.keys() <= anew.mapped.keys()
        assert shadow.refresh().changes == []


@given(st.lists(st.tuples(st.integers(0, 511), st.integers(0, 2**64 - 1)), max_size=20))
def test_differences_are_those_of_a_loop(entries: list[tuple[int, int]]) -> None:
    page = bytearray(PAGE_SIZE)
    for index, value in entries:
        page[index * 8 : index * 8 + 8] = value.to_bytes(8, "little")
    content = bytes(page)
    expected = [index for index in range(512) if content[index * 8 : index * 8 + 8] != bytes(8)]
    assert list(iter_differences(ZERO_PAGE, content)) == expected
    assert all(pte_at(content, index) == int.from_bytes(content[index * 8 :][:8], "little") for index in expected)


def test_a_read_of_the_whole_costs_each_table_once() -> None:
    target = FakeTarget()
    write(target, [(POOL[0][0], 0, pte_value(POOL[1][0])), (POOL[1][0], 0, pte_value(POOL[2][0]))])
    shadow = make_shadow(target)
    target.page_reads.clear()
    shadow.refresh()
    assert target.page_reads == {POOL[0][0]: 1, POOL[1][0]: 1, POOL[2][0]: 1}


def test_a_page_that_goes_and_comes_back_brings_its_old_content() -> None:
    target = FakeTarget()
    pointer = POOL[0][0], 0, pte_value(POOL[1][0])
    write(target, [pointer, (POOL[1][0], 5, 0xABC << 1)])
    shadow = make_shadow(target)
    shadow.remember_idle_pages()
    write(target, [(POOL[0][0], 0, 0)])
    assert [change.new for change in shadow.refresh().changes] == [0]
    write(target, [pointer])
    difference = shadow.refresh()
    assert [(page.pa, page.level, page.rubbish) for page in difference.new_pages] == [(POOL[1][0], 1, 1)]
    assert [change.pte_pa for change in difference.changes] == [POOL[0][0]]


def test_a_table_outside_ram_is_left_alone() -> None:
    target = FakeTarget()
    shadow = make_shadow(target)
    write(target, [(ROOT_PA, 3, pte_value(0x1_0000_0000))])
    difference = shadow.refresh()
    assert [change.pte_pa for change in difference.changes] == [ROOT_PA + 24]
    assert set(shadow.tables) == {ROOT_PA}


def test_the_limit() -> None:
    target = FakeTarget()
    write(target, [(POOL[0][0], 0, pte_value(POOL[1][0])), (POOL[0][0], 1, pte_value(POOL[1][1]))])
    shadow = Shadow(target, SV39, ROOT_PA, None, limit=2)
    assert len(shadow.tables) == 2
    assert not shadow.is_complete


def test_aliases_through_pages_superpages_and_napot() -> None:
    target = FakeTarget()
    tables = TableBuilder(target)
    pte_pa = ROOT_PA + 0x2_3018
    tables.map(0x1000, ROOT_PA + 0x2_3000)
    tables.map(0xFFFF_FFC0_0020_0000, ROOT_PA, level=1)
    # A 64K page, whose PTE is the same for each of its sixteen pages.
    for page in range(16):
        tables.set_pte(0x10_0000 + page * PAGE_SIZE, pte_value(ROOT_PA + 0x2_8000, "rwad") | N)
    tables.map(0x9000, 0x8000_0000)
    shadow = Shadow(target, SV39, tables.root_pa, None, limit=100)
    assert sorted(shadow.iter_aliases({pte_pa})) == [0x1018, 0x10_3018, 0xFFFF_FFC0_0022_3018]
