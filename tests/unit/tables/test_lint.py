"""lint: each rule with tables that break exactly that one, and answers for any memory at all."""

import random
import struct
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gdbext.riscv.paging import PAGE_SIZE, SV39, SV57, PagingMode
from gdbext.riscv.pmp import decode_pmp
from gdbext.riscv.pte import PBMT_SHIFT, A, N
from gdbext.riscv.rules import TranslationRules
from gdbext.tables.lint import MAX_FINDINGS_PER_RULE, RULES, Report, Severity, iter_aliases, lint
from gdbext.tables.scan import TableReader
from gdbext.target.base import PageTableRegion
from tests.unit.fakes import RAM, ROOT_PA, FakeTarget, TableBuilder, make_space, pte_value

TEXT, DATA, USER, FREE = 0x8000_0000, 0x8010_0000, 0x40_0000, 0x50_0000
TABLES = 32
FIRST_TABLE = ROOT_PA + PAGE_SIZE


def make_clean() -> tuple[FakeTarget, TableBuilder]:
    """A kernel of which nothing is to be said: text, data, a user page, and its tables mapped writable."""
    target, tables = make_space()
    tables.map_range(TEXT, TEXT, 0x4000, "rxad")
    tables.map_range(DATA, DATA, 0x4000, "rwad")
    tables.map(USER, 0x8020_0000, "rwuad")
    tables.map_range(ROOT_PA, ROOT_PA, TABLES * PAGE_SIZE, "rwad")
    tables.pte_pa(FREE)
    return target, tables


def judge(target: FakeTarget, root_pa: int = ROOT_PA, mode: PagingMode = SV39) -> Report:
    return lint(target, TableReader(target, mode, target.rules), root_pa)


def break_user_writable_table(target: FakeTarget, tables: TableBuilder) -> None:
    table_pa = tables.pte_pa(FREE) & -PAGE_SIZE
    tables.set_pte(table_pa, 0)
    tables.map(FREE, table_pa, "rwuad")


def break_root_not_mapped(target: FakeTarget, tables: TableBuilder) -> None:
    target.table_region = PageTableRegion(ROOT_PA, ROOT_PA + TABLES * PAGE_SIZE, "a test")
    tables.set_pte(ROOT_PA, 0)


def break_table_barred(target: FakeTarget, tables: TableBuilder) -> None:
    table_pa = tables.pte_pa(FREE) & -PAGE_SIZE
    csrs = {"pmpcfg0": 0x1F18, "pmpaddr0": table_pa >> 2 | 0x1FF, "pmpaddr1": (1 << 54) - 1}
    target.rules = TranslationRules(pmp=decode_pmp(csrs))


def break_napot_uneven(target: FakeTarget, tables: TableBuilder) -> None:
    for page in range(15):
        tables.set_pte(FREE + page * PAGE_SIZE, pte_value(0x8030_8000, "rwad") | N)


Break = Callable[[FakeTarget, TableBuilder], object]
BREAKS: dict[str, Break] = {
    "reserved-encoding": lambda _, tables: tables.map(FREE, 0x8030_0000, "wad"),
    "pointer-at-level-0": lambda _, tables: tables.set_pte(FREE, pte_value(0x8030_0000)),
    "misaligned-superpage": lambda _, tables: tables.map(0x60_0000, 0x8030_1000, level=1),
    "table-outside-ram": lambda _, tables: tables.set_pte(1 << 30, pte_value(RAM.end), level=2),
    "table-barred": break_table_barred,
    "table-cycle": lambda _, tables: tables.set_pte(1 << 30, pte_value(ROOT_PA), level=2),
    "user-writable-table": break_user_writable_table,
    "kernel-executes-user-writable": lambda _, tables: tables.map(FREE, 0x8020_0000, "rxad"),
    "writable-executable": lambda _, tables: tables.map(FREE, 0x8030_0000, "rwxad"),
    "alias-writable-executable": lambda _, tables: tables.map(FREE, TEXT, "rwad"),
    "kernel-executes-user-page": lambda _, tables: tables.map(FREE, TEXT, "ruad"),
    "alias-memory-type": lambda _, tables: tables.set_pte(FREE, pte_value(DATA, "rwad") | 1 << PBMT_SHIFT),
    "table-shared": lambda _, tables: tables.set_pte(1 << 30, pte_value(FIRST_TABLE), level=2),
    "napot-uneven": break_napot_uneven,
    "root-not-mapped": break_root_not_mapped,
    "table-not-mapped": lambda _, tables: tables.set_pte(FIRST_TABLE, 0),
    "page-nowhere": lambda _, tables: tables.map(FREE, RAM.end),
    "alias-permissions": lambda _, tables: tables.map(FREE, DATA, "rad"),
}


def test_a_clean_kernel_has_no_findings() -> None:
    report = judge(make_clean()[0])
    assert report.findings == []
    assert report.table_count == 6


def test_every_rule_has_a_breach() -> None:
    assert list(BREAKS) == list(RULES)


@pytest.mark.parametrize("name", RULES)
def test_each_rule_is_broken_alone(name: str) -> None:
    target, tables = make_clean()
    BREAKS[name](target, tables)
    report = judge(target)
    assert [finding.rule.name for finding in report.findings] == [name]
    assert report.counts == {name: 1}
    finding = report.findings[0]
    if finding.pte_pa is not None:
        assert finding.pte == target.read_pte(finding.pte_pa)
    else:
        assert name == "root-not-mapped"


@pytest.mark.parametrize(
    ("name", "va", "size"),
    [
        ("reserved-encoding", FREE, PAGE_SIZE),
        ("misaligned-superpage", 0x60_0000, 0x20_0000),
        ("table-outside-ram", 1 << 30, 1 << 30),
        ("table-cycle", 1 << 30, 1 << 30),
        ("user-writable-table", FREE, PAGE_SIZE),
        ("table-not-mapped", 0x8000_0000, 1 << 30),
        ("napot-uneven", FREE, 15 * PAGE_SIZE),
    ],
)
def test_where_a_finding_is(name: str, va: int, size: int) -> None:
    target, tables = make_clean()
    BREAKS[name](target, tables)
    finding = judge(target).findings[0]
    assert (finding.va, finding.size) == (va, size)


@pytest.mark.parametrize("name", [name for name, rule in RULES.items() if name.startswith(("alias", "kernel"))])
def test_an_alias_names_the_pte_of_its_va(name: str) -> None:
    target, tables = make_clean()
    BREAKS[name](target, tables)
    finding = judge(target).findings[0]
    assert finding.pte_pa == tables.pte_pa(finding.va)
    assert finding.size == PAGE_SIZE


def test_alike_neighbours_are_one_finding() -> None:
    target, tables = make_clean()
    tables.map_range(0xC000_0000, 0x8030_0000, 0x60_0000, "rwxad")
    tables.map_range(FREE, 0x8030_0000, 0x3000, "wad")
    report = judge(target)
    sizes = {finding.rule.name: finding.size for finding in report.findings if finding.rule.name != "table-not-mapped"}
    assert sizes == {"writable-executable": 0x60_0000, "reserved-encoding": 0x3000}


def test_a_napot_page_whose_ptes_differ_in_a_and_d_alone_is_even() -> None:
    target, tables = make_clean()
    for page in range(16):
        tables.set_pte(FREE + page * PAGE_SIZE, pte_value(0x8030_8000, "rwad") | N)
    tables.set_pte(FREE, pte_value(0x8030_8000, "rwad") & ~A | N)
    assert judge(target).findings == []


def test_a_table_that_the_file_does_not_hold_is_no_finding_but_is_reported() -> None:
    target, tables = make_clean()
    unknown_pa = 0x8700_0000
    target.not_captured.add(unknown_pa)
    tables.set_pte(1 << 30, pte_value(unknown_pa), level=2)
    report = judge(target)
    assert report.findings == []
    assert [table[:3] for table in report.unreadable] == [(unknown_pa, 1, 1 << 30)]


def test_errors_come_first_then_in_order_of_va() -> None:
    target, tables = make_clean()
    tables.map(FREE + 0x1000, 0x8030_0000, "wad")
    tables.map(FREE, 0x8040_0000, "rwxad")
    tables.map(FREE + 0x3000, 0x8030_0000, "xwad")
    report = judge(target)
    assert [(finding.rule.severity, finding.va) for finding in report.findings] == [
        (Severity.ERROR, FREE + 0x1000),
        (Severity.ERROR, FREE + 0x3000),
        (Severity.WARNING, FREE),
    ]


def test_many_findings_are_counted_and_some_are_kept() -> None:
    target, tables = make_clean()
    for number in range(MAX_FINDINGS_PER_RULE + 10):
        tables.map(0xC000_0000 + number * 2 * PAGE_SIZE, 0x8030_0000, "wad")
    report = judge(target)
    assert report.counts["reserved-encoding"] == MAX_FINDINGS_PER_RULE + 10
    assert sum(finding.rule.name == "reserved-encoding" for finding in report.findings) == MAX_FINDINGS_PER_RULE


@pytest.mark.parametrize("mode", [SV39, SV57])
def test_512_pointers_to_itself(mode: PagingMode) -> None:
    target = FakeTarget()
    target.write_physical(ROOT_PA, struct.pack("<Q", pte_value(ROOT_PA)) * 512)
    report = judge(target, mode=mode)
    assert set(report.counts) == {"table-cycle", "table-not-mapped"}
    assert report.counts["table-cycle"] == 1
    assert "as do 511 more" in report.findings[0].text


def test_512_pages_of_512_pointers_to_each_other() -> None:
    target = FakeTarget()
    pas = [ROOT_PA + number * PAGE_SIZE for number in range(512)]
    page = struct.pack("<512Q", *map(pte_value, pas))
    for pa in pas:
        target.write_physical(pa, page)
    report = judge(target)
    assert report.table_count == 512
    assert set(report.counts) >= {"table-cycle", "table-shared", "pointer-at-level-0"}
    assert set(target.page_reads.values()) == {1}


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32), mode=st.sampled_from((SV39, SV57)), is_legal=st.booleans())
def test_random_bytes_end_in_an_answer(seed: int, mode: PagingMode, is_legal: bool) -> None:
    """Bytes as they come are mostly reserved encodings; `is_legal` clears the high bits, and points into the RAM."""
    source = random.Random(seed)
    target = FakeTarget()
    for number in range(4):
        page = source.randbytes(PAGE_SIZE)
        if is_legal:
            values = struct.unpack("<512Q", page)
            kept = [pte_value(ROOT_PA + value % 5 * PAGE_SIZE) | value >> 32 & 0xFF for value in values]
            page = struct.pack("<512Q", *kept)
        target.write_physical(ROOT_PA + number * PAGE_SIZE, page)
    report = judge(target, mode=mode)
    assert report.counts["reserved-encoding"] > 0
    assert all(finding.rule.name in report.counts for finding in report.findings)


RUNS = st.lists(
    st.tuples(st.integers(0, 12), st.integers(1, 5), st.sampled_from((3, 7, 11, 0x13))), min_size=1, max_size=8
)


@given(shapes=RUNS)
def test_aliases_are_the_pages_mapped_in_different_ways(shapes: list[tuple[int, int, int]]) -> None:
    runs = [(number << 30, pa, size, attributes, size) for number, (pa, size, attributes) in enumerate(shapes)]
    found = {}
    for start, end, aliases in iter_aliases(runs):
        assert start < end
        for pa in range(start, end):
            assert pa not in found
            found[pa] = {run[3] for run in aliases}
    for pa in range(20):
        ways = {attributes for _, start, size, attributes, _ in runs if start <= pa < start + size}
        assert found.get(pa, set()) == (ways if len(ways) > 1 else set())


def test_without_regions_nothing_is_nowhere() -> None:
    target, tables = make_clean()
    target.regions = None
    tables.map(FREE, RAM.end)
    assert judge(target).findings == []


def test_svpbmt_off_is_the_hart_s_rule() -> None:
    target, tables = make_clean()
    target.rules = replace(target.rules, svpbmt=False)
    tables.set_pte(FREE, pte_value(0x8030_0000, "rwad") | 1 << PBMT_SHIFT)
    report = judge(target)
    assert report.counts == {"reserved-encoding": 1}
    assert report.findings[0].text == "the level-0 PTE has PBMT bits set, and Svpbmt is off"
