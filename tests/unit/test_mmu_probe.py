"""The parts of the MMU probe that need no QEMU: the cases it makes, what we say of them, and how one is printed."""

from __future__ import annotations

from itertools import islice

import pytest

from gdbext.riscv.csrs import MENVCFG_ADUE
from gdbext.riscv.traps import Privilege
from gdbext.tables.walk import Outcome
from tests.mmu_probe.cases import iter_cases
from tests.mmu_probe.driver import (
    ALLOW_ALL,
    ARENA_PA,
    CASE_PMP_ENTRIES,
    PMP_NA4,
    PMP_NAPOT,
    PMP_R,
    PMP_TOR,
    PMP_X,
    POKES,
    TABLES_PA,
    Case,
    Features,
    Observation,
    ProbeAccess,
)
from tests.mmu_probe.oracle import (
    ABSENT_TABLE_IS_PAGE_FAULT,
    AD_UPDATE_IGNORES_PMP,
    AMO_BEGINS_WITH_LOAD,
    AMO_FAULTS_AS_LOAD,
    Disagreement,
    Machine,
    Prediction,
    describe_disagreement,
    predict,
)

FEATURES = Features(
    qemu_version="7.2",
    misa=0,
    satp_modes=frozenset((0, 8, 9, 10)),
    satp_mask=(1 << 60) - 1,
    menvcfg_mask=MENVCFG_ADUE,
    pmp_entries=16,
    pmpaddr_mask=(1 << 54) - 1,
)
PLAIN = Machine("plain", "rv64", svnapot=False, svpbmt=False, svade=False, svadu=False)

SATP = 8 << 60 | TABLES_PA >> 12
ROOT, LEVEL_1, LEVEL_0 = TABLES_PA, TABLES_PA + 0x1000, TABLES_PA + 0x2000
VA = 0x4020_1008
PA = ARENA_PA + 0x34_5008
LEAF_PTE_PA = LEVEL_0 + 8


def pointer(table_pa: int) -> int:
    return table_pa >> 12 << 10 | 1


def make_case(leaf_flags: int = 0xCF, **changes: object) -> Case:
    """A legal Sv39 tree for VA; V, R, W, X, A and D by default."""
    pokes = ((ROOT + 8, pointer(LEVEL_1)), (LEVEL_1 + 8, pointer(LEVEL_0)), (LEAF_PTE_PA, PA >> 12 << 10 | leaf_flags))
    arguments: dict[str, object] = {
        "satp": SATP,
        "va": VA,
        "access": ProbeAccess.LOAD,
        "privilege": Privilege.S,
        "mprv": True,
        "pokes": pokes,
    }
    return Case(**{**arguments, **changes})  # type: ignore[arg-type]


def say(case: Case, *deviations: object) -> Prediction:
    satp = case.satp if case.satp >> 60 in FEATURES.satp_modes else 0
    return predict(case, satp, PLAIN.rules(case, FEATURES), deviations)  # type: ignore[arg-type]


def test_the_same_seed_makes_the_same_cases() -> None:
    assert list(islice(iter_cases("a", FEATURES), 200)) == list(islice(iter_cases("a", FEATURES), 200))
    assert list(islice(iter_cases("a", FEATURES), 200)) != list(islice(iter_cases("b", FEATURES), 200))


def test_cases_fit_the_guest() -> None:
    for case in islice(iter_cases("fit", FEATURES), 3000):
        assert case.va % 8 == 0
        assert len(case.pokes) <= POKES
        assert len(case.pmp) <= CASE_PMP_ENTRIES
        assert all(TABLES_PA <= pa < ARENA_PA and pa % 8 == 0 for pa, _ in case.pokes)


def test_fetches_never_run_what_lies_in_a_table() -> None:
    fetches = [case for case in islice(iter_cases("fetch", FEATURES), 6000) if case.access is ProbeAccess.FETCH]
    assert fetches
    for case in fetches:
        pa = say(case).verdict.pa
        assert pa is None or not TABLES_PA <= pa < ARENA_PA


def test_a_legal_case_is_answered() -> None:
    said = say(make_case())
    assert said.verdict.pa == PA
    assert said.words == dict(make_case().pokes)


def test_hardware_sets_accessed_and_dirty() -> None:
    flags = 0x0F  # V, R, W, X
    assert say(make_case(flags)).words[LEAF_PTE_PA] & 0xFF == flags | 0x40
    assert say(make_case(flags, access=ProbeAccess.STORE)).words[LEAF_PTE_PA] & 0xFF == flags | 0xC0


def test_an_access_from_s_needs_its_routine() -> None:
    said = say(make_case(mprv=False, routine_va=0x8100_0000))
    assert said.is_routine
    assert said.verdict.cause == 12


def test_an_empty_tor_entry_around_the_pte_bars_nothing() -> None:
    border = (LEAF_PTE_PA + 4) >> 2
    case = make_case(pmp=((0, border), (PMP_TOR | PMP_X, border), ALLOW_ALL))
    assert say(case).verdict.pa == PA


def test_an_na4_entry_that_matches_half_of_the_pte_bars_the_walk() -> None:
    case = make_case(pmp=((PMP_NA4 | PMP_R, LEAF_PTE_PA >> 2), ALLOW_ALL))
    assert say(case).walked.outcome is Outcome.TABLE_BARRED
    assert say(case).verdict.cause == 5


def test_an_absent_table_is_an_access_fault_and_in_qemu_a_page_fault() -> None:
    case = make_case(pokes=((ROOT + 8, pointer(1 << 40)),))
    assert say(case).verdict.cause == 5
    assert say(case, ABSENT_TABLE_IS_PAGE_FAULT).verdict.cause == 13


def test_an_absent_table_that_pmp_bars_is_an_access_fault_in_qemu_too() -> None:
    case = make_case(pokes=((ROOT + 8, pointer(1 << 40)),), pmp=((PMP_NAPOT | PMP_R, ROOT >> 2 | 0x1FF),))
    assert say(case, ABSENT_TABLE_IS_PAGE_FAULT).verdict.cause == 5


def test_an_amo_is_one_store_and_in_qemu_a_load_first() -> None:
    unmapped = make_case(0, access=ProbeAccess.AMO)
    assert say(unmapped).verdict.cause == 15
    assert say(unmapped, AMO_FAULTS_AS_LOAD).verdict.cause == 13
    read_only = make_case(0x03, access=ProbeAccess.AMO)  # V, R
    assert say(read_only).words[LEAF_PTE_PA] & 0x40 == 0
    said = say(read_only, AMO_BEGINS_WITH_LOAD)
    assert said.verdict.cause == 15
    assert said.words[LEAF_PTE_PA] & 0x40


def test_accessed_in_a_pte_that_pmp_protects_is_an_access_fault_and_in_qemu_written() -> None:
    case = make_case(0x03, pmp=((PMP_NAPOT | PMP_R, LEVEL_0 >> 2 | 0x1FF), ALLOW_ALL))
    assert say(case).verdict.cause == 5
    said = say(case, AD_UPDATE_IGNORES_PMP)
    assert said.verdict.pa == PA
    assert said.words[LEAF_PTE_PA] & 0x40


def observe(case: Case, **changes: object) -> Observation:
    """A load that went as it should."""
    loaded = 0x3020_0073 << 32 | PA & 0xFFFF_F000 | 0x537
    arguments: dict[str, object] = {
        "cause": None,
        "tval": 0,
        "epc": 0,
        "value": loaded,
        "answered_pa": PA,
        "satp": case.satp,
        "poked": tuple(word for _, word in case.pokes),
    }
    return Observation(**{**arguments, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "changes",
    [
        {"cause": 13, "tval": VA},
        {"value": 0x3020_0073 << 32 | 0x8110_0537},
        {"poked": (pointer(LEVEL_1), pointer(LEVEL_0), PA >> 12 << 10 | 0x4F)},
    ],
    ids=["cause", "page", "dirty bit"],
)
def test_a_difference_is_seen(changes: dict[str, object]) -> None:
    case = make_case()
    assert describe_disagreement(case, say(case), observe(case)) is None
    assert describe_disagreement(case, say(case), observe(case, **changes))


def test_a_disagreement_prints_its_case_as_python() -> None:
    case = make_case(access=ProbeAccess.FETCH, mprv=False, mxr=True)
    seen = observe(case, cause=12, tval=VA)
    text = Disagreement(case, say(case), seen, "cause 12, none expected").describe()
    start, end = text.index("Case("), text.index("\n)") + 2
    assert eval(text[start:end]) == case
