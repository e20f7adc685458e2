"""sv39 roots and rmap."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from gdbext.commands.declaration import Status
from gdbext.errors import BadInput, UnsupportedTarget
from gdbext.riscv.paging import PAGE_SIZE, SV48
from gdbext.target.base import MemoryRegion, Section
from tests.unit.fakes import FakeTarget, TableBuilder, pte_value, run

RAM = MemoryRegion(0x8000_0000, 0x8040_0000, "ram", True)
KERNEL = 0x8010_0000


@pytest.fixture
def target() -> FakeTarget:
    """Two processes that share the kernel's tables, rubbish all over, and no satp."""
    target = FakeTarget(regions=[RAM], sections=[Section(".text", 0xFFFF_FFC0_0000_0000, 0xFFFF_FFC0_0000_1000)])
    chance = random.Random(39)
    for pa in range(0x8030_0000, 0x8034_0000, PAGE_SIZE):
        target.write_physical(pa, chance.randbytes(PAGE_SIZE))
    for pa in range(0x8034_0000, 0x8036_0000, PAGE_SIZE):
        target.write_physical(pa, b"text, which is what most pages hold " * 100)
    kernel = TableBuilder(target, root_pa=0x8000_0000)
    kernel.map_range(0xFFFF_FFC0_0000_0000, KERNEL, 0x4000, "rxad")
    kernel.map(0xFFFF_FFC0_4000_0000, kernel.root_pa, "rwad")
    shared = target.read_pte(kernel.pte_pa(0xFFFF_FFC0_0000_0000, level=2))
    for number, root_pa in enumerate((0x8020_0000, 0x8021_0000)):
        process = TableBuilder(target, root_pa=root_pa)
        process.set_pte(0xFFFF_FFC0_0000_0000, shared, level=2)
        process.map_range(0x1_0000, 0x8022_0000 + number * 0x4000, 0x3000, "rwuad")
    return target


def find_roots(target: FakeTarget, options: str = "") -> list[dict[str, object]]:
    return list(json.loads(run(target, f"roots -json {options}")[0])["roots"])


class TestRoots:
    def test_every_process_is_found_before_anything_else(self, target: FakeTarget) -> None:
        roots = find_roots(target)
        assert {root["root"] for root in roots[:3]} == {"0x80000000", "0x80200000", "0x80210000"}
        assert all(root["sections"] == 1 and not root["parents"] for root in roots[:3])
        assert roots[0]["root"] == "0x80000000"
        assert roots[0]["self_va"] == "0xffffffc040000000"
        assert all(root["parents"] or root["leaves"] == 1 for root in roots[3:])

    def test_what_satp_names_comes_first(self, target: FakeTarget) -> None:
        target.csrs = [{"satp": 0}, {"satp": 8 << 60 | 0x80210}]
        roots = find_roots(target)
        assert (roots[0]["root"], roots[0]["harts"]) == ("0x80210000", [1])

    def test_the_text_gives_the_evidence(self, target: FakeTarget) -> None:
        text, status = run(target, "roots")
        assert status is Status.ANSWERED
        first = text.splitlines()[1]
        assert first.startswith("0x0000000080000000  0x8000000000080000       5         5  ")
        assert first.endswith("translates 1 of 1 section; maps itself at 0xffffffc040000000")

    def test_no_root_is_bad_news(self) -> None:
        text, status = run(FakeTarget(regions=[RAM]), "roots")
        assert (text, status) == ("0 Sv39 roots in 4M of memory\n", Status.BAD_NEWS)

    def test_memory_that_is_not_in_the_file_is_said(self, target: FakeTarget) -> None:
        target.not_captured.add(0x8000_0000)
        text, status = run(target, "roots")
        assert status is Status.INCOMPLETE
        assert "incomplete: not all of the machine's memory could be searched" in text

    def test_other_modes(self) -> None:
        target = FakeTarget(regions=[RAM])
        builder = TableBuilder(target, root_pa=0x8000_3000, mode=SV48)
        builder.map_range(0x10_0000, KERNEL, 0x3000, "rx")
        assert find_roots(target, "-mode sv48")[0]["root"] == "0x80003000"

    def test_tables_that_point_to_each_other_without_end(self) -> None:
        """Every page points to every other one: candidates all of them, and the search comes to its end."""
        target = FakeTarget(regions=[MemoryRegion(0x8000_0000, 0x8000_8000, "ram", True)])
        for pa in range(0x8000_0000, 0x8000_8000, PAGE_SIZE):
            for index in range(512):
                target.write_pte(pa + 8 * index, pte_value(0x8000_0000 + index % 8 * PAGE_SIZE))
        assert find_roots(target) == []

    def test_a_target_that_tells_nothing(self) -> None:
        with pytest.raises(UnsupportedTarget, match="does not tell where its RAM is"):
            run(FakeTarget(regions=None), "roots")


class TestRmap:
    def test_every_va_in_the_roots_of_the_harts(self, target: FakeTarget) -> None:
        target.csrs = [{"satp": 8 << 60 | 0x80200}, {"satp": 8 << 60 | 0x80210}, {"satp": 8 << 60 | 7 << 44 | 0x80210}]
        text, status = run(target, f"rmap {KERNEL + 0x2345:#x}")
        assert status is Status.ANSWERED
        assert text.splitlines() == [
            "va 0xffffffc000002345  r-x--ad  Sv39 asid 0 root 0x80200000 (hart 0)",
            "va 0xffffffc000002345  r-x--ad  Sv39 asid 0 root 0x80210000 (hart 1)",
            "pa 0x80102345 is reached from 2 vas in 2 address spaces",
        ]

    def test_with_search_in_the_roots_that_are_found(self, target: FakeTarget) -> None:
        answer = json.loads(run(target, "rmap 0x80224000 -search -json")[0])
        assert answer["vas"] == [
            {
                "va": "0x10000",
                "flags": "rw-u-ad",
                "symbol": None,
                "mode": "Sv39",
                "root": "0x80210000",
                "hart": 0,
            }
        ]
        assert {"0x80000000", "0x80200000", "0x80210000"} <= set(answer["roots"])

    def test_one_root_that_is_named(self, target: FakeTarget) -> None:
        text, _ = run(target, "rmap 0x80220000 -root 0x80200000")
        assert text.splitlines()[0] == "va 0x0000000000010000  rw-u-ad  Sv39 asid 0 root 0x80200000 (-root)"

    def test_nothing_is_bad_news_and_a_missing_table_incomplete(self, target: FakeTarget) -> None:
        assert run(target, "rmap 0x1000 -root 0x80200000")[1] is Status.BAD_NEWS
        target.not_captured.add(0x8020_1000)
        assert run(target, "rmap 0x1000 -root 0x80200000")[1] is Status.INCOMPLETE

    def test_superpages_reach_all_of_themselves(self) -> None:
        target = FakeTarget(regions=[RAM])
        builder = TableBuilder(target, root_pa=0x8000_0000)
        builder.map(0x4000_0000, 0x8000_0000, "rwx", level=2)
        text, _ = run(target, "rmap 0x9abcdef0 -root 0x80000000")
        assert text.startswith("va 0x000000005abcdef0  rwx----  ")

    def test_complaints(self, target: FakeTarget, tmp_path: Path) -> None:
        with pytest.raises(BadInput, match="is no physical address"):
            run(target, "rmap 0x100000000000000")
        with pytest.raises(UnsupportedTarget, match="has no satp"):
            run(target, "rmap 0x1000")
