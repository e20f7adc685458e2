"""sv39 tree: rows, grouping, depth, odd tables, JSON."""

import json
import struct

import pytest

from gdbext.commands.declaration import Status
from gdbext.errors import BadInput
from gdbext.riscv.pte import N
from tests.unit.fakes import RAM, ROOT_PA, FakeTarget, TableBuilder, make_space, pte_value, run


def make_tree() -> tuple[FakeTarget, TableBuilder]:
    target, tables = make_space()
    tables.map_range(0x8000_0000, 0x8000_0000, 0x4000, "rxa")
    for va in range(0x8000_8000, 0x8000_B000, 0x1000):
        tables.set_pte(va, pte_value(0x8000_0000))
    tables.map(0x8020_0000, 0x8020_0000, level=1)
    return target, tables


def test_the_tree_word_for_word() -> None:
    target, _ = make_tree()
    text, status = run(target, "tree")
    assert status is Status.ANSWERED
    assert text == (
        "Sv39 asid 0 root 0x84000000 (hart 0)\n"
        "  L2[  2]      pte @0x84000010  0x0000000021000401  V--------  "
        "0x0000000080000000-0x00000000c0000000  -> table 0x84001000\n"
        "    L1[  0]      pte @0x84001000  0x0000000021000801  V--------  "
        "0x0000000080000000-0x0000000080200000  -> table 0x84002000\n"
        "      L0[  0-  3]  pte @0x84002000  0x000000002000004b  VR-X--A--  "
        "0x0000000080000000-0x0000000080004000  -> pages 0x80000000 4 x 4K\n"
        "      L0[  8- 10]  pte @0x84002040  0x0000000020000001  V--------  "
        "0x0000000080008000-0x000000008000b000  always faults: the PTE is a pointer at level 0\n"
        "    L1[  1]      pte @0x84001008  0x00000000200800c7  VRW---AD-  "
        "0x0000000080200000-0x0000000080400000  -> page 0x80200000 2M\n"
    )


@pytest.mark.parametrize(("depth", "levels"), [(1, {2}), (2, {2, 1}), (3, {2, 1, 0})])
def test_depth(depth: int, levels: set[int]) -> None:
    target, _ = make_tree()
    answer = json.loads(run(target, f"tree -depth {depth} -json")[0])
    assert {entry["level"] for entry in answer["entries"]} == levels
    assert answer["depth"] == depth
    assert len(target.page_reads) == depth


@pytest.mark.parametrize("depth", ["0", "4", "x"])
def test_a_depth_that_there_is_not(depth: str) -> None:
    target, _ = make_tree()
    with pytest.raises(BadInput, match="Sv39 has levels 1 to 3"):
        run(target, f"tree -depth {depth}")


@pytest.mark.parametrize(
    ("pte", "level", "reason"),
    [
        (pte_value(0x8000_0000, "w"), 0, "has W=1 with R=0"),
        (pte_value(0x8000_1000, "r"), 1, "is a misaligned superpage"),
        (pte_value(0x8000_0000, "u"), 1, "points to a table with A, D or U set"),
        (pte_value(0x8000_0000, "r") | N, 0, "has N=1 with PPN[3:0] other than 1000"),
    ],
)
def test_why_a_valid_pte_always_faults(pte: int, level: int, reason: str) -> None:
    target, tables = make_space()
    tables.set_pte(0x8000_0000, pte, level)
    text, status = run(target, "tree")
    assert f"always faults: the PTE {reason}" in text
    assert status is Status.ANSWERED


def test_invalid_ptes_of_different_kinds_or_apart_have_rows_of_their_own() -> None:
    target, tables = make_space()
    for va, flags in ((0x1000, ""), (0x2000, "w"), (0x3000, "w"), (0x5000, "w")):
        tables.map(va, 0x8000_0000, flags)
    answer = json.loads(run(target, "tree -json")[0])
    rows = [(entry["index"], entry["count"]) for entry in answer["entries"] if entry["kind"] == "invalid"]
    assert rows == [(1, 1), (2, 2), (5, 1)]


def test_a_shared_table_is_shown_once() -> None:
    target, _ = make_tree()
    target.write_pte(ROOT_PA + 300 * 8, pte_value(ROOT_PA + 0x1000))
    text, _ = run(target, "tree")
    assert "0xffffffcb00000000-0xffffffcb40000000  -> table 0x84001000, shown above\n" in text
    assert text.count("L0[  0-  3]") == 1


def test_512_pointers_to_itself_end() -> None:
    target = FakeTarget()
    target.write_physical(ROOT_PA, struct.pack("<Q", pte_value(ROOT_PA)) * 512)
    text, _ = run(target, f"tree -root {ROOT_PA:#x} -mode sv57")
    assert text.count("shown above") == 4 * 511
    assert text.count("is a pointer at level 0") == 1


def test_an_unreadable_table_is_said_at_its_place_and_at_the_end() -> None:
    target, tables = make_space()
    tables.set_pte(0x4000_0000, pte_value(RAM.end), level=2)
    text, status = run(target, "tree")
    assert status is Status.INCOMPLETE
    assert "-> table 0x88000000, unreadable: no RAM there\n" in text
    assert text.endswith("incomplete: the level-1 table 0x88000000 for va 0x40000000 could not be read: no RAM there\n")
    answer = json.loads(run(target, "tree -json")[0])
    assert answer["unreadable"] == [{"pa": "0x88000000", "level": 1, "va": "0x40000000"}]
    assert answer["complete"] is False


def test_an_unreadable_root() -> None:
    text, status = run(FakeTarget(), f"tree -root {RAM.end:#x}")
    assert status is Status.INCOMPLETE
    assert "the level-2 table 0x88000000 for va 0x0 could not be read" in text
