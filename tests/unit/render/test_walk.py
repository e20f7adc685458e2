"""The text and the JSON of sv39 walk, whole."""

from __future__ import annotations

import json

import pytest

from gdbext.commands.walk import WalkResult
from gdbext.render.style import PLAIN, Style
from gdbext.render.walk import iter_text
from gdbext.riscv.paging import SV39, SV48
from gdbext.riscv.pmp import PmpEntry
from gdbext.riscv.pte import PBMT_SHIFT, N
from gdbext.riscv.rules import TranslationRules
from gdbext.riscv.traps import Access, Privilege
from gdbext.tables.space import AddressSpace
from gdbext.tables.verdict import judge
from gdbext.tables.walk import walk
from gdbext.target.base import PageTableRegion
from tests.unit.fakes import RAM, ROOT_PA, FakeTarget, TableBuilder, make_space, pte_value, run

VA, PA = 0x1234_5000, 0x8060_0000


def text_of(target: FakeTarget, line: str) -> list[str]:
    target.csrs[0].setdefault("mstatus", 0)
    return run(target, f"walk {line}")[0].splitlines()


@pytest.fixture
def space() -> tuple[FakeTarget, TableBuilder]:
    return make_space()


def test_a_mapped_page(space: tuple[FakeTarget, TableBuilder]) -> None:
    target, builder = space
    builder.map(VA, PA, "rxad")
    target.symbols["main"] = VA
    assert text_of(target, "main+0x123") == [
        "va 0x0000000012345123 <main+291> = L2[0] L1[145] L0[325] +0x123   satp: Sv39 asid 0 root 0x84000000 (hart 0)",
        "  L2[  0]  pte @0x84000000  0x0000000021000401  V--------  -> table 0x84001000",
        "  L1[145]  pte @0x84001488  0x0000000021000801  V--------  -> table 0x84002000",
        "  L0[325]  pte @0x84002a28  0x00000000201800cb  VR-X--AD-  -> page 0x80600000 4K: pa 0x80600123",
        "  load, fetch from S: ok, pa 0x80600123",
        "  store from S: page fault, cause 15: the level-0 PTE has W=0",
        "  load, store, fetch from U: page fault, cause 13/15/12: the level-0 PTE has U=0: user mode is barred",
    ]


@pytest.mark.parametrize(
    ("value", "level", "last_rung"),
    [
        (0, 0, "---------  not valid"),
        (pte_value(PA, "wad"), 0, "V-W---AD-  reserved encoding"),
        (pte_value(PA), 0, "V--------  pointer at level 0"),
        (pte_value(PA + 4096, "rad"), 1, "VR----AD-  misaligned superpage"),
        (pte_value(PA, "rad"), 1, "VR----AD-  -> page 0x80600000 2M: pa 0x80745000"),
        (pte_value(0x4000_0000, "rad"), 2, "VR----AD-  -> page 0x40000000 1G: pa 0x52345000"),
        (pte_value(PA + 0x8000, "rad") | N, 0, "VR----ADN  -> page 0x80600000 64K NAPOT: pa 0x80605000"),
        (pte_value(PA, "rad") | 1 << PBMT_SHIFT, 0, "VR----AD-  -> page 0x80600000 4K, NC: pa 0x80600000"),
        (pte_value(PA, "rad") | 2 << PBMT_SHIFT, 0, "VR----AD-  -> page 0x80600000 4K, IO: pa 0x80600000"),
    ],
)
def test_the_last_rung_says_how_the_walk_ends(
    space: tuple[FakeTarget, TableBuilder], value: int, level: int, last_rung: str
) -> None:
    target, builder = space
    builder.set_pte(VA, value, level)
    rungs = [line for line in text_of(target, hex(VA)) if line.startswith("  L")]
    assert len(rungs) == 3 - level
    assert rungs[-1].endswith(last_rung)


def test_the_columns_of_all_rungs_begin_together(space: tuple[FakeTarget, TableBuilder]) -> None:
    target, builder = space
    builder.map(VA, PA)
    rungs = [line for line in text_of(target, hex(VA)) if line.startswith("  L")]
    for column in ("]  pte @", "  0x00000000", "  V", "-> "):
        assert len({rung.index(column) for rung in rungs}) == 1


def test_a_table_that_cannot_be_read(space: tuple[FakeTarget, TableBuilder]) -> None:
    target, _ = space
    assert text_of(target, f"0 -root {RAM.end:#x}")[1:3] == [
        "  L2[  0]  pte @0x88000000  ??????????????????  ?????????  unreadable",
        "  load, store, fetch from S and U: access fault, cause 5/7/1: the level-2 table at 0x88000000 is not in RAM: "
        "no RAM there",
    ]


def test_a_table_that_is_not_in_the_file(space: tuple[FakeTarget, TableBuilder]) -> None:
    target, _ = space
    target.not_captured.add(ROOT_PA)
    assert text_of(target, "0")[1:] == [
        "  L2[  0]  pte @0x84000000  ??????????????????  ?????????  unreadable",
        "  load, store, fetch from S and U: not known: the level-2 table at 0x84000000 is not known: not in this file",
    ]


def test_pmp_is_named(space: tuple[FakeTarget, TableBuilder]) -> None:
    target, _ = space
    target.rules = TranslationRules(pmp=(PmpEntry(2, 0x18, 0, ROOT_PA, ROOT_PA + 0x1000),))
    assert text_of(target, "0 -priv S -access load")[1:] == [
        "  L2[  0]  pte @0x84000000  0x0000000000000000  ---------  barred by PMP",
        "  load from S: access fault, cause 5: the hart may not read the level-2 PTE: PMP entry 2 "
        "(NAPOT 0x84000000-0x84001000 ---)",
    ]


def test_an_address_that_is_not_canonical_has_no_ladder(space: tuple[FakeTarget, TableBuilder]) -> None:
    assert text_of(space[0], "0x4000000000") == [
        "va 0x0000004000000000 = L2[256] L1[0] L0[0] +0x000   satp: Sv39 asid 0 root 0x84000000 (hart 0)",
        "  load, store, fetch from S and U: page fault, cause 13/15/12: the va is not canonical: "
        "bits 63-39 must all equal bit 38",
    ]


def test_bare() -> None:
    assert text_of(FakeTarget({"satp": 0}), "0x80000000") == [
        "va 0x0000000080000000   satp: Bare (hart 0)",
        "  load, store, fetch from S and U: ok, pa 0x80000000",
    ]


def test_sv48_has_a_rung_more() -> None:
    target, builder = make_space(SV48)
    builder.map(VA, PA)
    lines = text_of(target, hex(VA))
    assert lines[0].startswith("va 0x0000000012345000 = L3[0] L2[0] L1[145] L0[325] +0x000   satp: Sv48")
    assert [line[2:4] for line in lines if line.startswith("  L")] == ["L3", "L2", "L1", "L0"]


def test_what_the_hardware_writes_is_said(space: tuple[FakeTarget, TableBuilder]) -> None:
    target, builder = space
    builder.map(VA, PA, "rw")
    assert text_of(target, f"{VA:#x} -priv S")[4:] == [
        "  load from S: ok, pa 0x80600000; the hardware sets A",
        "  store from S: ok, pa 0x80600000; the hardware sets A D",
        "  fetch from S: page fault, cause 12: the level-0 PTE has X=0",
    ]


def test_the_page_table_region_is_mentioned_only_where_nothing_works(space: tuple[FakeTarget, TableBuilder]) -> None:
    target, builder = space
    target.table_region = PageTableRegion(VA, VA + 0x2000, "a test")
    builder.map(VA, PA, "r")
    assert "region" not in "".join(text_of(target, hex(VA)))
    last = text_of(target, hex(VA + 0x1000))[-1]
    assert last == f"  {VA + 0x1000:#x} is in the page-table region; the M-mode handler would be asked to map it."


def test_json_is_one_line_with_every_fact(space: tuple[FakeTarget, TableBuilder]) -> None:
    target, builder = space
    builder.map(VA, PA, "rad")
    target.csrs[0]["mstatus"] = 0
    text, _ = run(target, f"walk -json {VA:#x} -access load")
    assert text.count("\n") == 1
    assert json.loads(text) == {
        "schema": "sv39.walk/1",
        "va": "0x12345000",
        "symbol": None,
        "satp": "0x8000000000084000",
        "hart": 0,
        "mode": "Sv39",
        "levels": [
            {"level": 2, "index": 0, "pte_pa": "0x84000000", "pte": "0x21000401", "flags": "V--------"},
            {"level": 1, "index": 145, "pte_pa": "0x84001488", "pte": "0x21000801", "flags": "V--------"},
            {"level": 0, "index": 325, "pte_pa": "0x84002a28", "pte": "0x201800c3", "flags": "VR----AD-"},
        ],
        "outcome": "leaf",
        "rule": "leaf at level 0",
        "pa": "0x80600000",
        "page_size": 4096,
        "verdict": {
            "S": {"load": {"pa": "0x80600000", "cause": None, "rule": "leaf at level 0"}},
            "U": {"load": {"pa": None, "cause": 13, "rule": "the level-0 PTE has U=0: user mode is barred"}},
        },
        "assumed": [],
    }


def test_json_of_a_pte_that_could_not_be_read(space: tuple[FakeTarget, TableBuilder]) -> None:
    text, _ = run(space[0], f"walk -json 0 -root {RAM.end:#x}")
    answer = json.loads(text)
    assert answer["levels"] == [{"level": 2, "index": 0, "pte_pa": "0x88000000", "pte": None, "flags": None}]
    assert (answer["outcome"], answer["pa"], answer["page_size"]) == ("no_table_memory", None, None)


def test_colours_change_nothing_but_colours(space: tuple[FakeTarget, TableBuilder]) -> None:
    target, builder = space
    builder.map(VA, PA, "r")
    rules = TranslationRules()
    walked = walk(target, SV39, builder.root_pa, VA, rules)
    verdicts = tuple(judge(target, walked, access, Privilege.S, rules) for access in Access)
    result = WalkResult(AddressSpace(SV39, ROOT_PA, 0, 0, "hart 0"), walked, verdicts, "main", ("luck",), None)
    marks = {
        role: f"\x1b[{number}m" for number, role in enumerate(("address", "function", "metadata", "error", "good"))
    }
    coloured = "\n".join(iter_text(result, Style(marks)))
    plain = "\n".join(iter_text(result, PLAIN))
    assert "\x1b" not in plain
    for code in (*marks.values(), "\x1b[m"):
        assert code in coloured
        coloured = coloured.replace(code, "")
    assert coloured == plain
