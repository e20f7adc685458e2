"""Two states of an address space compared, by va and by PTE."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gdbext.riscv.paging import PAGE_SIZE, SV39
from gdbext.riscv.pte import PBMT_SHIFT, N
from gdbext.riscv.rules import TranslationRules
from gdbext.tables.diff import Change, PteChange, Snapshot, iter_pte_changes, iter_range_changes, take_snapshot
from gdbext.tables.scan import ATTRIBUTES, TableReader
from gdbext.tables.walk import walk
from tests.unit.fakes import RAM, ROOT_PA, FakeTarget, TableBuilder, make_space, pte_value

PA = 0x8000_0000


def snap(target: FakeTarget) -> Snapshot:
    return take_snapshot(TableReader(target, SV39, TranslationRules()), ROOT_PA)


def attributes(flags: str) -> int:
    return pte_value(0, flags)


def test_nothing_changed() -> None:
    target, tables = make_space()
    tables.map_range(0x1000, PA, 0x4000)
    before, after = snap(target), snap(target)
    assert list(iter_range_changes(before, after)) == []
    assert list(iter_pte_changes(before, after)) == []


@pytest.mark.parametrize(
    ("old", "new", "changes"),
    [
        (0, pte_value(PA, "rwad"), (Change.MAPPED,)),
        (pte_value(PA, "rwad"), 0, (Change.UNMAPPED,)),
        (pte_value(PA, "rwad"), pte_value(PA + 0x1000, "rwad"), (Change.MOVED,)),
        (pte_value(PA, "rwad"), pte_value(PA, "rad"), (Change.PERMISSIONS,)),
        (pte_value(PA, "rwad"), pte_value(PA, "rwad") | 1 << PBMT_SHIFT, (Change.MEMORY_TYPE,)),
        (pte_value(PA, "rw"), pte_value(PA, "rwa"), (Change.ACCESSED,)),
        (pte_value(PA, "rwa"), pte_value(PA, "rwad"), (Change.DIRTY,)),
        (pte_value(PA, "rw"), pte_value(PA + 0x1000, "rxad"), None),
    ],
)
def test_each_kind_of_change(old: int, new: int, changes: tuple[Change, ...] | None) -> None:
    target, tables = make_space()
    pte_pa = tables.set_pte(0x5000, old)
    before = snap(target)
    tables.set_pte(0x5000, new)
    after = snap(target)
    (change,) = iter_range_changes(before, after)
    assert (change.va, change.size) == (0x5000, PAGE_SIZE)
    assert change.changes == (changes or (Change.MOVED, Change.PERMISSIONS, Change.ACCESSED, Change.DIRTY))
    assert list(iter_pte_changes(before, after)) == [PteChange(pte_pa, 0, 0x5000, old, new)]


def test_a_range_that_changed_alike_is_one_change() -> None:
    target, tables = make_space()
    tables.map_range(0x1F_0000, PA, 0x2_0000)
    before = snap(target)
    tables.map_range(0x1F_8000, PA + 0x8000, 0x1_0000, "rad")
    changes = list(iter_range_changes(before, snap(target)))
    assert changes == [
        (
            0x1F_8000,
            0x1_0000,
            (Change.PERMISSIONS,),
            (PA + 0x8000, attributes("rwad")),
            (PA + 0x8000, attributes("rad")),
        )
    ]


def test_a_superpage_in_place_of_its_pages_changes_ptes_alone() -> None:
    target, tables = make_space()
    tables.map_range(0x20_0000, PA, 0x20_0000)
    before = snap(target)
    tables.map(0x20_0000, PA, level=1)
    after = snap(target)
    assert list(iter_range_changes(before, after)) == []
    ptes = list(iter_pte_changes(before, after))
    assert len(ptes) == 1 + 512
    assert ptes[0][:3] == (ROOT_PA + PAGE_SIZE + 8, 1, 0x20_0000)
    assert all(change.new is None for change in ptes[1:])


def test_a_page_that_becomes_a_table_has_new_ptes() -> None:
    target, tables = make_space()
    before = snap(target)
    pte_pa = tables.map(0xFFFF_FFFF_8000_0000, PA)
    changes = list(iter_pte_changes(before, snap(target)))
    assert [(change.level, change.old is None) for change in changes] == [(2, False), (1, True), (0, True)]
    assert changes[-1] == (pte_pa, 0, 0xFFFF_FFFF_8000_0000, None, target.read_pte(pte_pa))


def test_what_either_side_does_not_know_is_no_change() -> None:
    target, tables = make_space()
    tables.map(0x1000, PA)
    before = snap(target)
    tables.set_pte(0, pte_value(RAM.end), level=2)
    after = snap(target)
    assert after.unreadable
    assert list(iter_range_changes(before, after)) == []


PTES = st.sampled_from(
    (0, *(pte_value(PA + page, flags) for page in (0, 0x1000) for flags in ("r", "rw", "rad", "w")), pte_value(PA) | N)
)


@settings(max_examples=60)
@given(st.lists(st.tuples(PTES, PTES), min_size=6, max_size=6))
def test_changes_are_where_the_walk_answers_differently(ptes: list[tuple[int, int]]) -> None:
    target, tables = make_space()

    def write_and_snap(side: int) -> tuple[Snapshot, list[tuple[int, int] | None]]:
        answers: list[tuple[int, int] | None] = []
        for number, pair in enumerate(ptes):
            tables.set_pte(number * PAGE_SIZE, pair[side])
        for number in range(len(ptes)):
            walked = walk(target, SV39, ROOT_PA, number * PAGE_SIZE, TranslationRules())
            answers.append(None if walked.pa is None else (walked.pa, walked.pte.value & ATTRIBUTES))
        return snap(target), answers

    (before, old_answers), (after, new_answers) = write_and_snap(0), write_and_snap(1)
    changed: dict[int, tuple[tuple[int, int] | None, tuple[int, int] | None]] = {}
    for change in iter_range_changes(before, after):
        for offset in range(0, change.size, PAGE_SIZE):
            old, new = (side and (side[0] + offset, side[1]) for side in (change.old, change.new))
            changed[(change.va + offset) // PAGE_SIZE] = old, new
    assert changed == {
        number: (old, new) for number, (old, new) in enumerate(zip(old_answers, new_answers, strict=True)) if old != new
    }
    table_pa = tables.pte_pa(0)
    assert [(change.pte_pa, change.old, change.new) for change in iter_pte_changes(before, after)] == [
        (table_pa + number * 8, old, new) for number, (old, new) in enumerate(ptes) if old != new
    ]


def test_a_snapshot_of_another_root_compares_by_va() -> None:
    target = FakeTarget()
    first, second = TableBuilder(target, ROOT_PA), TableBuilder(target, ROOT_PA + 0x10_0000)
    first.map(0x1000, PA)
    second.map(0x1000, PA)
    second.map(0x2000, PA)
    reader = TableReader(target, SV39, TranslationRules())
    changes = list(iter_range_changes(take_snapshot(reader, first.root_pa), take_snapshot(reader, second.root_pa)))
    assert [(change.va, change.changes) for change in changes] == [(0x2000, (Change.MAPPED,))]
