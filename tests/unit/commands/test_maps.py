"""sv39 maps: columns, filters, holes, names, totals, JSON."""

import json

import pytest

from gdbext.commands.declaration import Status
from gdbext.errors import BadInput
from gdbext.riscv.pte import PBMT_SHIFT, N
from gdbext.target.base import MemoryRegion, PageTableRegion, Section
from tests.unit.fakes import RAM, ROOT_PA, FakeTarget, TableBuilder, make_space, pte_value, run


def make_kernel() -> tuple[FakeTarget, TableBuilder]:
    target, tables = make_space()
    tables.map(0x1000_0000, 0x1000_0000, "rwad")
    tables.map_range(0x8000_0000, 0x8000_0000, 0x4000, "rxa")
    tables.map_range(0x8000_4000, 0x8000_4000, 0x2000, "rwad")
    tables.map(0x40_0000, 0x8010_0000, "rwxuad")
    return target, tables


def list_rows(target: FakeTarget, options: str = "") -> list[str]:
    """The lines of the listing between the heading and the summary, without their end address and spaces."""
    text, _ = run(target, f"maps {options}")
    return [" ".join(line.split()) for line in text.splitlines()[2:-1]]


def list_starts(target: FakeTarget, options: str = "") -> list[int]:
    return [int(row.partition("-")[0], 16) for row in list_rows(target, options)]


def test_the_listing_word_for_word() -> None:
    target, _ = make_kernel()
    target.section_list = (Section(".text", 0x8000_0000, 0x8000_3F00), Section(".data", 0x8000_4000, 0x8000_4800))
    text, status = run(target, "maps")
    assert status is Status.ANSWERED
    assert text == (
        "Sv39 asid 0 root 0x84000000 (hart 0)\n"
        "start              end                 pa                    size  rwxugad  pbmt  napot  what\n"
        "0x0000000000400000-0x0000000000401000  0x00000080100000        4K  rwxu-ad  -     -\n"
        "0x0000000010000000-0x0000000010001000  0x00000010000000        4K  rw---ad  -     -      uart\n"
        "0x0000000080000000-0x0000000080004000  0x00000080000000       16K  r-x--a-  -     -      .text\n"
        "0x0000000080004000-0x0000000080006000  0x00000080004000        8K  rw---ad  -     -      .data\n"
        "4 mappings, 8 leaves, 6 tables, 32K mapped\n"
    )


def test_json_as_documented() -> None:
    target, tables = make_kernel()
    tables.set_pte(0x50_0000, pte_value(0x8010_8000, "r") | N | 1 << PBMT_SHIFT)
    text, _ = run(target, "maps -json")
    answer = json.loads(text)
    assert text.count("\n") == 1
    assert {key: value for key, value in answer.items() if key != "maps"} == {
        "schema": "sv39.maps/1",
        "mode": "Sv39",
        "root": "0x84000000",
        "complete": True,
        "leaves": 9,
        "tables": 6,
        "unreadable": [],
    }
    assert len(answer["maps"]) == 5
    assert answer["maps"][1] == {
        "va": "0x500000",
        "pa": "0x80100000",
        "size": 4096,
        "flags": "r------",
        "pbmt": 1,
        "napot": True,
    }


@pytest.mark.parametrize(
    ("options", "starts"),
    [
        ("-perm wx", [0x40_0000]),
        ("-perm x", [0x40_0000, 0x8000_0000]),
        ("-perm rw-", [0x1000_0000, 0x8000_4000]),
        ("-perm r-x-", [0x8000_0000]),
        ("-user", [0x40_0000]),
        ("-super", [0x1000_0000, 0x8000_0000, 0x8000_4000]),
        ("-super -perm w", [0x1000_0000, 0x8000_4000]),
        ("-from 0x80001000 -to 0x80005000", [0x8000_1000, 0x8000_4000]),
        ("-from 0x80006000", []),
        ("-to 0x400000", []),
    ],
)
def test_filters(options: str, starts: list[int]) -> None:
    target, _ = make_kernel()
    assert list_starts(target, options) == starts


def test_a_range_cuts_mappings_and_counts_the_leaves_in_it() -> None:
    target, _ = make_kernel()
    text, _ = run(target, "maps -from 0x80001000 -to 0x80005000 -json")
    answer = json.loads(text)
    assert [(m["va"], m["pa"], m["size"]) for m in answer["maps"]] == [
        ("0x80001000", "0x80001000", 0x3000),
        ("0x80004000", "0x80004000", 0x1000),
    ]
    assert answer["leaves"] == 4


def test_a_range_inside_a_superpage() -> None:
    target, tables = make_space()
    tables.map(0x4000_0000, 0x8000_0000, level=2)
    answer = json.loads(run(target, "maps -from 0x40005000 -to 0x40006000 -json")[0])
    assert [(m["va"], m["pa"], m["size"]) for m in answer["maps"]] == [("0x40005000", "0x80005000", 0x1000)]


@pytest.mark.parametrize("text", ["q", "rw-x", "r-------", "xr-"])
def test_nonsense_permissions(text: str) -> None:
    target, _ = make_kernel()
    with pytest.raises(BadInput, match="-perm"):
        run(target, f"maps -perm {text}")


def test_holes_leave_out_what_is_not_canonical() -> None:
    target, tables = make_space()
    tables.map(0x1000, 0x8000_0000)
    tables.map(256 << 30, 0x8000_0000, level=2)
    rows = list_rows(target, "-holes")
    assert [row.split()[0] for row in rows] == [
        "0x0000000000000000-0x0000000000001000",
        "0x0000000000001000-0x0000000000002000",
        "0x0000000000002000-0x0000004000000000",
        "0xffffffc000000000-0xffffffc040000000",
        "0xffffffc040000000-0x10000000000000000",
    ]
    assert ["hole" in row for row in rows] == [True, False, True, False, True]


def test_an_empty_space_is_two_holes() -> None:
    target, _ = make_space()
    assert len(list_rows(target, "-holes")) == 2
    assert list_rows(target) == []


def test_holes_end_with_the_range() -> None:
    target, _ = make_kernel()
    rows = list_rows(target, "-holes -from 0x80005000 -to 0x80007000")
    assert [row.split()[0] for row in rows] == [
        "0x0000000080005000-0x0000000080006000",
        "0x0000000080006000-0x0000000080007000",
    ]


def test_an_unreadable_table_is_no_hole_and_the_answer_is_incomplete() -> None:
    target, tables = make_space()
    tables.map(0x1000, 0x8000_0000)
    tables.set_pte(0x4000_0000, pte_value(RAM.end), level=2)
    text, status = run(target, "maps -holes")
    assert status is Status.INCOMPLETE
    assert "0x0000000040000000-0x0000000080000000  0x00000088000000        1G  unreadable" in text
    assert "incomplete: the level-1 table 0x88000000 for va 0x40000000 could not be read: no RAM there" in text
    answer = json.loads(run(target, "maps -json")[0])
    assert answer["complete"] is False
    assert answer["unreadable"] == [{"pa": "0x88000000", "level": 1, "va": "0x40000000"}]
    assert len(answer["maps"]) == 1


def test_valid_ptes_that_fault_are_counted_not_listed() -> None:
    target, tables = make_space()
    tables.map(0x1000, 0x8000_0000, "w")
    text, status = run(target, "maps")
    assert status is Status.ANSWERED
    assert "not listed: 1 valid PTE that always fault" in text
    assert "0 mappings, 0 leaves" in text


def test_names() -> None:
    target, tables = make_space()
    target.section_list = tuple(Section(f".s{n}", 0x8000_0000 + n * 0x100, 0x8000_0100 + n * 0x100) for n in range(7))
    target.table_region = PageTableRegion(ROOT_PA, ROOT_PA + 0x10000, "set sv39 table-region")
    tables.map(0x1000_0000, 0x1000_0000)
    tables.map(0x2000_0000, 0x2000_0000)
    tables.map(0x8000_0000, 0x8000_0000)
    tables.map(ROOT_PA, ROOT_PA)
    assert [" ".join(row.split()[6:]) for row in list_rows(target)] == [
        "uart",
        "no memory",
        ".s0 .s1 .s2 ... .s6",
        "page-table region",
    ]


def test_without_memory_regions_nothing_is_said_to_be_missing() -> None:
    target, tables = make_space()
    target.regions = None
    tables.map(0x2000_0000, 0x2000_0000)
    assert "no memory" not in run(target, "maps")[0]


def test_root_and_mode() -> None:
    target = FakeTarget()
    tables = TableBuilder(target)
    tables.map(0x1000, 0x8000_0000)
    answer = json.loads(run(target, "maps -root 0x84000000 -json")[0])
    assert (answer["root"], len(answer["maps"])) == ("0x84000000", 1)


def test_opposite_filters_are_refused() -> None:
    target, _ = make_space()
    with pytest.raises(BadInput, match="exclude"):
        run(target, "maps -user -super")
    with pytest.raises(BadInput, match="not below"):
        run(target, "maps -from 0x2000 -to 0x1000")


def test_a_page_that_reaches_from_ram_into_a_device_has_its_name() -> None:
    target, tables = make_space()
    target.regions = (RAM, MemoryRegion(0x9000_0000, 0x9000_1000, "disk", False))
    tables.map(0x8000_0000, 0x8000_0000, level=2)
    assert list_rows(target)[0].endswith(" disk")
