"""Table pages: each once, with all its parents and the places at which it is itself mapped."""

import struct

import pytest

from gdbext.riscv.paging import PAGE_SIZE, SV39, SV57, PagingMode
from gdbext.riscv.pte import U, W
from gdbext.riscv.rules import TranslationRules
from gdbext.tables.pages import collect_table_pages, iter_visits
from gdbext.tables.scan import TableReader
from tests.unit.fakes import RAM, ROOT_PA, FakeTarget, TableBuilder, make_space, pte_value


def make_reader(target: FakeTarget, mode: PagingMode = SV39) -> TableReader:
    return TableReader(target, mode, TranslationRules())


def test_every_table_with_its_parent_and_what_it_serves() -> None:
    target, tables = make_space()
    l0_pa = tables.pte_pa(0x8020_0000) & ~0xFFF
    tables.map(0x8020_3000, 0x8000_0000)
    collected = collect_table_pages(make_reader(target), tables.root_pa)
    l1_pa = ROOT_PA + PAGE_SIZE
    assert list(collected.pages) == [ROOT_PA, l1_pa, l0_pa]
    assert collected.pages[ROOT_PA].parents == [(None, 2, 0)]
    assert collected.pages[l1_pa].parents == [(ROOT_PA + 2 * 8, 1, 0x8000_0000)]
    assert collected.pages[l0_pa].parents == [(l1_pa + 1 * 8, 0, 0x8020_0000)]
    assert [page.entries for page in collected.pages.values()] == [1, 1, 1]
    assert target.page_reads == {ROOT_PA: 1, l1_pa: 1, l0_pa: 1}


def test_entries_count_every_valid_pte() -> None:
    target, tables = make_space()
    tables.map_range(0x1000, 0x8000_0000, 0x3000)
    tables.map(0x8000, 0x8000_0000, "w")
    tables.set_pte(0x9000, pte_value(0x8000_0000, "r") & ~1)
    collected = collect_table_pages(make_reader(target), tables.root_pa)
    assert list(collected.pages.values())[-1].entries == 4


def test_where_a_table_is_itself_mapped() -> None:
    target, tables = make_space()
    tables.map(ROOT_PA, ROOT_PA, "rwad")
    tables.map(0x1000, ROOT_PA, "ru")
    tables.map(0xC000_0000, 0x8000_0000, "rw", level=2)
    l1_pa = ROOT_PA + PAGE_SIZE
    collected = collect_table_pages(make_reader(target), tables.root_pa)
    assert [(va, bool(flags & W), bool(flags & U)) for va, flags in collected.pages[ROOT_PA].mappings] == [
        (0x1000, False, True),
        (ROOT_PA, True, False),
        (0xC000_0000 + ROOT_PA - 0x8000_0000, True, False),
    ]
    assert [va for va, _ in collected.pages[l1_pa].mappings] == [0xC000_0000 + l1_pa - 0x8000_0000]


def test_a_table_that_nothing_maps() -> None:
    target, tables = make_space()
    tables.map(ROOT_PA - PAGE_SIZE, ROOT_PA - PAGE_SIZE)
    collected = collect_table_pages(make_reader(target), tables.root_pa)
    assert all(page.mappings == [] for page in collected.pages.values())


def test_a_shared_table_has_all_its_parents() -> None:
    target, tables = make_space()
    tables.map(0x1000, 0x8000_0000)
    l1_pa = ROOT_PA + PAGE_SIZE
    for index in (5, 300):
        target.write_pte(ROOT_PA + index * 8, pte_value(l1_pa))
    collected = collect_table_pages(make_reader(target), tables.root_pa)
    assert collected.pages[l1_pa].parents == [
        (ROOT_PA, 1, 0),
        (ROOT_PA + 5 * 8, 1, 5 << 30),
        (ROOT_PA + 300 * 8, 1, SV39.sign_extend(300 << 30)),
    ]


@pytest.mark.parametrize("mode", [SV39, SV57])
def test_512_pointers_to_itself_are_entered_once_a_level(mode: PagingMode) -> None:
    target = FakeTarget()
    target.write_physical(ROOT_PA, struct.pack("<Q", pte_value(ROOT_PA)) * 512)
    visits = list(iter_visits(make_reader(target, mode), ROOT_PA))
    assert len([visit for visit in visits if visit.decoded is not None]) == mode.levels
    assert len(visits) == 1 + 512 * (mode.levels - 1)


def test_what_could_not_be_read_is_reported() -> None:
    target = FakeTarget()
    tables = TableBuilder(target)
    tables.set_pte(0x4000_0000, pte_value(RAM.end), level=2)
    collected = collect_table_pages(make_reader(target), tables.root_pa)
    assert [table[:3] for table in collected.unreadable] == [(RAM.end, 1, 0x4000_0000)]
    collected = collect_table_pages(make_reader(target), RAM.end)
    assert (collected.pages, [table[:3] for table in collected.unreadable]) == ({}, [(RAM.end, 2, 0)])
