"""QEMU's log of traps, read and counted."""

from __future__ import annotations

from gdbext.riscv.traps import INTERRUPT
from gdbext.trace.trap_log import LoggedTrap, count_traps, iter_traps
from tests.unit.trace.machine import REGION

LOG = """\
riscv_cpu_do_interrupt: hart:0, async:1, cause:0000000000000007, epc:0x000000008001d4e8, tval:0x0000000000000000, desc=m_timer
something else
riscv_cpu_do_interrupt: hart:1, async:0, cause:000000000000000f, epc:0x000000008001dbdc, tval:0x0000000084006008, desc=store_page_fault
riscv_cpu_do_interrupt: hart:0, async:0, cause:000000000000000d, epc:0x000000008001dbe0, tval:0xffffffffc0000000, desc=load_page_fault
riscv_cpu_do_interrupt: hart:0, async:0, cause:000000000000000f, epc:0x0000000080"""  # noqa: E501 - as QEMU has it


def test_traps_are_read() -> None:
    assert list(iter_traps(LOG.splitlines(keepends=True))) == [
        LoggedTrap(0, INTERRUPT | 7, 0x8001_D4E8, 0),
        LoggedTrap(1, 15, 0x8001_DBDC, 0x8400_6008),
        LoggedTrap(0, 13, 0x8001_DBE0, 0xFFFF_FFFF_C000_0000),
    ]


def test_traps_are_counted() -> None:
    counts = count_traps(iter_traps(LOG.splitlines(keepends=True)), REGION)
    assert (counts.faults, counts.region_faults, counts.outside) == (2, 1, 1)
    assert counts.causes == {INTERRUPT | 7: 1, 15: 1, 13: 1}
    assert counts.pages == {0x8400_6000: 1, 0xFFFF_FFFF_C000_0000: 1}
    assert counts.pcs == {0x8001_DBDC: 1, 0x8001_DBE0: 1}
    assert counts.harts == {1: 1, 0: 1}


def test_without_a_region_nothing_is_inside_or_outside() -> None:
    counts = count_traps([LoggedTrap(0, 15, 4, 8)], None)
    assert (counts.faults, counts.region_faults, counts.outside) == (1, 0, 0)
