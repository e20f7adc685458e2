"""The verdict, against tables of the specification's permission rules written down another way."""

from __future__ import annotations

from itertools import product

import pytest

from gdbext.riscv.paging import BARE, SV39
from gdbext.riscv.pmp import PmpEntry
from gdbext.riscv.rules import AdUpdate, TranslationRules
from gdbext.riscv.traps import Access, Privilege
from gdbext.tables.verdict import Verdict, judge
from gdbext.tables.walk import walk
from tests.unit.fakes import RAM, UART, FakeTarget, make_space, pte_value

VA, PA = 0x1234_5000, 0x8060_0000
EVERYTHING = PmpEntry(9, 0x1F, (1 << 54) - 1, 0, 1 << 57)

# What the R, W and X of a leaf permit; MXR=1 adds loads to whatever can be executed.
PERMITTED = {"r": "load", "rw": "load store", "x": "fetch", "rx": "load fetch", "rwx": "load store fetch"}
# What a privilege level may do at all, by the U bit of the leaf and by SUM.
IN_REACH = {
    (Privilege.U, True, False): "load store fetch",
    (Privilege.U, True, True): "load store fetch",
    (Privilege.U, False, False): "",
    (Privilege.U, False, True): "",
    (Privilege.S, False, False): "load store fetch",
    (Privilege.S, False, True): "load store fetch",
    (Privilege.S, True, False): "",
    (Privilege.S, True, True): "load store",
}


def verdict_of(
    flags: str,
    access: Access,
    privilege: Privilege = Privilege.S,
    *,
    rules: TranslationRules | None = None,
    sum_bit: bool = False,
    mxr: bool = False,
    pa: int = PA,
    size: int = 1,
) -> Verdict:
    """The verdict for a page that is mapped with `flags`."""
    rules = rules or TranslationRules()
    target, builder = make_space()
    builder.map(VA, pa, flags)
    walked = walk(target, SV39, builder.root_pa, VA, rules)
    return judge(target, walked, access, privilege, rules, sum_bit=sum_bit, mxr=mxr, size=size)


@pytest.mark.parametrize("permissions", PERMITTED)
@pytest.mark.parametrize("privilege", [Privilege.S, Privilege.U])
def test_the_truth_table_of_permissions(permissions: str, privilege: Privilege) -> None:
    for is_user, sum_bit, mxr, access in product((False, True), (False, True), (False, True), Access):
        permitted = PERMITTED[permissions].split()
        if mxr and "x" in permissions:
            permitted.append("load")
        works = access.value in permitted and access.value in IN_REACH[privilege, is_user, sum_bit].split()
        flags = permissions + "ad" + ("u" if is_user else "")
        verdict = verdict_of(flags, access, privilege, sum_bit=sum_bit, mxr=mxr)
        case = f"{access} from {privilege.name} of {flags}, SUM={sum_bit}, MXR={mxr}"
        assert verdict.works == works, case
        assert (verdict.pa, verdict.cause) == ((PA, None) if works else (None, access.page_fault)), case
        assert (verdict.access, verdict.privilege, verdict.is_known) == (access, privilege, True)


@pytest.mark.parametrize(
    ("flags", "access", "privilege", "words"),
    [
        ("rwxad", Access.LOAD, Privilege.U, "U=0: user mode is barred"),
        ("rwxuad", Access.FETCH, Privilege.S, "U=1: supervisor mode never executes a user page"),
        ("rwxuad", Access.LOAD, Privilege.S, "U=1, and SUM=0"),
        ("rwad", Access.FETCH, Privilege.S, "X=0"),
        ("rxad", Access.STORE, Privilege.S, "W=0"),
        ("xad", Access.LOAD, Privilege.S, "R=0, and MXR=0"),
    ],
)
def test_the_rule_that_bars_is_named(flags: str, access: Access, privilege: Privilege, words: str) -> None:
    assert words in verdict_of(flags, access, privilege).rule
    assert "level-0 PTE" in verdict_of(flags, access, privilege).rule


# What each access needs of A and D.
MISSING = {
    ("", "load"): "A",
    ("", "fetch"): "A",
    ("", "store"): "A D",
    ("a", "load"): "",
    ("a", "fetch"): "",
    ("a", "store"): "D",
    ("d", "load"): "A",
    ("d", "fetch"): "A",
    ("d", "store"): "A",
    ("ad", "load"): "",
    ("ad", "fetch"): "",
    ("ad", "store"): "",
}


@pytest.mark.parametrize("update", list(AdUpdate))
@pytest.mark.parametrize(("bits", "access"), MISSING)
def test_a_and_d_under_hardware_update_and_under_fault(bits: str, access: str, update: AdUpdate) -> None:
    missing = MISSING[bits, access].split()
    kind = Access(access)
    verdict = verdict_of("rwx" + bits, kind, rules=TranslationRules(update))
    if missing and update is AdUpdate.FAULT:
        assert verdict.cause == kind.page_fault
        assert " ".join(f"{bit}=0" for bit in missing) in verdict.rule
    else:
        assert verdict.works
        assert ("the hardware sets " + " ".join(missing) in verdict.rule) == bool(missing)


def test_permissions_come_before_a_and_d() -> None:
    verdict = verdict_of("r", Access.STORE, rules=TranslationRules(AdUpdate.FAULT))
    assert verdict.rule == "the level-0 PTE has W=0"


def test_hardware_may_not_set_a_and_d_where_pmp_bars_writing_the_table() -> None:
    tables_read_only = PmpEntry(0, 0x19, 0, 0x8400_0000, 0x8440_0000)
    rules = TranslationRules(pmp=(tables_read_only, EVERYTHING))
    assert verdict_of("rwad", Access.STORE, rules=rules).works
    barred = verdict_of("rwa", Access.STORE, rules=rules)
    assert barred.cause == Access.STORE.access_fault
    assert "D=0" in barred.rule
    assert "PMP entry 0" in barred.rule
    assert verdict_of("rwa", Access.LOAD, rules=rules).works


@pytest.mark.parametrize("access", list(Access))
def test_pmp_at_the_final_page(access: Access) -> None:
    for cfg, letters in ((0x18, ""), (0x19, "load"), (0x1B, "load store"), (0x1C, "fetch")):
        rules = TranslationRules(pmp=(PmpEntry(3, cfg, 0, PA, PA + 4096), EVERYTHING))
        verdict = verdict_of("rwxad", access, rules=rules)
        works = access.value in letters.split()
        assert verdict.cause == (None if works else access.access_fault)
        assert works or f"pa {PA:#x}: PMP entry 3" in verdict.rule


def test_pmp_judges_all_bytes_of_the_access() -> None:
    rules = TranslationRules(pmp=(PmpEntry(0, 0x1F, 0, PA, PA + 4), EVERYTHING))
    assert verdict_of("rwad", Access.LOAD, rules=rules, size=4).works
    assert verdict_of("rwad", Access.LOAD, rules=rules, size=8).cause == 5


@pytest.mark.parametrize(
    ("pa", "works"), [(RAM.start, True), (UART.start, True), (UART.end + 0x1000 & -4096, False), (RAM.end, False)]
)
def test_something_has_to_answer_at_the_final_address(pa: int, works: bool) -> None:
    verdict = verdict_of("rwad", Access.LOAD, pa=pa)
    assert verdict.works is works
    if not works:
        assert (verdict.cause, verdict.rule) == (5, f"pa {pa:#x}: nothing answers there")


@pytest.mark.parametrize("access", list(Access))
def test_a_walk_that_ends_early_decides_alone(access: Access) -> None:
    target, builder = make_space()
    rules = TranslationRules()
    not_mapped = walk(target, SV39, builder.root_pa, VA, rules)
    no_table = walk(target, SV39, RAM.end, VA, rules)
    for walked, cause in ((not_mapped, access.page_fault), (no_table, access.access_fault)):
        verdict = judge(target, walked, access, Privilege.U, rules)
        assert (verdict.cause, verdict.pa, verdict.rule) == (cause, None, walked.rule)


def test_an_unknown_table_makes_an_unknown_verdict() -> None:
    target, builder = make_space()
    target.not_captured.add(builder.root_pa)
    verdict = judge(
        target,
        walk(target, SV39, builder.root_pa, VA, TranslationRules()),
        Access.LOAD,
        Privilege.S,
        TranslationRules(),
    )
    assert (verdict.is_known, verdict.works, verdict.cause, verdict.pa) == (False, False, None, None)


def test_without_translation_pmp_and_memory_still_decide() -> None:
    target = FakeTarget()
    barring = TranslationRules(pmp=(PmpEntry(0, 0x18, 0, PA, PA + 4096),))
    for rules, pa, cause in (
        (TranslationRules(), PA, None),
        (TranslationRules(), RAM.end, 7),
        (barring, PA, 7),
    ):
        walked = walk(target, BARE, 0, pa, rules)
        assert judge(target, walked, Access.STORE, Privilege.S, rules).cause == cause
    walked = walk(target, BARE, 0, PA, barring)
    assert judge(target, walked, Access.STORE, Privilege.M, barring).works


def test_superpages_name_their_level() -> None:
    target, builder = make_space()
    builder.set_pte(VA, pte_value(0x8000_0000, "r"), 2)
    walked = walk(target, SV39, builder.root_pa, VA, TranslationRules())
    assert judge(target, walked, Access.STORE, Privilege.S, TranslationRules()).rule == "the level-2 PTE has W=0"
