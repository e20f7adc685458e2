"""The scan against the walk, and the promises on cost."""

import itertools
import struct
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gdbext.errors import UnreadableMemory
from gdbext.riscv.paging import PAGE_SIZE, SV39, SV48, SV57, U64_MASK, PagingMode
from gdbext.riscv.pte import PBMT_SHIFT, PPN_SHIFT, RSW, N
from gdbext.riscv.rules import TranslationRules
from gdbext.tables import scan as scan_module
from gdbext.tables.scan import ATTRIBUTES, UNREADABLE, DecodedTable, Run, Scan, TableReader
from gdbext.tables.walk import Outcome, walk
from tests.unit.fakes import RAM, ROOT_PA, FakeTarget, TableBuilder, make_space, pte_value

RULES = TranslationRules()
INDEXES = (0, 1, 2, 3, 255, 256, 510, 511)
TABLE_PAS = tuple(ROOT_PA + number * PAGE_SIZE for number in range(5))
OUTSIDE_RAM = RAM.end + 0x1000

LEGAL = st.builds(
    lambda ppn, flags, rsw: pte_value(ppn << 12, flags) | rsw << 8,
    st.sampled_from((0x80000, 0x80001, 0x80200, 0x80201, 0x40000, 0x80000 + 0x40000, (1 << 44) - 1, 0)),
    st.sampled_from(("r", "rw", "rwad", "rx", "x", "rwxugad", "w", "wx", "gad")),
    st.sampled_from((0, 0, 1, 3)),
)
NAPOT = st.builds(
    lambda ppn, flags: pte_value(ppn << 12, flags) | N,
    st.sampled_from((0x80008, 0x80018, 0x80004, 0x80010)),
    st.sampled_from(("r", "rwad")),
)
PBMT = st.builds(lambda value, pbmt: value | pbmt << PBMT_SHIFT, LEGAL, st.sampled_from((1, 2, 3)))
POINTER = st.builds(pte_value, st.sampled_from((*TABLE_PAS, OUTSIDE_RAM)))
ODD_POINTER = st.builds(lambda value, bit: value | 1 << bit, POINTER, st.sampled_from((4, 5, 6, 7, 8, 54, 60, 61, 63)))
NOT_VALID = st.builds(lambda value: value & ~1, LEGAL)
PTES = st.one_of(LEGAL, POINTER, POINTER, NAPOT, PBMT, ODD_POINTER, NOT_VALID)
# Stretches of PTEs whose values rise as a contiguous mapping's do, from a first index.
STRETCHES = st.tuples(st.sampled_from((0, 100, 508)), st.integers(2, 512), LEGAL)


@st.composite
def table_pages(draw: st.DrawFn) -> bytes:
    values = [0] * 512
    if draw(st.booleans()):
        first, count, value = draw(STRETCHES)
        for offset in range(min(count, 512 - first)):
            values[first + offset] = (value + (offset << PPN_SHIFT)) & U64_MASK
    for index, value in draw(st.dictionaries(st.sampled_from(INDEXES), PTES)).items():
        values[index] = value
    return struct.pack("<512Q", *values)


def find_run(runs: list[Run], va: int) -> Run | None:
    return next((run for run in runs if run[0] <= va < run[0] + run[2]), None)


@settings(max_examples=150)
@given(pages=st.lists(table_pages(), min_size=5, max_size=5))
def test_a_page_is_listed_exactly_where_a_walk_finds_a_leaf(pages: list[bytes]) -> None:
    target = FakeTarget()
    for table_pa, page in zip(TABLE_PAS, pages, strict=True):
        target.write_physical(table_pa, page)
    scan = Scan(TableReader(target, SV39, RULES), ROOT_PA)
    runs = list(scan.iter_runs())

    for indexes in itertools.product((0, 1, 101, 255, 256, 511), repeat=3):
        va = SV39.sign_extend(sum(index << shift for index, shift in zip(indexes, (30, 21, 12), strict=True)) + 0x123)
        walked = walk(target, SV39, ROOT_PA, va, RULES)
        run = find_run(runs, va)
        if walked.outcome is Outcome.LEAF:
            assert run is not None
            assert run[1] + va - run[0] == walked.pa
            assert run[3] == walked.pte.value & ATTRIBUTES
        elif walked.outcome is Outcome.NO_TABLE_MEMORY:
            assert run is not None
            assert run[3] == UNREADABLE
        else:
            assert run is None

    for run, following in itertools.pairwise(runs):
        assert run[0] + run[2] <= following[0]
        is_one = run[0] + run[2] == following[0] and run[1] + run[2] == following[1] and run[3] == following[3]
        assert not is_one or run[3] == UNREADABLE
    assert set(target.page_reads.values()) == {1}


@settings(max_examples=40)
@given(pages=st.lists(table_pages(), min_size=5, max_size=5), bounds=st.tuples(*[st.sampled_from(INDEXES)] * 3))
def test_a_range_finds_what_a_whole_scan_finds_there(pages: list[bytes], bounds: tuple[int, ...]) -> None:
    target = FakeTarget()
    for table_pa, page in zip(TABLE_PAS, pages, strict=True):
        target.write_physical(table_pa, page)
    start = SV39.sign_extend(bounds[0] << 30 | bounds[1] << 21 | bounds[2] << 12)
    end = start + 0x40_0000

    def pages_in(runs: list[Run]) -> set[tuple[int, int, int]]:
        return {
            (va, run[1] + va - run[0], run[3])
            for run in runs
            if run[3] != UNREADABLE
            for va in range(max(run[0], start), min(run[0] + run[2], end), PAGE_SIZE)
        }

    whole = list(Scan(TableReader(target, SV39, RULES), ROOT_PA).iter_runs())
    part = list(Scan(TableReader(target, SV39, RULES), ROOT_PA, start=start, end=end).iter_runs())
    assert pages_in(part) == pages_in(whole)


def test_stretches_join_across_tables_and_levels() -> None:
    target, tables = make_space()
    tables.map_range(0x8000_0000, 0x8000_0000, 0x20_0000)
    tables.map(0x8020_0000, 0x8020_0000, level=1)
    tables.map_range(0x8040_0000, 0x8040_0000, 0x3000)
    assert list(Scan(TableReader(target, SV39, RULES), tables.root_pa).iter_runs()) == [
        (0x8000_0000, 0x8000_0000, 0x40_3000, pte_value(0, "rwad"), 512 + 1 + 3)
    ]


def test_software_bits_do_not_split() -> None:
    target, tables = make_space()
    tables.map_range(0x1000, 0x8000_1000, 0x4000)
    tables.set_pte(0x2000, pte_value(0x8000_2000, "rwad") | RSW)
    assert [run[:3] for run in Scan(TableReader(target, SV39, RULES), tables.root_pa).iter_runs()] == [
        (0x1000, 0x8000_1000, 0x4000)
    ]


@pytest.mark.parametrize("change", ["r-ad", "rwxad", "rwuad", "rwgad", "rwd", "rwa"])
def test_every_flag_splits(change: str) -> None:
    target, tables = make_space()
    tables.map_range(0x1000, 0x8000_1000, 0x3000)
    tables.map(0x2000, 0x8000_2000, change)
    assert len(list(Scan(TableReader(target, SV39, RULES), tables.root_pa).iter_runs())) == 3


def test_the_halves_do_not_join() -> None:
    target, tables = make_space()
    tables.map(255 << 30, 0x8000_0000, level=2)
    tables.map(256 << 30, 0xC000_0000, level=2)
    vas = [run[0] for run in Scan(TableReader(target, SV39, RULES), tables.root_pa).iter_runs()]
    assert vas == [0x3F_C000_0000, 0xFFFF_FFC0_0000_0000]


def test_napot_pages_take_their_low_ppn_from_the_va() -> None:
    target, tables = make_space()
    encoded = pte_value(0x8001_8000, "rwad") | N
    for va in range(0x10000, 0x20000, 0x1000):
        tables.set_pte(va, encoded)
    assert list(Scan(TableReader(target, SV39, RULES), tables.root_pa).iter_runs()) == [
        (0x10000, 0x8001_0000, 0x10000, pte_value(0, "rwad") | N, 16)
    ]


def test_the_last_physical_page_does_not_carry_into_the_reserved_bits() -> None:
    target, tables = make_space()
    last = pte_value((1 << 56) - PAGE_SIZE, "rwad")
    tables.set_pte(0x1000, last)
    tables.set_pte(0x2000, last + (1 << PPN_SHIFT))
    scan = Scan(TableReader(target, SV39, RULES), tables.root_pa)
    assert [run[:3] for run in scan.iter_runs()] == [(0x1000, (1 << 56) - PAGE_SIZE, 0x1000)]
    assert scan.invalid_count == 1


@pytest.mark.parametrize("mode", [SV39, SV48, SV57])
def test_512_pointers_to_itself_end_soon(mode: PagingMode) -> None:
    target = FakeTarget()
    target.write_physical(ROOT_PA, struct.pack("<Q", pte_value(ROOT_PA)) * 512)
    scan = Scan(TableReader(target, mode, RULES), ROOT_PA)
    assert list(scan.iter_runs()) == []
    assert scan.table_count == 1
    assert scan.invalid_count == 512**mode.levels
    assert target.page_reads == {ROOT_PA: 1}


@pytest.mark.parametrize("is_captured", [True, False])
def test_an_unreadable_table_is_reported_with_its_place(is_captured: bool) -> None:
    target, tables = make_space()
    tables.map(0x1000, 0x8000_0000)
    missing_pa = OUTSIDE_RAM if is_captured else tables.new_table()
    if not is_captured:
        target.not_captured.add(missing_pa)
    tables.set_pte(0x4000_0000, pte_value(missing_pa), level=2)
    scan = Scan(TableReader(target, SV39, RULES), tables.root_pa)
    runs = list(scan.iter_runs())
    assert runs[1] == (0x4000_0000, missing_pa, 1 << 30, UNREADABLE, 0)
    assert [(table.pa, table.level, table.va) for table in scan.unreadable] == [(missing_pa, 1, 0x4000_0000)]


@pytest.mark.parametrize("start", [0, 0xFFFF_FFC0_0000_0000])
def test_an_unreadable_root_is_reported_once(start: int) -> None:
    scan = Scan(TableReader(FakeTarget(), SV39, RULES), OUTSIDE_RAM, start=start)
    assert {run[3] for run in scan.iter_runs()} == {UNREADABLE}
    assert [(table.pa, table.level, table.va) for table in scan.unreadable] == [(OUTSIDE_RAM, 2, 0)]


class CountingTarget(FakeTarget):
    """Counts the batches in which pages are asked for."""

    batches = 0

    def read_pages(self, pas: Sequence[int]) -> list[bytes | UnreadableMemory]:
        self.batches += 1
        return super().read_pages(pas)


def test_the_tables_below_one_table_are_read_in_one_batch() -> None:
    target = CountingTarget()
    tables = TableBuilder(target)
    for va in range(0x8000_0000, 0x8000_0000 + 64 * 0x20_0000, 0x20_0000):
        tables.map(va, va)
    scan = Scan(TableReader(target, SV39, RULES), tables.root_pa)
    assert sum(run[4] for run in scan.iter_runs()) == 64
    assert scan.table_count == 66
    assert target.batches == 3


def test_unreadable_tables_next_to_each_other_stay_apart() -> None:
    target, tables = make_space()
    for index in (4, 5):
        tables.set_pte(index << 30, pte_value(index << 30), level=2)
    scan = Scan(TableReader(target, SV39, RULES), tables.root_pa)
    assert [run[:3] for run in scan.iter_runs()] == [(4 << 30, 4 << 30, 1 << 30), (5 << 30, 5 << 30, 1 << 30)]


def test_a_shared_table_is_entered_again_where_the_range_cut_off_what_it_maps() -> None:
    target, tables = make_space()
    tables.map(0x1000, 0x8000_0000)
    for index in (0, 1):
        tables.set_pte(index << 30, pte_value(ROOT_PA + PAGE_SIZE), level=2)
    scan = Scan(TableReader(target, SV39, RULES), tables.root_pa, start=0x2000)
    assert [run[0] for run in scan.iter_runs()] == [0x4000_1000]


@settings(max_examples=50)
@given(
    states=st.lists(st.lists(table_pages(), min_size=5, max_size=5), min_size=2, max_size=2),
    rules=st.lists(st.builds(TranslationRules, svnapot=st.booleans(), svpbmt=st.booleans()), min_size=3, max_size=3),
)
def test_what_is_remembered_of_one_listing_is_right_in_the_next(
    states: list[list[bytes]], rules: list[TranslationRules]
) -> None:
    target = FakeTarget()
    for pages, rule in zip((states[0], states[1], states[0]), rules, strict=True):
        for table_pa, page in zip(TABLE_PAS, pages, strict=True):
            target.write_physical(table_pa, page)
        for _ in range(2):
            remembering = Scan(TableReader(target, SV39, rule, remembers=True), ROOT_PA)
            fresh = Scan(TableReader(target, SV39, rule), ROOT_PA)
            assert list(remembering.iter_runs()) == list(fresh.iter_runs())
            assert remembering.invalid_count == fresh.invalid_count


def test_no_more_is_remembered_than_a_bounded_number_of_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan_module, "MEMORY_SIZE", 100)
    memory = scan_module.DecodedTables()
    decoded = DecodedTable([(0, 0, PAGE_SIZE, 1, 1)] * 10, [], [])
    for table in range(50):
        memory.keep(bytes(PAGE_SIZE), table * PAGE_SIZE, 0, 0, decoded)
    found = [memory.find(bytes(PAGE_SIZE), table * PAGE_SIZE, 0, 0) for table in range(50)]
    assert found[-1] is decoded
    assert 0 < sum(kept is not None for kept in found) * 10 <= 100
