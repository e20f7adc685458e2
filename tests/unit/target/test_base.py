"""What every target has in common: harts, regions, single PTEs, the PMP registers that are worth reading."""

from __future__ import annotations

import pytest

from gdbext.errors import BadInput, NoMemory, NotCaptured, UnreadableMemory, UnsupportedTarget
from gdbext.target.base import PageTableRegion, describe_harts
from gdbext.target.none import NoTarget
from tests.unit.fakes import RAM, UART, FakeTarget


class CountingTarget(FakeTarget):
    """Remembers which registers were asked for."""

    def __init__(self, csrs: dict[str, int]) -> None:
        super().__init__(csrs)
        self.asked: list[str] = []

    def read_csr(self, hart: int, name: str) -> int | None:
        self.asked.append(name)
        return super().read_csr(hart, name)


def test_a_hart_is_the_selected_one_unless_it_is_named() -> None:
    target = FakeTarget([{}, {}, {}])
    target.selected_hart = 2
    assert (target.require_hart(None), target.require_hart(1)) == (2, 1)
    with pytest.raises(BadInput, match="there is no hart 3: a fake has harts 0-2"):
        target.require_hart(3)


def test_harts_in_words() -> None:
    assert [describe_harts(harts) for harts in ([0], [3], [0, 1], [1, 2, 3])] == [
        "hart 0",
        "hart 3",
        "harts 0-1",
        "harts 1-3",
    ]


def test_ptes_are_little_endian() -> None:
    target = FakeTarget()
    target.write_physical(RAM.start, bytes(range(1, 9)))
    assert target.read_pte(RAM.start) == 0x0807_0605_0403_0201


def test_a_page_that_cannot_be_read_does_not_hide_the_others() -> None:
    target = FakeTarget()
    target.write_physical(RAM.start, b"\1")
    target.not_captured.add(RAM.start + 0x1000)
    first, unknown, missing, last = target.read_pages([RAM.start, RAM.start + 0x1000, RAM.end, RAM.start])
    assert first == last == b"\1" + bytes(4095)
    assert isinstance(unknown, NotCaptured)
    assert isinstance(missing, NoMemory)
    assert (missing.pa, missing.size) == (RAM.end, 4096)
    assert str(missing) == f"physical memory at {RAM.end:#x} (size 4096) cannot be read: no RAM there"


@pytest.mark.parametrize(
    ("pa", "name"),
    [(RAM.start, "ram"), (RAM.end - 1, "ram"), (RAM.end, None), (UART.start, "uart"), (UART.start - 1, None)],
)
def test_what_lies_at_an_address(pa: int, name: str | None) -> None:
    target = FakeTarget()
    region = target.region_at(pa)
    assert (region.name if region else None) == name
    if name is None:
        with pytest.raises(UnreadableMemory):
            target.check_final(pa)
    else:
        target.check_final(pa)


def test_where_the_memory_is_not_known_everything_may_answer() -> None:
    FakeTarget(regions=None).check_final(RAM.end)


def test_a_page_table_region_holds_its_start_and_not_its_end() -> None:
    region = PageTableRegion(0x1000, 0x2000, "a test")
    assert [va in region for va in (0xFFF, 0x1000, 0x1FFF, 0x2000)] == [False, True, True, False]


@pytest.mark.parametrize(
    ("used", "read"),
    [
        ({}, 1),
        ({"pmpcfg0": 0x1F}, 1),
        ({"pmpcfg0": 0x1F00}, 2),
        ({"pmpcfg0": 0x1F << 56}, 8),
        ({"pmpcfg2": 0x1F << 8}, 10),
    ],
)
def test_pmp_addresses_are_read_as_far_as_entries_are_in_use(used: dict[str, int], read: int) -> None:
    csrs = {f"pmpcfg{register}": 0 for register in range(0, 16, 2)} | {f"pmpaddr{entry}": 7 for entry in range(64)}
    target = CountingTarget(csrs | used)
    found = target.read_pmp(0)
    assert [name for name in found if name.startswith("pmpaddr")] == [f"pmpaddr{entry}" for entry in range(read)]
    assert sum(name.startswith("pmpaddr") for name in target.asked) == read


def test_a_hart_without_pmp_has_no_registers_of_it() -> None:
    assert FakeTarget().read_pmp(0) == {}


def test_registers_that_are_absent_are_left_out() -> None:
    assert FakeTarget({"satp": 0, "sepc": 5}).read_csrs(0, ["satp", "stval", "sepc"]) == {"satp": 0, "sepc": 5}


def test_no_target_answers_expressions_alone() -> None:
    nobody = NoTarget(lambda expression: int(expression, 0))
    assert nobody.evaluate("0x10") == 16
    for question in (lambda: nobody.harts, lambda: nobody.current_hart, lambda: nobody.read_csr(0, "satp")):
        with pytest.raises(UnsupportedTarget, match="there is no target: connect to QEMU"):
            question()
