"""The tracer on a machine out of dictionaries: one story a test."""

from __future__ import annotations

import pytest

from gdbext.riscv.paging import PAGE_SIZE
from gdbext.riscv.traps import Privilege
from gdbext.trace.record import FaultOutcome, FaultRecord, Frame
from tests.unit.fakes import ROOT_PA, pte_value
from tests.unit.trace.machine import PC, REGION, TIMER, Traps, rubbish_page

PAGE = ROOT_PA + 0x1_0000
NEXT = PAGE + PAGE_SIZE
L1, L0 = ROOT_PA + PAGE_SIZE, ROOT_PA + 2 * PAGE_SIZE


def outcomes(records: list[FaultRecord]) -> list[str]:
    return [record.outcome.value for record in records]


def kinds(record: FaultRecord) -> list[str]:
    return [notice.kind for notice in record.notices]


def test_a_fault_that_is_served() -> None:
    traps = Traps()
    traps.enter(PAGE + 8)
    pte_pa = traps.map_page(PAGE)
    traps.leave()
    assert traps.told == []
    (record,) = traps.finish()
    assert (record.seq, record.hart, record.cause, record.va, record.pc) == (1, 0, 15, PAGE + 8, PC)
    assert record.in_region is True
    assert record.rule_before == "the level-0 PTE has V=0"
    (write,) = record.pte_writes
    assert (write.pte_pa, write.level, write.va, write.size) == (pte_pa, 0, PAGE, PAGE_SIZE)
    assert (write.old, write.new) == (0, pte_value(PAGE, "rwad"))
    (page,) = record.pages_allocated
    assert (page.pa, page.level, page.mapped_at, page.is_zeroed) == (PAGE, None, PAGE, True)
    assert record.walk_after is not None
    assert record.walk_after.pa == PAGE + 8
    assert (record.outcome, record.notices) == (FaultOutcome.RETRIED, [])


def test_the_handler_may_build_tables_elsewhere() -> None:
    far = ROOT_PA + 0x20_0000
    traps = Traps()
    traps.enter(far)
    traps.map_page(far)
    new_table = traps.tables.next_free - PAGE_SIZE
    traps.tables.map(new_table, new_table)
    traps.leave()
    (record,) = traps.finish()
    assert [(write.level, write.va) for write in record.pte_writes] == [(1, far), (0, new_table), (0, far)]
    assert {page.pa: page.level for page in record.pages_allocated} == {new_table: 0, far: None}
    assert all(page.mapped_at == page.pa for page in record.pages_allocated)


def test_the_level_of_a_page_is_learned_when_it_is_linked() -> None:
    traps = Traps()
    traps.serve(PAGE)
    traps.target.write_pte(ROOT_PA + 8 * 3, pte_value(PAGE))
    traps.serve(NEXT)
    first, second = traps.finish()
    assert first.pages_allocated[0].level == 1
    assert (first.chain, second.chain) == (1, 1)


def test_a_table_that_is_filled_begins_no_chain() -> None:
    traps = Traps()
    traps.serve(PAGE)
    traps.target.write_pte(ROOT_PA + 8 * 3, pte_value(PAGE))
    traps.target.write_pte(PAGE, pte_value(0x8000_0000, "rwad"))
    traps.serve(NEXT)
    assert [record.chain for record in traps.finish()] == [1, 2]


def test_one_level_at_a_time() -> None:
    va = ROOT_PA + 0x4000_0000
    traps = Traps(region=None)
    for level in (1, 0):
        traps.enter(va)
        traps.tables.pte_pa(va, level)
        traps.leave()
    traps.enter(va)
    traps.tables.map(va, 0x8100_0000)
    traps.leave()
    records = traps.finish()
    assert outcomes(records) == ["next-table", "next-table", "retried"]
    assert [record.chain for record in records] == [1, 1, 1]
    assert [record.in_region for record in records] == [None, None, None]


def repeat(traps: Traps, rounds: int = 3, va: int = PAGE) -> FaultRecord:
    """The last of `rounds` faults in which the handler does nothing, after which the tracer asks for a halt."""
    for _ in range(rounds):
        traps.enter(va)
        traps.leave()
    assert traps.tracer.take_halt_reason()
    assert traps.tracer.take_halt_reason() == ""
    (record,) = traps.tracer.unfinished()
    return record


def test_nothing_written() -> None:
    traps = Traps()
    record = repeat(traps)
    assert kinds(record) == ["nothing-written"]
    assert record.notices[0].text == "the handler wrote no PTE: the level-0 PTE has V=0"
    assert outcomes(traps.told) == ["refaulted", "refaulted"]
    assert "(fault 2): the handler wrote no PTE" in traps.told[0].why


def test_patience() -> None:
    traps = Traps(patience=5)
    assert repeat(traps, 5).seq == 5


def test_the_wrong_va() -> None:
    traps = Traps()
    traps.enter(PAGE)
    pte_pa = traps.tables.map(NEXT, PAGE)
    traps.leave()
    record = repeat(traps, 2)
    text = f"no leaf on the path of {PAGE:#x} was written: the level-0 PTE @{pte_pa:#x} maps {NEXT:#x}"
    assert [(notice.kind, notice.text) for notice in record.notices] == [("wrong-va", text)]


def test_the_wrong_level() -> None:
    far = ROOT_PA + 0x20_0000
    traps = Traps()
    traps.enter(far)
    traps.tables.map(far, far + PAGE_SIZE, level=1)
    traps.leave()
    assert [page.pa for page in traps.tracer.unfinished()[0].pages_allocated] == [far + PAGE_SIZE]
    assert kinds(repeat(traps, 2, far)) == ["wrong-level"]


def test_a_missing_permission() -> None:
    traps = Traps()
    traps.enter(PAGE)
    traps.map_page(PAGE, "rad")
    traps.leave()
    record = repeat(traps, 2)
    text = "the PTE is valid now, but a permission is missing: the level-0 PTE has W=0"
    assert [(notice.kind, notice.text) for notice in record.notices] == [("permission", text)]


def test_a_missing_fence() -> None:
    traps = Traps()
    traps.enter(PAGE)
    traps.map_page(PAGE)
    traps.leave()
    record = repeat(traps, 2)
    assert kinds(record) == ["stale", "no-fence"]


def test_a_page_with_rubbish_in_it() -> None:
    far = ROOT_PA + 0x20_0000
    traps = Traps()
    traps.target.write_physical(PAGE, rubbish_page())
    traps.enter(far)
    traps.target.write_pte(L1 + 33 * 8, pte_value(PAGE))
    traps.tables.map(PAGE, PAGE)
    traps.leave()
    record = repeat(traps, 2, far)
    first = traps.told[0]
    (page,) = first.pages_allocated
    assert (page.pa, page.level, page.is_zeroed, page.rubbish) == (PAGE, 0, False, 1)
    assert kinds(first) == ["dirty-page"]
    assert [write.level for write in first.pte_writes] == [1, 0]
    assert kinds(record) == ["rubbish"]


def test_the_handler_goes_elsewhere() -> None:
    traps = Traps()
    traps.target.symbols["kill"] = 0x8001_2000
    traps.enter(PAGE)
    traps.leave(pc=0x8001_2000)
    (record,) = traps.told
    assert record.outcome is FaultOutcome.LEFT
    assert record.why == "the handler went on at 0x80012000 <kill> in S-mode instead of a retry"


def test_the_machine_ends_in_the_handler() -> None:
    traps = Traps()
    traps.enter(PAGE)
    (record,) = traps.finish()
    assert (record.outcome, kinds(record)) == (FaultOutcome.ENDED, ["no-return"])
    assert record.notices[0].text == (
        "the handler did not return; 3 of the region's 1024 pages are in use, 1021 are left: room for 1020 more "
        "mappings that take a level-0 table each, or for 510 that take a table of each level below the root"
    )


def test_another_exception_in_place_of_the_retry() -> None:
    traps = Traps()
    traps.serve(PAGE)
    traps.enter(PAGE, cause=7)
    (record,) = traps.told
    assert record.outcome is FaultOutcome.REFAULTED
    assert record.why == "the retry ended in another exception: store/AMO access fault"


def test_interrupts_between_the_handler_and_the_retry() -> None:
    traps = Traps()
    traps.serve(PAGE)
    traps.enter(cause=TIMER)
    traps.leave()
    traps.enter(PAGE)
    traps.leave()
    assert outcomes(traps.finish()) == ["refaulted", "retried"]


@pytest.mark.parametrize("is_entry_seen", [True, False], ids=["direct", "vectored"])
def test_an_interrupt_in_the_handler(is_entry_seen: bool) -> None:
    traps = Traps()
    traps.enter(PAGE)
    if is_entry_seen:
        traps.enter(cause=TIMER, pc=0x8000_0150, origin=Privilege.M)
    traps.leave(pc=0x8000_0150, origin=Privilege.M)
    traps.map_page(PAGE)
    traps.leave()
    (record,) = traps.finish()
    assert (record.outcome, len(record.pte_writes)) == (FaultOutcome.RETRIED, 1)


def test_a_nested_end_that_was_not_seen() -> None:
    traps = Traps()
    traps.enter(PAGE)
    traps.enter(cause=TIMER, pc=0x8000_0150, origin=Privilege.M)
    traps.map_page(PAGE)
    traps.leave()
    assert outcomes(traps.finish()) == ["retried"]


def test_an_exit_that_was_not_seen() -> None:
    traps = Traps()
    traps.enter(PAGE)
    traps.serve(NEXT)
    first, second = traps.finish()
    assert (first.outcome, second.outcome) == (FaultOutcome.LEFT, FaultOutcome.RETRIED)


def test_a_stop_that_comes_twice() -> None:
    traps = Traps()
    traps.enter(PAGE)
    traps.serve(PAGE)
    traps.leave()
    assert outcomes(traps.finish()) == ["retried"]


def test_the_same_address_in_a_lower_mode() -> None:
    traps = Traps()
    traps.target.csrs[0].update(mcause=15, priv=1)
    traps.tracer.enter(0, Privilege.M, PC, traps.target.csrs[0].__getitem__)
    assert traps.tracer.unfinished() == []


def test_a_delegated_fault_of_user_mode() -> None:
    va = 0x1000
    traps = Traps(region=None)
    user_and_s = {"origin": Privilege.U, "handler": Privilege.S}
    traps.enter(va, **user_and_s)
    traps.enter(cause=9, origin=Privilege.S)
    traps.leave(origin=Privilege.S)
    traps.tables.map(va, 0x8100_0000, "rwuad")
    traps.leave(**user_and_s)
    (record,) = traps.finish()
    assert (record.outcome, record.privilege) == (FaultOutcome.RETRIED, Privilege.U)
    assert [write.level for write in record.pte_writes] == [2, 1, 0]


def test_harts_do_not_mix() -> None:
    traps = Traps(harts=2)
    traps.enter(PAGE, hart=0)
    traps.enter(NEXT, hart=1)
    traps.map_page(NEXT)
    traps.map_page(PAGE)
    traps.leave(hart=1)
    traps.leave(hart=0)
    records = traps.finish()
    assert {record.hart: [write.va for write in record.pte_writes] for record in records} == {0: [PAGE], 1: [NEXT]}
    assert {record.hart: [page.pa for page in record.pages_allocated] for record in records} == {0: [PAGE], 1: [NEXT]}
    assert all(record.notices == [] for record in records)


def test_two_harts_want_one_page() -> None:
    traps = Traps(harts=2)
    traps.enter(PAGE, hart=0)
    traps.enter(PAGE + 8, hart=1)
    traps.map_page(PAGE)
    traps.leave(hart=0)
    traps.leave(hart=1)
    records = traps.finish()
    assert [kinds(record) for record in records] == [["reused-page"], ["reused-page"]]
    assert "fault 2 of hart 1 wants it too" in records[0].notices[0].text


def test_a_table_handed_out_again() -> None:
    traps = Traps()
    traps.serve(PAGE)
    traps.target.write_pte(L1 + 8 * 40, pte_value(PAGE))
    traps.target.write_pte(PAGE, pte_value(0x8000_0000, "rwad"))
    traps.target.write_pte(traps.tables.pte_pa(PAGE), 0)
    traps.serve(PAGE)
    _, again = traps.finish()
    assert kinds(again) == ["reused-page"]
    assert again.notices[0].text.endswith("it already is the level-0 table for 0x85000000")
    assert [page.pa for page in again.pages_allocated] == [PAGE]
    assert [write.va for write in again.pte_writes] == [PAGE]


def test_a_valid_pte_that_is_overwritten() -> None:
    traps = Traps()
    traps.serve(PAGE)
    traps.enter(NEXT)
    traps.tables.map(PAGE, NEXT)
    traps.map_page(NEXT)
    traps.leave()
    assert "overwritten" in kinds(traps.finish()[1])


def test_what_the_hardware_does_to_a_and_d_is_no_write() -> None:
    traps = Traps()
    traps.serve(PAGE)
    traps.enter(NEXT)
    traps.tables.map(ROOT_PA, ROOT_PA, "rwad")
    traps.target.write_pte(traps.tables.pte_pa(PAGE), pte_value(PAGE, "rwad"))
    traps.map_page(NEXT, "rw")
    traps.leave()
    record = traps.finish()[1]
    assert [write.va for write in record.pte_writes] == [NEXT]


def test_more_tables_than_are_compared() -> None:
    far = ROOT_PA + 0x20_0000
    traps = Traps(table_limit=1)
    traps.enter(far)
    traps.tables.map(far, far)
    traps.leave()
    (record,) = traps.finish()
    assert record.compared == "the path of the va, and 1 table pages: there are more"
    assert [write.level for write in record.pte_writes] == [1, 0]


def test_a_fault_outside() -> None:
    traps = Traps()
    traps.target.symbols["stack"] = 0x4000_0000
    traps.enter(0x4000_0010)
    (record,) = traps.finish()
    assert record.in_region is False
    assert record.notices[0].text == (
        "0x40000010 is outside the page-table region; it is stack+16; "
        "the nearest above begins at 0x84000000, 1G after it"
    )


def test_recursion_in_the_backtrace() -> None:
    traps = Traps()
    rounds = [
        (Frame("map+4", {"va": 0x8440_0000 + page, "level": 1}), Frame("kalloc+8"))
        for page in range(0x9000, 0x1000, -0x1000)
    ]
    traps.frames = [frame for one in rounds for frame in one] + [Frame("main+12")]
    traps.enter(0x8002_1FF8)
    (record,) = traps.finish()
    assert record.notices[-1].text == (
        "map <- kalloc comes 8 times in a backtrace of 17 frames; each round wants one more page (map's va), from the "
        "innermost on: 0x84409000, 0x84408000, 0x84407000, 0x84406000 and so on to 0x84402000"
    )


def test_counts_and_remarks() -> None:
    traps = Traps()
    traps.serve(PAGE)
    traps.enter(cause=9)
    assert traps.tracer.remarks()[0] == "other traps: 1 of environment call from S-mode"
    assert traps.tracer.remarks()[1].startswith(f"4 of the region's {(REGION.end - REGION.start) // PAGE_SIZE} pages")


def test_settling_where_the_machine_has_stopped() -> None:
    traps = Traps()
    traps.serve(PAGE)
    traps.tracer.settle(lambda hart: PC)
    assert traps.told == []
    traps.tracer.settle(lambda hart: PC + 4)
    assert outcomes(traps.told) == ["retried"]


def test_an_amo_is_a_store_though_qemu_calls_its_first_fault_a_load() -> None:
    traps = Traps()
    traps.tables.map(PC, PC, "rxa")
    traps.target.write_physical(PC, 0x00B5362F.to_bytes(4, "little"))  # amoadd.d a2,a1,(a0)
    traps.enter(PAGE, cause=13)
    traps.map_page(PAGE, "ra")
    traps.leave()
    traps.enter(PAGE, cause=15)
    traps.leave()
    first, second = traps.finish()
    assert first.place.instruction == "amoadd.d a2,a1,(a0)"
    assert (first.rule_after, first.outcome) == ("the level-0 PTE has W=0", FaultOutcome.REFAULTED)
    assert "a permission is missing: the level-0 PTE has W=0" in first.why
    assert (second.rule_before, second.notices) == ("the level-0 PTE has W=0", [])
