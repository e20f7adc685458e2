"""The text of sv39 why, whole; its JSON is tested with the command."""

from __future__ import annotations

from gdbext.riscv.rules import TranslationRules
from gdbext.target.base import PageTableRegion
from tests.unit.fakes import FakeTarget, TableBuilder, make_space, run

CODE_VA, CODE_PA = 0x4000_0000, 0x8050_0000
VA, PA = 0x1234_5000, 0x8060_0000


def trap_in(cause: int, mstatus: int = 1 << 11, **csrs: int) -> tuple[FakeTarget, TableBuilder]:
    target, builder = make_space()
    target.csrs[0] |= {"mcause": cause, "mtval": VA, "mepc": CODE_VA, "mstatus": mstatus, "priv": 3, "pc": 0x8000_0100}
    target.csrs[0] |= csrs
    builder.map(CODE_VA, CODE_PA, "rxa")
    target.write_physical(CODE_PA, (0x00B53023).to_bytes(4, "little"))
    target.symbols |= {"store_word": CODE_VA, "table": VA}
    return target, builder


def text_of(target: FakeTarget) -> list[str]:
    return run(target, "why")[0].splitlines()


def test_a_store_to_a_page_table_that_is_not_mapped() -> None:
    target, builder = trap_in(15)
    builder.map(VA + 0x1000, PA)
    target.table_region = PageTableRegion(VA, VA + 0x10_0000, "a test")
    assert text_of(target) == [
        "hart 0 is in a trap to M-mode from S-mode: store/AMO page fault, cause 15",
        "  mepc   0x0000000040000000 <store_word>  sd a1,0(a0)",
        "  mtval  0x0000000012345000 <table>",
        "  satp   Sv39 asid 0 root 0x84000000 (hart 0)",
        "  L2[  0]  pte @0x84000000  0x0000000021000c01  V--------  -> table 0x84003000",
        "  L1[145]  pte @0x84003488  0x0000000021001001  V--------  -> table 0x84004000",
        "  L0[325]  pte @0x84004a28  0x0000000000000000  ---------  not valid",
        "  store from S would fail now: page fault, cause 15: the level-0 PTE has V=0",
        "  0x12345000 is in the page-table region 0x12345000-0x12445000",
    ]


def test_the_same_store_after_the_handler_has_mapped_it() -> None:
    target, builder = trap_in(15, priv=1, pc=CODE_VA)
    builder.map(VA, PA)
    target.rules = TranslationRules(assumed=("no PMP",))
    lines = text_of(target)
    assert lines[0] == "hart 0 came back from a trap to M-mode from S-mode: store/AMO page fault, cause 15"
    assert lines[7:] == [
        "  now, store from S of 0x12345000 would work: ok, pa 0x80600000",
        "  assumed: no PMP",
    ]


def test_an_interrupt() -> None:
    target, _ = trap_in(1 << 63 | 7, mstatus=0)
    assert text_of(target) == [
        "hart 0 is in a trap to M-mode from U-mode: machine timer interrupt, interrupt 7",
        "  mepc   0x0000000040000000 <store_word>  sd a1,0(a0)",
    ]


def test_another_exception() -> None:
    target, _ = trap_in(9, mtval=0, mstatus=3 << 11)
    del target.symbols["table"]
    assert text_of(target) == [
        "hart 0 is in a trap to M-mode from M-mode: environment call from S-mode, cause 9",
        "  mepc   0x0000000040000000 <store_word>  (the instruction cannot be read)",
        "  mtval  0x0000000000000000",
        "  environment call from S-mode is not about an address translation",
    ]
