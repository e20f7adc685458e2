"""The comparison: what our walk and verdict say of a case, what QEMU's MMU did with it, and where the two differ.

A disagreement is a bug of ours unless it is one of `DEVIATIONS`: the places where a version of QEMU is known to
depart from the specification, each with its reason. Those are counted and reported like everything else.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from itertools import islice, repeat

from gdbext.errors import NoMemory
from gdbext.riscv.csrs import MENVCFG_ADUE, MENVCFG_PBMTE, Satp
from gdbext.riscv.paging import PAGE_SIZE, PTE_SIZE
from gdbext.riscv.pmp import PmpEntry, check_pmp, decode_pmp
from gdbext.riscv.pte import PBMT, PERMISSIONS, RESERVED, A, D, N, Pte, is_aligned_superpage
from gdbext.riscv.rules import AdUpdate, TranslationRules
from gdbext.riscv.traps import Access, Privilege
from gdbext.tables.verdict import Verdict, describe_barred, judge
from gdbext.tables.walk import Outcome, Walk, describe_reserved, walk
from tests.mmu_probe.cases import iter_cases
from tests.mmu_probe.driver import (
    ALLOW_ALL,
    ARENA_PA,
    GUARDS,
    ILLEGAL_INSTRUCTION,
    PMP_ENTRIES,
    RAM_BASE,
    RAM_END_PA,
    ROUTINES_PA,
    TABLES_PA,
    Case,
    Features,
    Observation,
    PmpPair,
    Probe,
    ProbeAccess,
    build_guest,
    parse_version,
    read_version,
    routine_offset,
    slot_content,
)

INSTRUCTION_SIZE = 4
ACCESSES = {
    ProbeAccess.LOAD: Access.LOAD,
    ProbeAccess.STORE: Access.STORE,
    ProbeAccess.AMO: Access.STORE,
    ProbeAccess.FETCH: Access.FETCH,
}
BATCH = 8192
SHARD = 25_000
SHOWN_DISAGREEMENTS = 10


@dataclass(frozen=True)
class Deviation:
    """Where some versions of QEMU depart from the specification. `predict` says what they answer instead.

    A deviating case is thus checked as strictly as any other.
    """

    name: str
    reason: str
    is_on: Callable[[tuple[int, ...], Machine], bool]


def is_before_10(version: tuple[int, ...], machine: Machine) -> bool:
    return version < (10,)


def is_always(version: tuple[int, ...], machine: Machine) -> bool:
    return True


def has_page_extensions_before_10(version: tuple[int, ...], machine: Machine) -> bool:
    return version < (10,) and (machine.svnapot or machine.svpbmt)


AMO_BEGINS_WITH_LOAD = Deviation(
    "AMO begins with a load",
    "an AMO is translated for its load first and then for its store, so that the load's fault comes first "
    "and the A bit that it set stays when the store fails; the specification asks for one translation "
    "(seen in 7.2 and 10.0)",
    is_always,
)
AMO_FAULTS_AS_LOAD = Deviation(
    "AMO faults as a load",
    "the load of an AMO raises a load's exceptions; the specification has AMOs raise store/AMO exceptions "
    "only (seen in 7.2, not in 10.0)",
    is_before_10,
)
ABSENT_TABLE_IS_PAGE_FAULT = Deviation(
    "absent table is page fault",
    "a PTE that cannot be read from memory ends the walk as an invalid PTE does; the specification asks "
    "for an access fault (seen in 7.2 and 10.0)",
    is_always,
)
AD_UPDATE_IGNORES_PMP = Deviation(
    "A/D update ignores PMP",
    "the hardware sets A and D in a PTE that PMP lets it read but not write; the specification asks for "
    "an access fault (seen in 7.2 and 10.0)",
    is_always,
)
MPRV_SHARES_TLB = Deviation(
    "MPRV shares M-mode's TLB",
    "an access under MPRV to the page that M-mode is running from is answered by M-mode's cached "
    "translation of that page, without any check (seen in 7.2, not in 10.0)",
    is_before_10,
)
RESERVED_BITS_IGNORED = Deviation(
    "reserved bits ignored",
    "with Svnapot or Svpbmt, bits 60-54 of a PTE are not looked at; the specification asks for a page "
    "fault where one is set (seen in 7.2, not in 10.0)",
    has_page_extensions_before_10,
)
PBMTE_IGNORED = Deviation(
    "menvcfg.PBMTE ignored",
    "a hart with Svpbmt accepts PBMT also while menvcfg.PBMTE=0, which the specification makes a reserved "
    "encoding (seen in 7.2, not in 10.0)",
    is_before_10,
)
PBMT_3_ACCEPTED = Deviation(
    "PBMT=3 accepted",
    "with Svpbmt a leaf may have any PBMT; the specification reserves 3 and asks for a page fault (seen "
    "in 7.2 and 10.0)",
    is_always,
)
ILLEGAL_NAPOT_SETS_AD = Deviation(
    "illegal NAPOT sets A and D",
    "whether a leaf with N=1 is a legal 64K page is looked at last, after A and D were set in it (seen in "
    "7.2 and 10.0)",
    is_always,
)
# The frequent ones first: they are tried in this order.
DEVIATIONS = (
    ABSENT_TABLE_IS_PAGE_FAULT,
    AMO_FAULTS_AS_LOAD,
    AMO_BEGINS_WITH_LOAD,
    RESERVED_BITS_IGNORED,
    PBMTE_IGNORED,
    AD_UPDATE_IGNORES_PMP,
    ILLEGAL_NAPOT_SETS_AD,
    PBMT_3_ACCEPTED,
    MPRV_SHARES_TLB,
)


@dataclass(frozen=True)
class Machine:
    """A QEMU with a CPU model, and what that model is documented to have."""

    name: str
    cpu: str
    svnapot: bool
    svpbmt: bool
    svade: bool
    svadu: bool

    def rules(self, case: Case, features: Features, pbmte_ignored: bool = False) -> TranslationRules:
        """What the hart must do with the case, by its extensions and menvcfg."""
        has_pbmte = bool((features.menvcfg_mask or 0) & MENVCFG_PBMTE) and not pbmte_ignored
        pbmt_on = self.svpbmt and (not has_pbmte or bool(case.menvcfg & MENVCFG_PBMTE))
        updates = bool(case.menvcfg & MENVCFG_ADUE) if self.svadu else not self.svade
        ad_update = AdUpdate.HARDWARE if updates else AdUpdate.FAULT
        return TranslationRules(ad_update, self.svnapot, pbmt_on, decode_entries(case.pmp))


@lru_cache(maxsize=64)
def decode_entries(pmp: tuple[PmpPair, ...]) -> tuple[PmpEntry, ...]:
    """The guards and the case's own entries, as our code reads them out of the registers."""
    pairs = (*GUARDS, *pmp)
    csrs = {f"pmpcfg{number}": 0 for number in range(0, PMP_ENTRIES // 4, 2)}
    for number, (cfg, pmpaddr) in enumerate(pairs):
        csrs[f"pmpcfg{number // 8 * 2}"] |= cfg << number % 8 * 8
        csrs[f"pmpaddr{number}"] = pmpaddr
    return decode_pmp(csrs)


class CaseMemory:
    """Physical memory as a case finds it: its pokes, the arena's pattern, zeros, and nothing outside RAM."""

    def __init__(self, case: Case, ignored: Callable[[int], int]) -> None:
        self.words = dict(case.pokes)
        self._ignored = ignored

    def read_pte(self, pte_pa: int) -> int:
        """The PTE as the hart understands it."""
        self.check_final(pte_pa)
        word = self.words.get(pte_pa)
        if word is None:
            word = slot_content(pte_pa) if pte_pa >= ARENA_PA else 0
        return word & ~self._ignored(word)

    def check_final(self, pa: int) -> None:
        if not RAM_BASE <= pa < RAM_END_PA:
            raise NoMemory(pa, PTE_SIZE, "outside RAM")

    def set_accessed(self, pte_pa: int, access: Access) -> None:
        """What the hardware writes into a leaf to set A and D; the arena holds no leaf that gets so far."""
        if pte_pa in self.words:
            self.words[pte_pa] |= accessed_bits(access)


def accessed_bits(access: Access) -> int:
    """A, and D for a store."""
    return A | D if access is Access.STORE else A


@dataclass(frozen=True)
class Prediction:
    """What we say of a case.

    `verdict` is of the access that comes to an end: the case's own, or, with `is_routine`, the fetch of the routine
    that should have made it and already fails (or lands in the arena). `words` is memory afterwards, and `optional`
    bits of the word at `optional_pa` may be set or not.
    """

    walked: Walk
    verdict: Verdict
    is_routine: bool
    words: dict[int, int]
    optional_pa: int | None
    optional: int


def predict(case: Case, satp_value: int, rules: TranslationRules, deviations: Collection[Deviation] = ()) -> Prediction:
    """Our walk and verdict for a case, with the satp that is in force and what the hart is known to do differently."""
    satp = Satp(satp_value)
    mode = satp.mode
    assert mode is not None, "the hart accepted a mode that the specification reserves"

    def ignored_bits(pte: int) -> int:
        bits = RESERVED if RESERVED_BITS_IGNORED in deviations else 0
        if PBMT_3_ACCEPTED in deviations and rules.svpbmt and pte & PBMT == PBMT and pte & PERMISSIONS:
            bits |= PBMT
        return bits

    memory = CaseMemory(case, ignored_bits)

    def look(va: int, access: Access, size: int) -> tuple[Walk, Verdict]:
        walked = walk(memory, mode, satp.root_pa, va, rules)
        judged = walked
        if AD_UPDATE_IGNORES_PMP in deviations and rules.ad_update is AdUpdate.HARDWARE:
            judged = with_accessed(walked)
        status = {"sum_bit": case.sum_bit, "mxr": case.mxr}
        verdict = judge(memory, judged, access, case.privilege, rules, size=size, **status)
        if ABSENT_TABLE_IS_PAGE_FAULT in deviations and is_absent_table(walked, rules):
            verdict = replace(verdict, cause=access.page_fault)
        if ILLEGAL_NAPOT_SETS_AD in deviations and is_illegal_napot_only(walked, access, case, rules):
            memory.set_accessed(walked.steps[-1].pte_pa, access)
        if verdict.works and walked.outcome is Outcome.LEAF:
            memory.set_accessed(walked.leaf.pte_pa, access)
        return walked, verdict

    is_fetch = case.access is ProbeAccess.FETCH
    if not is_fetch and not case.mprv:
        walked, verdict = look(case.routine_entry_va, Access.FETCH, INSTRUCTION_SIZE)
        if verdict.pa != ROUTINES_PA + routine_offset(case.access, case.width):
            return conclude(walked, verdict, True, memory)
    due = ACCESSES[case.access]
    faults_as_load = AMO_FAULTS_AS_LOAD in deviations
    if case.access is ProbeAccess.AMO and (faults_as_load or AMO_BEGINS_WITH_LOAD in deviations):
        walked, verdict = look(case.va, Access.LOAD, case.width)
        if not verdict.works:
            said = conclude(walked, verdict, False, memory)
            return said if faults_as_load else replace(said, verdict=as_store_fault(verdict))
    walked, verdict = look(case.va, due, INSTRUCTION_SIZE if is_fetch else case.width)
    if case.mprv and case.va & ~(PAGE_SIZE - 1) == ROUTINES_PA and MPRV_SHARES_TLB in deviations:
        verdict = replace(verdict, pa=case.va, cause=None)
    return conclude(walked, verdict, False, memory)


def conclude(walked: Walk, verdict: Verdict, is_routine: bool, memory: CaseMemory) -> Prediction:
    """The prediction for a case that ends with `verdict`.

    Where PMP or the memory map bar the final access, the specification leaves open whether A and D are set before.
    """
    is_optional = walked.outcome is Outcome.LEAF and verdict.cause == verdict.access.access_fault
    optional_pa = walked.leaf.pte_pa if is_optional else None
    return Prediction(walked, verdict, is_routine, memory.words, optional_pa, accessed_bits(verdict.access))


def as_store_fault(verdict: Verdict) -> Verdict:
    """The same fault, raised as a store's."""
    cause = Access.STORE.page_fault if verdict.cause == Access.LOAD.page_fault else Access.STORE.access_fault
    return replace(verdict, access=Access.STORE, cause=cause)


def is_illegal_napot_only(walked: Walk, access: Access, case: Case, rules: TranslationRules) -> bool:
    """Whether a walk ended at a leaf with nothing wrong but N=1, and the access would else have set A and D in it."""
    pte = walked.steps[-1].pte if walked.steps else None
    if walked.outcome is not Outcome.RESERVED or pte is None or not (rules.svnapot and pte.is_napot and pte.is_leaf):
        return False
    level = walked.steps[-1].level
    plain = Pte(pte.value & ~N)
    if describe_reserved(plain, level, rules) or not is_aligned_superpage(plain, level):
        return False
    if describe_barred(plain, access, case.privilege, case.sum_bit, case.mxr):
        return False
    return rules.ad_update is AdUpdate.HARDWARE


def with_accessed(walked: Walk) -> Walk:
    """The walk as if the leaf had A and D set already."""
    if walked.outcome is not Outcome.LEAF:
        return walked
    leaf = replace(walked.leaf, pte=Pte(walked.pte.value | A | D))
    return replace(walked, steps=(*walked.steps[:-1], leaf))


def is_absent_table(walked: Walk, rules: TranslationRules) -> bool:
    """Whether a walk ended at a table outside memory that PMP would have let the hart read."""
    if walked.outcome is not Outcome.NO_TABLE_MEMORY:
        return False
    return check_pmp(rules.pmp, walked.steps[-1].pte_pa, PTE_SIZE, Access.LOAD, Privilege.S).allowed


def describe_disagreement(case: Case, said: Prediction, seen: Observation) -> str | None:
    """In what the observation differs from the prediction; None where they agree."""
    if said.verdict.cause is not None:
        wrong = describe_wrong_fault(case, said, seen)
    elif said.verdict.access is Access.FETCH:
        wrong = describe_wrong_fetch(case, said, seen)
    elif seen.cause is not None:
        wrong = f"cause {seen.cause}, none expected"
    elif case.access is ProbeAccess.LOAD:
        wrong = describe_wrong_value(case, said, seen)
    elif seen.answered_pa != said.verdict.pa:
        wrong = f"stored at {seen.answered_pa}, not {said.verdict.pa:#x}"
    else:
        wrong = describe_wrong_value(case, said, seen) if case.access is ProbeAccess.AMO else None
    return wrong or describe_wrong_words(case, said, seen)


def failing_va(case: Case, said: Prediction) -> int:
    """The va of the access that a prediction speaks of."""
    return case.routine_entry_va if said.is_routine else case.va


def describe_wrong_fault(case: Case, said: Prediction, seen: Observation) -> str | None:
    """Whether the predicted fault came, with the address that failed."""
    va = failing_va(case, said)
    if seen.cause != said.verdict.cause:
        return f"cause {seen.cause}, not {said.verdict.cause}"
    if seen.tval != va:
        return f"tval {seen.tval:#x}, not {va:#x}"
    if said.verdict.access is Access.FETCH and seen.epc != va:
        return f"epc {seen.epc:#x}, not {va:#x}"
    return None


def describe_wrong_fetch(case: Case, said: Prediction, seen: Observation) -> str | None:
    """Whether the first instruction at the va was fetched, and from the predicted page.

    The second one may still be barred by a PMP border between the two.
    """
    va, pa = failing_va(case, said), said.verdict.pa
    assert pa is not None
    if pa < ARENA_PA:
        # What ran there is anybody's guess; that it was fetched shows in that no fetch of va failed.
        failed = seen.cause in (Access.FETCH.page_fault, Access.FETCH.access_fault) and seen.epc == va
        return f"cause {seen.cause}, none expected" if failed else None
    second_failed = seen.cause == Access.FETCH.access_fault and seen.epc == va + INSTRUCTION_SIZE
    if seen.cause not in (None, ILLEGAL_INSTRUCTION) and not second_failed:
        return f"cause {seen.cause}, none expected"
    page = seen.value & 0xFFFF_F000
    if page != pa & ~(PAGE_SIZE - 1):
        return f"page {page:#x} was fetched from, not that of {pa:#x}"
    return None


def describe_wrong_value(case: Case, said: Prediction, seen: Observation) -> str | None:
    """Whether a load or AMO got what memory holds at the predicted pa, which in the arena tells the page."""
    pa = said.verdict.pa
    assert pa is not None
    if pa < TABLES_PA:
        return None
    slot = pa & ~(PTE_SIZE - 1)
    word = said.words.get(slot, slot_content(slot) if slot >= ARENA_PA else 0)
    mask = (1 << 8 * case.width) - 1
    expected = word >> 8 * (pa - slot) & mask
    if seen.value & mask != expected:
        return f"loaded {seen.value & mask:#x} (of {seen.answered_pa}), not {expected:#x} of {pa:#x}"
    return None


def describe_wrong_words(case: Case, said: Prediction, seen: Observation) -> str | None:
    """Whether the PTEs afterwards are as predicted: A and D set on the leaf where we stopped, and nothing else."""
    stored = None if said.verdict.pa is None else said.verdict.pa & ~(PTE_SIZE - 1)
    for (pa, _), after in zip(case.pokes, seen.poked, strict=True):
        optional = said.optional if pa == said.optional_pa else 0
        if after | optional == said.words[pa] | optional:
            continue
        if stored == pa and case.access in (ProbeAccess.STORE, ProbeAccess.AMO):
            continue
        return f"the word at {pa:#x} is {after:#x} afterwards, not {said.words[pa]:#x}"
    return None


@dataclass(frozen=True)
class Disagreement:
    """A case on which we and QEMU differ, and in what."""

    case: Case
    said: Prediction
    seen: Observation
    text: str

    def describe(self) -> str:
        """The case as an expression to paste, what we said and what the hart did."""
        arguments = [
            f"    {spec.name}={describe_argument(getattr(self.case, spec.name))},"
            for spec in fields(Case)
            if getattr(self.case, spec.name) != spec.default
        ]
        steps = [
            f"    # L{step.level}[{step.index}] @{step.pte_pa:#x} = {'?' if step.pte is None else hex(step.pte.value)}"
            for step in self.said.walked.steps
        ]
        verdict, seen = self.said.verdict, self.seen
        answer = f"cause {verdict.cause}" if verdict.pa is None else f"pa {verdict.pa:#x}"
        subject = "we, of the fetch of the routine" if self.said.is_routine else "we"
        lines = [f"QEMU: {self.text}", "Case(", *arguments, ")", *steps]
        lines.append(f"    # {subject}: {answer}; {verdict.rule}")
        lines.append(
            f"    # QEMU: cause {seen.cause} tval {seen.tval:#x} epc {seen.epc:#x} value {seen.value:#x} "
            f"satp {seen.satp:#x} answered {describe_argument(seen.answered_pa)} poked {describe_argument(seen.poked)}"
        )
        return "\n".join(lines)


def describe_argument(value: object) -> str:
    """A value as Python source, numbers in hex."""
    if isinstance(value, Privilege | ProbeAccess):
        return f"{type(value).__name__}.{value.name}"
    if isinstance(value, bool) or not isinstance(value, int | tuple):
        return repr(value)
    if isinstance(value, int):
        return hex(value)
    return "(" + "".join(f"{describe_argument(part)}, " for part in value).rstrip() + ")"


@dataclass
class Report:
    """What a run saw. `outcomes` counts the predictions by what decided; `deviations` by name.

    `spoiled` cases agreed only when they were asked again by themselves; see `is_spoiled`.
    """

    cases: int = 0
    spoiled: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    deviations: Counter[str] = field(default_factory=Counter)
    disagreements: list[Disagreement] = field(default_factory=list)

    def add(self, other: Report) -> None:
        """Take in what another run saw."""
        self.cases += other.cases
        self.spoiled += other.spoiled
        self.outcomes += other.outcomes
        self.deviations += other.deviations
        self.disagreements += other.disagreements

    def describe(self) -> str:
        """Counts a line each, then the first disagreements in a form to paste."""
        lines = [f"{self.cases} cases, {len(self.disagreements)} disagreements"]
        lines += [f"  {count:8}  {name}" for name, count in sorted(self.outcomes.items())]
        lines += [f"  {count:8}  known deviation: {name}" for name, count in sorted(self.deviations.items())]
        if self.spoiled:
            lines.append(
                f"  {self.spoiled:8}  spoiled by an earlier case's A or D in the arena, right when asked again"
            )
        lines += ["\n" + found.describe() for found in self.disagreements[:SHOWN_DISAGREEMENTS]]
        return "\n".join(lines)


def possible_deviations(probe: Probe, machine: Machine) -> list[Deviation]:
    """The deviations that are known of this version of QEMU with this CPU model."""
    version = parse_version(probe.features.qemu_version)
    return [deviation for deviation in DEVIATIONS if deviation.is_on(version, machine)]


def find_deviations(probe: Probe, machine: Machine, case: Case, seen: Observation) -> list[str] | None:
    """The deviations by which QEMU came to what was seen: one if that will do, else those it takes together.

    None if they do not explain it.
    """

    def expect(deviations: Collection[Deviation]) -> Prediction:
        return predict(case, seen.satp, machine.rules(case, probe.features, PBMTE_IGNORED in deviations), deviations)

    possible = possible_deviations(probe, machine)
    for deviation in possible:
        if describe_disagreement(case, expect([deviation]), seen) is None:
            return [deviation.name]
    said = expect(possible)
    if describe_disagreement(case, said, seen):
        return None
    others = {deviation: [other for other in possible if other is not deviation] for deviation in possible}
    return [deviation.name for deviation in possible if expect(others[deviation]) != said]


def run_oracle(probe: Probe, machine: Machine, seed: str, count: int) -> Report:
    """Ask the probe and our walk about `count` random cases."""
    report = Report()
    source = iter_cases(seed, probe.features)
    while report.cases < count:
        cases = list(islice(source, min(BATCH, count - report.cases)))
        for case, seen in zip(cases, run_settled(probe, cases), strict=True):
            said = predict(case, seen.satp, machine.rules(case, probe.features))
            report.outcomes[describe_outcome(said)] += 1
            text = describe_disagreement(case, said, seen)
            if text is None:
                continue
            names = find_deviations(probe, machine, case, seen)
            if names is not None:
                report.deviations.update(names)
            elif is_spoiled(probe, machine, case):
                report.spoiled += 1
            else:
                report.disagreements.append(Disagreement(case, said, seen, text))
        report.cases += len(cases)
    shown = report.disagreements[:SHOWN_DISAGREEMENTS]
    report.disagreements[:SHOWN_DISAGREEMENTS] = [shrink(probe, machine, found) for found in shown]
    return report


def is_spoiled(probe: Probe, machine: Machine, case: Case) -> bool:
    """Whether a disagreement came from what an earlier case of its batch left in the arena.

    That can only be where the hart overlooks the reserved bit of the arena's words, and sets A or D in one of them. The
    guest mends the arena between batches, so the case is asked again as a batch of its own.
    """
    if RESERVED_BITS_IGNORED not in possible_deviations(probe, machine):
        return False
    seen = run_settled(probe, [case])[0]
    said = predict(case, seen.satp, machine.rules(case, probe.features))
    if describe_disagreement(case, said, seen) is None:
        return True
    return find_deviations(probe, machine, case, seen) is not None


def run_settled(probe: Probe, cases: Sequence[Case]) -> list[Observation]:
    """The observations; a case that the timer interrupted (a busy host can do that) is asked once more."""
    observations = probe.run(cases)
    for index, observation in enumerate(observations):
        if observation.ran_away:
            observations[index] = probe.run([cases[index]])[0]
    return observations


def describe_outcome(said: Prediction) -> str:
    """What decided a case, for the count: the end of the walk, and the answer."""
    verdict = said.verdict
    if verdict.works:
        answer = "answered"
    else:
        answer = "page fault" if verdict.cause == verdict.access.page_fault else "access fault"
    return f"{said.walked.outcome.value}; {answer}"


def shrink(probe: Probe, machine: Machine, found: Disagreement) -> Disagreement:
    """The same disagreement with everything left out of the case that it does not need."""
    for case in iter_simpler(found.case):
        seen = run_settled(probe, [case])[0]
        said = predict(case, seen.satp, machine.rules(case, probe.features))
        text = describe_disagreement(case, said, seen)
        is_same = text is not None and text.startswith(found.text.split(maxsplit=1)[0])
        if text is not None and is_same and find_deviations(probe, machine, case, seen) is None:
            return shrink(probe, machine, Disagreement(case, said, seen, text))
    return found


def iter_simpler(case: Case) -> Iterator[Case]:
    """The case with one thing less, each thing in turn."""
    for index in range(len(case.pokes)):
        yield replace(case, pokes=case.pokes[:index] + case.pokes[index + 1 :])
    if case.pmp != (ALLOW_ALL,):
        yield replace(case, pmp=(ALLOW_ALL,))
        for index in range(len(case.pmp)):
            yield replace(case, pmp=case.pmp[:index] + case.pmp[index + 1 :])
    if case.sum_bit:
        yield replace(case, sum_bit=False)
    if case.mxr:
        yield replace(case, mxr=False)
    if not case.mprv and case.access is not ProbeAccess.FETCH:
        yield replace(case, mprv=True, routine_va=ROUTINES_PA)
    if case.menvcfg:
        yield replace(case, menvcfg=0)


MACHINES_BEFORE_SVADU = (
    Machine("plain", "rv64", svnapot=False, svpbmt=False, svade=False, svadu=False),
    Machine("extended", "rv64,svnapot=on,svpbmt=on", svnapot=True, svpbmt=True, svade=False, svadu=False),
)
MACHINES = (
    Machine("plain", "rv64,svade=off,svadu=off", svnapot=False, svpbmt=False, svade=False, svadu=False),
    Machine("svade", "rv64,svade=on,svadu=off", svnapot=False, svpbmt=False, svade=True, svadu=False),
    Machine("svadu", "rv64,svnapot=on,svpbmt=on,svade=on,svadu=on", svnapot=True, svpbmt=True, svade=True, svadu=True),
    Machine("max", "max", svnapot=True, svpbmt=True, svade=True, svadu=True),
)


def machines_of(qemu: str) -> tuple[Machine, ...]:
    """The CPU models that the oracle asks of a QEMU: every choice of extensions that it offers."""
    return MACHINES_BEFORE_SVADU if parse_version(read_version(qemu)) < (8,) else MACHINES


def run_shard(qemu: str, machine: Machine, seed: str, count: int) -> Report:
    """One QEMU of its own, and its share of the cases."""
    with Probe(qemu, machine.cpu) as probe:
        return run_oracle(probe, machine, seed, count)


def iter_reports(qemu: str, machine: Machine, seed: str, count: int, jobs: int | None = None) -> Iterator[Report]:
    """The reports of `count` cases, in shards that run side by side; the shards depend on `seed` and `count` alone."""
    build_guest()
    counts = [min(SHARD, count - start) for start in range(0, count, SHARD)]
    with ProcessPoolExecutor(jobs or len(os.sched_getaffinity(0))) as pool:
        yield from pool.map(
            run_shard,
            repeat(qemu),
            repeat(machine),
            [f"{seed}/{machine.name}/{shard}" for shard in range(len(counts))],
            counts,
        )


def ask_oracle(qemu: str, machine: Machine, seed: str, count: int, jobs: int | None = None) -> Report:
    """The report of `count` cases."""
    report = Report()
    for part in iter_reports(qemu, machine, seed, count, jobs):
        report.add(part)
    return report
