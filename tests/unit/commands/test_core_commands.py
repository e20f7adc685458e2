"""sv39 core, snapshot and diff on a target out of dictionaries, and on the files that they write."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from gdbext.commands.declaration import Status
from gdbext.errors import BadFile, BadInput, NotCaptured, Sv39Error, UnsupportedTarget
from gdbext.riscv.paging import PAGE_SIZE, SV48
from gdbext.target.base import MemoryRegion
from gdbext.target.core import open_core_target
from tests.unit.fakes import FakeTarget, TableBuilder, make_space, run

RAM = MemoryRegion(0x8400_0000, 0x8410_0000, "ram", True)
STACK, CODE = 0x8400_8000, 0x8400_F000


@pytest.fixture
def machine() -> tuple[FakeTarget, TableBuilder]:
    """One hart in S-mode: its stack at 0xc0000000 and its code at 0xc0100000, both somewhere else by pa."""
    target, builder = make_space()
    target.regions = (MemoryRegion(0x1000_0000, 0x1000_0100, "uart", False), RAM)
    builder.map(0xC000_0000, STACK, "rwad")
    builder.map(0xC010_0000, CODE, "rxad")
    target.write_physical(STACK + 0x10, b"on the stack")
    target.write_physical(0x840F_0000, b"far from all")
    target.csrs[0] |= {"sp": 0xC000_0010, "pc": 0xC010_0000, "mstatus": 0x80, "priv": 1, "mcause": 13}
    return target, builder


def read(path: Path, line: str) -> str:
    return run(open_core_target(path), line)[0]


class TestCore:
    def test_a_whole_core_has_all_ram_and_all_answers(
        self, machine: tuple[FakeTarget, TableBuilder], tmp_path: Path
    ) -> None:
        target, _ = machine
        path = tmp_path / "whole.core"
        text, status = run(target, f"core save {path}")
        assert status is Status.ANSWERED
        assert text == f"saved hart 0 (6 registers each) and 1M of memory to {path}\n"
        core = open_core_target(path)
        assert core.readable_ranges() == [(RAM.start, RAM.end)]
        assert core.read_physical(0x840F_0000, 12) == b"far from all"
        assert core.memory_regions() == target.regions
        for line in ("satp", "walk 0xc0000000 0xc0100000 0", "maps", "tables", "lint -json"):
            assert run(core, line) == run(target, line)

    def test_a_compact_core_keeps_tables_stack_and_code(
        self, machine: tuple[FakeTarget, TableBuilder], tmp_path: Path
    ) -> None:
        target, _ = machine
        path = tmp_path / "small.core"
        answer = json.loads(run(target, f"core save {path} -compact -json")[0])
        assert answer["schema"] == "sv39.core/1"
        assert answer["kept"] == "page tables, stacks, code at the pc and at traps, and pages named"
        core = open_core_target(path)
        assert core.read_physical(STACK + 0x10, 12) == b"on the stack"
        assert core.read_physical(CODE, PAGE_SIZE) == bytes(PAGE_SIZE)
        assert run(core, "maps") == run(target, "maps")
        with pytest.raises(NotCaptured, match="not in this core, which keeps only page tables, stacks"):
            core.read_physical(0x840F_0000, 1)

    @pytest.mark.parametrize("address", ["0x840f0004", "0xc0200004"])
    def test_pages_are_named_by_physical_and_by_virtual_address(
        self, machine: tuple[FakeTarget, TableBuilder], tmp_path: Path, address: str
    ) -> None:
        target, builder = machine
        builder.map(0xC020_0000, 0x840F_0000, "r")
        path = tmp_path / "small.core"
        run(target, f"core save {path} {address} -compact")
        assert open_core_target(path).read_physical(0x840F_0000, 12) == b"far from all"

    def test_the_selected_hart_comes_first(self, tmp_path: Path) -> None:
        target = FakeTarget([{"pc": 1}, {"pc": 2}, {"pc": 3}], regions=[RAM])
        target.selected_hart = 2
        path = tmp_path / "three.core"
        run(target, f"core save {path}")
        core = open_core_target(path)
        assert core.current_hart == 2
        assert [record.number for record in core.capture.harts] == [2, 0, 1]
        assert [core.read_csr(hart, "pc") for hart in core.harts] == [1, 2, 3]

    def test_a_core_of_a_core_is_the_same_core(self, machine: tuple[FakeTarget, TableBuilder], tmp_path: Path) -> None:
        first, second = tmp_path / "first.core", tmp_path / "second.core"
        run(machine[0], f"core save {first} -compact")
        run(open_core_target(first), f"core save {second}")
        assert first.read_bytes() == second.read_bytes()

    def test_a_long_one_says_how_far_it_is(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        target = FakeTarget({}, regions=[MemoryRegion(0x8000_0000, 0x8800_0000, "ram", True)])
        monkeypatch.setattr(target, "read_physical", lambda _pa, size: bytes(size))
        lines = run(target, f"core save {tmp_path / 'long.core'}")[0].splitlines()
        assert lines[:-1] == [f"  {percent:3}% of 128M" for percent in (12, 25, 37, 50, 62, 75, 87)]

    @pytest.mark.parametrize(
        ("line", "error", "complaint"),
        [
            ("core save {} 0x84000000", BadInput, "goes with -compact"),
            ("core save {} 0x10 -compact", BadInput, "no page can be read at 0x10"),
            ("core save /nowhere/at/all", BadInput, "cannot write /nowhere/at/all"),
            ("core load {}", BadInput, "invalid choice"),
        ],
    )
    def test_complaints(
        self,
        machine: tuple[FakeTarget, TableBuilder],
        tmp_path: Path,
        line: str,
        error: type[Sv39Error],
        complaint: str,
    ) -> None:
        with pytest.raises(error, match=complaint):
            run(machine[0], line.format(tmp_path / "x.core"))
        assert not os.listdir(tmp_path)

    def test_a_target_that_tells_nothing(self, tmp_path: Path) -> None:
        with pytest.raises(UnsupportedTarget, match="does not tell where its RAM is"):
            run(FakeTarget(regions=None), f"core save {tmp_path / 'x'}")


class TestSnapshotAndDiff:
    def test_nothing_changed(self, machine: tuple[FakeTarget, TableBuilder], tmp_path: Path) -> None:
        target, builder = machine
        path = tmp_path / "before"
        run(target, f"snapshot save {path}")
        assert open_core_target(path).readable_ranges() == [(builder.root_pa, builder.next_free)]
        text, status = run(target, f"diff {path}")
        assert status is Status.ANSWERED
        assert text.splitlines()[-1] == "0 ranges and 0 PTEs changed"

    def test_what_changed_by_range_and_by_pte(self, machine: tuple[FakeTarget, TableBuilder], tmp_path: Path) -> None:
        target, builder = machine
        before, after = tmp_path / "before", tmp_path / "after"
        run(target, f"snapshot save {before}")
        pte_pa = builder.map(0xC000_0000, STACK, "ra")
        builder.map(0xC000_1000, STACK + 0x1000, "rw")
        run(target, f"snapshot save {after}")
        text, status = run(target, f"diff {before} {after}")
        assert status is Status.BAD_NEWS
        assert text.splitlines() == [
            f"- {before}: Sv39 asid 0 root 0x84000000 (hart 0)",
            f"+ {after}: Sv39 asid 0 root 0x84000000 (hart 0)",
            "0x00000000c0000000-0x00000000c0001000       4K  permissions, dirty"
            "  pa 0x84008000 rw---ad -> pa 0x84008000 r----a-",
            "0x00000000c0001000-0x00000000c0002000       4K  mapped        - -> pa 0x84009000 rw-----",
            "PTEs",
            f"  L0 pte @{pte_pa:#x}  va 0x00000000c0000000  0x00000000210020c7 VRW---AD- -> "
            "0x0000000021002043 VR----A--",
            f"  L0 pte @{pte_pa + 8:#x}  va 0x00000000c0001000  0x0000000000000000 --------- -> "
            "0x0000000021002407 VRW------",
            "2 ranges and 2 PTEs changed",
        ]
        now, _ = run(target, f"diff {before} -json")
        answer = json.loads(now)
        assert answer["new"]["name"] == "now"
        assert answer["ranges"][0] == {
            "va": "0xc0000000",
            "size": 4096,
            "changes": ["permissions", "dirty"],
            "old": {"pa": "0x84008000", "flags": "rw---ad", "pbmt": 0, "napot": False},
            "new": {"pa": "0x84008000", "flags": "r----a-", "pbmt": 0, "napot": False},
        }
        assert [pte["pte_pa"] for pte in answer["ptes"]] == [hex(pte_pa), hex(pte_pa + 8)]

    def test_a_root_that_no_hart_uses(self, machine: tuple[FakeTarget, TableBuilder], tmp_path: Path) -> None:
        target, _ = machine
        other = TableBuilder(target, root_pa=0x8408_0000)
        other.map(0x1000, CODE, "rx")
        path = tmp_path / "process"
        run(target, f"snapshot save {path} -root {other.root_pa:#x}")
        assert run(target, f"diff {path} -root {other.root_pa:#x}")[1] is Status.ANSWERED
        assert run(target, f"diff {path}")[1] is Status.ANSWERED

    def test_a_table_that_is_gone_leaves_the_answer_incomplete(
        self, machine: tuple[FakeTarget, TableBuilder], tmp_path: Path
    ) -> None:
        target, builder = machine
        path = tmp_path / "before"
        run(target, f"snapshot save {path}")
        target.not_captured.add(builder.root_pa + PAGE_SIZE)
        text, status = run(target, f"diff {path}")
        assert status is Status.INCOMPLETE
        assert "could not be read: not in this file" in text

    def test_only_a_snapshot_is_replaced(self, machine: tuple[FakeTarget, TableBuilder], tmp_path: Path) -> None:
        target, _ = machine
        path = tmp_path / "name"
        run(target, f"snapshot save {path}")
        run(target, f"snapshot save {path}")
        for precious in ("core", "notes"):
            other = tmp_path / precious
            if precious == "core":
                run(target, f"core save {other}")
            else:
                other.write_text("precious")
            content = other.read_bytes()
            with pytest.raises(BadInput, match="is there already, and is no snapshot"):
                run(target, f"snapshot save {other}")
            assert other.read_bytes() == content

    def test_complaints(self, machine: tuple[FakeTarget, TableBuilder], tmp_path: Path) -> None:
        target, _ = machine
        with pytest.raises(BadFile, match="cannot open"):
            run(target, f"diff {tmp_path / 'none'}")
        path = tmp_path / "sv48"
        other, builder = make_space(SV48)
        builder.map(0x1000, CODE, "rx")
        run(other, f"snapshot save {path}")
        with pytest.raises(BadInput, match="is in mode Sv48, now in Sv39"):
            run(target, f"diff {path}")
        target.csrs[0]["satp"] = 0
        with pytest.raises(BadInput, match="now: satp is Bare"):
            run(target, f"diff {path}")
