"""sv39 why: which trap, from where, by which rule, and whether a retry would work."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gdbext.commands.declaration import Status
from gdbext.errors import BadInput, UnsupportedTarget
from gdbext.riscv.pte import N
from gdbext.target.base import PageTableRegion
from tests.unit.fakes import RAM, FakeTarget, TableBuilder, make_space, pte_value, run

CODE_VA, CODE_PA = 0x4000_0000, 0x8050_0000
VA, PA = 0x1234_5000, 0x8060_0000
MPP_S, MPP_M, SPP = 1 << 11, 3 << 11, 1 << 8
SD = 0x00B53023  # sd a1,0(a0)
LOAD, STORE, FETCH = 13, 15, 12


def trap_in(
    *,
    cause: int = STORE,
    tval: int = VA,
    epc: int = CODE_VA,
    mstatus: int = MPP_S,
    priv: int = 3,
    pc: int = 0x8000_0100,
) -> tuple[FakeTarget, TableBuilder]:
    """A hart in M-mode's handler, with the code of the trap mapped and a store in it."""
    target, builder = make_space()
    target.csrs[0] |= {"mcause": cause, "mtval": tval, "mepc": epc, "mstatus": mstatus, "priv": priv, "pc": pc}
    builder.map(CODE_VA, CODE_PA, "rxa")
    target.write_physical(CODE_PA, SD.to_bytes(4, "little"))
    return target, builder


def why(target: FakeTarget, options: str = "") -> tuple[dict[str, Any], Status]:
    text, status = run(target, f"why -json {options}")
    return json.loads(text), status


def test_a_store_that_would_fail_again() -> None:
    answer, status = why(trap_in()[0])
    assert (answer["level"], answer["cause"], answer["va"], answer["pc"]) == ("M", STORE, hex(VA), hex(CODE_VA))
    assert (answer["privilege"], answer["over"], answer["interrupt"]) == ("S", False, False)
    assert answer["instruction"] == "sd a1,0(a0)"
    assert answer["now"] == {
        "access": "store",
        "privilege": "S",
        "pa": None,
        "cause": STORE,
        "rule": "the level-2 PTE has V=0",
    }
    assert status is Status.BAD_NEWS


def test_a_store_that_would_work_now() -> None:
    target, builder = trap_in()
    builder.map(VA, PA, "rwad")
    answer, status = why(target)
    assert (answer["now"]["cause"], answer["now"]["pa"]) == (None, hex(PA))
    assert status is Status.ANSWERED
    text, _ = run(target, "why")
    assert "would work: ok, pa 0x80600000" in text
    assert "mended since the trap" in text


def test_a_fault_of_another_kind_than_before_says_that_things_have_changed() -> None:
    target, builder = trap_in(cause=7)
    builder.map(VA, PA, "r")
    text, _ = run(target, "why")
    assert "it was cause 7: the tables, or the status bits, have changed since the trap" in text


@pytest.mark.parametrize(
    ("cause", "access"), [(12, "fetch"), (13, "load"), (15, "store"), (1, "fetch"), (5, "load"), (7, "store")]
)
def test_each_fault_is_judged_as_its_own_access(cause: int, access: str) -> None:
    target, _ = trap_in(cause=cause)
    target.write_physical(CODE_PA, (0x0005B003).to_bytes(4, "little") if access == "load" else SD.to_bytes(4, "little"))
    assert why(target)[0]["now"]["access"] == access


@pytest.mark.parametrize(("mstatus", "origin", "judged"), [(0, "U", "U"), (MPP_S, "S", "S"), (MPP_M, "M", "S")])
def test_where_the_access_came_from(mstatus: int, origin: str, judged: str) -> None:
    target, _ = trap_in(mstatus=mstatus)
    answer, _ = why(target)
    assert (answer["privilege"], answer["now"]["privilege"]) == (origin, judged)
    assert ("MPRV was set" in run(target, "why")[0]) == (origin == "M")


def test_the_present_sum_counts() -> None:
    target, builder = trap_in()
    builder.map(VA, PA, "rwuad")
    assert why(target)[0]["now"]["cause"] == STORE
    target.csrs[0]["mstatus"] |= 1 << 18
    assert why(target)[0]["now"]["cause"] is None


def test_an_interrupt_is_about_no_address() -> None:
    answer, status = why(trap_in(cause=1 << 63 | 7, tval=0)[0])
    assert (answer["interrupt"], answer["cause"], answer["cause_text"]) == (True, 7, "machine timer interrupt")
    assert (answer["now"], answer["levels"]) == (None, [])
    assert status is Status.ANSWERED


def test_a_cause_that_is_about_no_translation() -> None:
    target, _ = trap_in(cause=2, tval=0xC000_1073)
    answer, status = why(target)
    assert (answer["now"], status) == (None, Status.ANSWERED)
    assert "illegal instruction is not about an address translation" in run(target, "why")[0]


def test_the_page_table_region_is_named() -> None:
    target, _ = trap_in()
    assert why(target)[0]["in_table_region"] is False
    target.table_region = PageTableRegion(VA, VA + 0x1000, "a test")
    assert why(target)[0]["in_table_region"] is True
    assert f"{VA:#x} is in the page-table region {VA:#x}-{VA + 0x1000:#x}" in run(target, "why")[0]


def test_a_table_that_a_file_does_not_hold_leaves_the_answer_open() -> None:
    target, builder = trap_in()
    builder.map(VA, PA, "rwad")
    target.not_captured.add(builder.pte_pa(VA) & -4096)
    answer, status = why(target)
    assert (answer["now"]["pa"], answer["now"]["cause"], status) == (None, None, Status.INCOMPLETE)


# Which trap it is


def test_right_after_m_mode_returned_the_trap_is_over() -> None:
    for pc in (CODE_VA, CODE_VA + 4, CODE_VA + 8):
        answer, _ = why(trap_in(priv=1, pc=pc, mstatus=0)[0])
        assert (answer["level"], answer["over"], answer["privilege"]) == ("M", True, "S")


def test_further_on_s_mode_s_own_trap_is_meant_and_nothing_tells_whether_it_is_over() -> None:
    target, _ = trap_in(priv=1, pc=CODE_VA + 0x100)
    assert why(target)[0]["level"] == "M"
    target.csrs[0] |= {"scause": LOAD, "stval": 0x5000, "sepc": CODE_VA, "mstatus": SPP}
    answer, _ = why(target)
    assert (answer["level"], answer["va"], answer["over"], answer["privilege"]) == ("S", "0x5000", None, "S")


def test_the_level_can_be_asked_for() -> None:
    target, _ = trap_in(priv=1, pc=CODE_VA)
    target.csrs[0] |= {"scause": LOAD, "stval": 0x5000, "sepc": CODE_VA}
    assert (why(target, "-level s")[0]["va"], why(target, "-level m")[0]["va"]) == ("0x5000", hex(VA))


def test_a_target_that_knows_only_s_mode_s_registers() -> None:
    target, _ = make_space()
    target.csrs[0] |= {"scause": LOAD, "stval": VA, "sepc": CODE_VA, "sstatus": SPP, "priv": 1}
    assert why(target)[0]["level"] == "S"


def test_where_nothing_has_trapped() -> None:
    for epc in (0, CODE_VA):
        with pytest.raises(BadInput, match=r"^hart 0 has not trapped to M-mode: mcause and mtval are 0$"):
            run(trap_in(cause=0, tval=0, epc=epc)[0], "why")
    assert why(trap_in(cause=0, tval=CODE_VA + 1)[0])[0]["cause_text"] == "instruction address misaligned"


def test_a_target_without_trap_registers() -> None:
    target, _ = make_space()
    with pytest.raises(UnsupportedTarget, match="no scause, stval, sepc for hart 0"):
        run(target, "why")


# The instruction


def test_an_instruction_across_two_pages_is_read_from_both() -> None:
    target, builder = trap_in(epc=CODE_VA + 0xFFE)
    builder.map(CODE_VA + 0x1000, 0x8070_0000, "rxa")
    target.write_physical(CODE_PA + 0xFFE, SD.to_bytes(4, "little")[:2])
    target.write_physical(0x8070_0000, SD.to_bytes(4, "little")[2:])
    assert why(target)[0]["instruction"] == "sd a1,0(a0)"


def test_a_compressed_instruction_at_the_end_of_a_page_needs_no_other() -> None:
    target, _ = trap_in(epc=CODE_VA + 0xFFE)
    target.write_physical(CODE_PA + 0xFFE, (0xE188).to_bytes(2, "little"))
    assert why(target)[0]["instruction"] == "sd a0,0(a1)"


def test_m_mode_s_own_instruction_is_read_by_pa() -> None:
    target, _ = trap_in(epc=CODE_PA, mstatus=MPP_M)
    assert why(target)[0]["instruction"] == "sd a1,0(a0)"


@pytest.mark.parametrize("epc", [0x7000_0000, CODE_VA + 0x1000, 1 << 40])
def test_an_instruction_that_cannot_be_reached_is_no_obstacle(epc: int) -> None:
    target, _ = trap_in(epc=epc)
    assert why(target)[0]["instruction"] is None
    assert "(the instruction cannot be read)" in run(target, "why")[0]


# QEMU's departures from the specification


def test_a_table_outside_memory_that_qemu_calls_a_page_fault() -> None:
    target, builder = trap_in(cause=STORE)
    builder.set_pte(VA, pte_value(RAM.end), 1)
    text, _ = run(target, "why")
    assert "it was cause 15: QEMU reports a table outside memory as a page fault" in text


def test_the_load_fault_of_an_amo_is_judged_as_a_store() -> None:
    target, builder = trap_in(cause=LOAD)
    target.write_physical(CODE_PA, (0x00B5352F).to_bytes(4, "little"))
    builder.map(VA, PA, "ra")
    answer, _ = why(target)
    assert (answer["instruction"], answer["now"]["access"]) == ("amoadd.d a0,a1,(a0)", "store")
    assert "QEMU before 10 reports the fault of an AMO as a load's" in run(target, "why")[0]


def test_a_reserved_pte_is_named_in_the_ladder() -> None:
    target, builder = trap_in()
    builder.set_pte(VA, pte_value(PA, "rwad") | N)
    text, _ = run(target, "why")
    assert "reserved encoding" in text
    assert "PPN[3:0] other than 1000" in text


def test_an_s_mode_trap_that_is_over_came_from_where_its_code_runs() -> None:
    target, builder = trap_in(priv=1, pc=CODE_VA + 0x100, mstatus=0)
    builder.map(CODE_VA + 0x1000, CODE_PA, "rxua")
    for epc, origin in ((CODE_VA, "S"), (CODE_VA + 0x1000, "U"), (VA, None)):
        target.csrs[0] |= {"scause": LOAD, "stval": VA, "sepc": epc, "mcause": 0}
        answer, _ = why(target, "-level s")
        assert (answer["over"], answer["privilege"]) == (None, origin)
