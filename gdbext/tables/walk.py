"""The walk: one virtual address through the page tables, in the order of the specification.

Source: RISC-V privileged specification, "Virtual Address Translation Process", whose steps the outcomes name. What
depends on the kind of access (permissions, A and D) is judged in `gdbext.tables.verdict`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from gdbext.errors import NoMemory, NotCaptured
from gdbext.riscv.paging import PTE_SIZE, PagingMode
from gdbext.riscv.pmp import check_pmp
from gdbext.riscv.pte import PBMT, RESERVED, A, D, Pte, R, U, W, is_aligned_superpage, leaf_pa, leaf_reach
from gdbext.riscv.rules import TranslationRules
from gdbext.riscv.traps import Access, Privilege

NAPOT_64K_PATTERN = 0b1000
NAPOT_PPN_BITS = 0b1111


class Outcome(Enum):
    """How a walk ended. The value names the step of the specification's algorithm."""

    BARE = "satp.MODE is Bare: no translation"
    LEAF = "step 5: a leaf PTE"
    NON_CANONICAL = "step 0: the va is not canonical"
    NO_TABLE_MEMORY = "step 2: PMA: no memory where the table should be"
    TABLE_BARRED = "step 2: PMP bars the read of the PTE"
    TABLE_UNKNOWN = "step 2: the file does not hold the table"
    NOT_VALID = "step 3: V=0"
    RESERVED = "step 3: a reserved encoding"
    POINTER_AT_LEVEL_0 = "step 4: a non-leaf PTE at level 0"
    MISALIGNED = "step 6: a misaligned superpage"

    @property
    def is_access_fault(self) -> bool:
        return self in (Outcome.NO_TABLE_MEMORY, Outcome.TABLE_BARRED)

    @property
    def is_translated(self) -> bool:
        return self in (Outcome.BARE, Outcome.LEAF)


@dataclass(frozen=True)
class Step:
    """One level of a walk. `pte` is None where the PTE could not be read."""

    level: int
    index: int
    pte_pa: int
    pte: Pte | None


@dataclass(frozen=True)
class Walk:
    """A walk and its end. `rule` says in words what decided."""

    va: int
    mode: PagingMode
    root_pa: int
    steps: tuple[Step, ...]
    outcome: Outcome
    rule: str

    @property
    def leaf(self) -> Step:
        """The step with the leaf PTE; only for a walk that found one."""
        return self.steps[-1]

    @property
    def pte(self) -> Pte:
        """The leaf PTE; only for a walk that found one."""
        pte = self.leaf.pte
        assert pte is not None
        return pte

    @property
    def pa(self) -> int | None:
        """What the va translates to, whatever the permissions say; None where the walk found no leaf."""
        if self.outcome is Outcome.BARE:
            return self.va
        if self.outcome is Outcome.LEAF:
            return leaf_pa(self.pte, self.va, self.leaf.level, self.mode)
        return None

    @property
    def page_size(self) -> int | None:
        """Bytes mapped by the leaf (64K for a NAPOT page); None where the walk found no leaf."""
        if self.outcome is Outcome.LEAF:
            return leaf_reach(self.pte, self.leaf.level, self.mode)
        return None


class PteReader(Protocol):
    """All that a walk needs of a target."""

    def read_pte(self, pte_pa: int) -> int: ...


def walk(memory: PteReader, mode: PagingMode, root_pa: int, va: int, rules: TranslationRules) -> Walk:
    """Translate `va` under the root table at `root_pa`; reads at most one PTE a level."""

    def end(outcome: Outcome, rule: str) -> Walk:
        return Walk(va, mode, root_pa, tuple(steps), outcome, rule)

    steps: list[Step] = []
    if mode.levels == 0:
        return end(Outcome.BARE, "satp.MODE is Bare: va is pa")
    if not mode.is_canonical(va):
        top = mode.va_bits - 1
        return end(Outcome.NON_CANONICAL, f"the va is not canonical: bits 63-{mode.va_bits} must all equal bit {top}")
    table_pa = root_pa
    for level in mode.iter_levels():
        index = mode.vpn(va, level)
        pte_pa = table_pa + index * PTE_SIZE
        try:
            pte = Pte(memory.read_pte(pte_pa))
        except NoMemory as error:
            steps.append(Step(level, index, pte_pa, None))
            rule = f"the level-{level} table at {table_pa:#x} is not in RAM: {error.reason}"
            return end(Outcome.NO_TABLE_MEMORY, rule)
        except NotCaptured as error:
            steps.append(Step(level, index, pte_pa, None))
            return end(Outcome.TABLE_UNKNOWN, f"the level-{level} table at {table_pa:#x} is not known: {error.reason}")
        steps.append(Step(level, index, pte_pa, pte))
        answer = check_pmp(rules.pmp, pte_pa, PTE_SIZE, Access.LOAD, Privilege.S)
        if not answer.allowed:
            return end(Outcome.TABLE_BARRED, f"the hart may not read the level-{level} PTE: {answer.describe()}")
        if not pte.is_valid:
            return end(Outcome.NOT_VALID, f"the level-{level} PTE has V=0")
        reserved = describe_reserved(pte, level, rules)
        if reserved:
            return end(Outcome.RESERVED, f"the level-{level} PTE {reserved}")
        if pte.is_leaf:
            if not is_aligned_superpage(pte, level):
                rule = f"the level-{level} leaf is misaligned: PPN[{level - 1}:0] of a superpage must be 0"
                return end(Outcome.MISALIGNED, rule if level > 1 else rule.replace("[0:0]", "[0]"))
            return end(Outcome.LEAF, f"leaf at level {level}")
        table_pa = pte.pa
    return end(Outcome.POINTER_AT_LEVEL_0, "the level-0 PTE has R=W=X=0: a pointer has no level below it to point to")


def describe_reserved(pte: Pte, level: int, rules: TranslationRules) -> str | None:
    """Which reserved encoding a valid PTE at `level` holds, in words that follow `the PTE`; None for a legal one.

    A non-leaf PTE at level 0 is not judged here: it is the next step of the algorithm.
    """
    value = pte.value
    text = None
    if value & W and not value & R:
        text = "has W=1 with R=0, which is reserved"
    elif value & RESERVED:
        text = "has a reserved bit of 60-54 set"
    elif value & PBMT and not rules.svpbmt:
        text = "has PBMT bits set, and Svpbmt is off"
    elif pte.is_napot and not rules.svnapot:
        text = "has N=1, and Svnapot is off"
    elif not pte.is_leaf:
        if value & (A | D | U):
            text = "points to a table with A, D or U set, which is reserved"
        elif pte.is_napot:
            text = "points to a table with N=1, which is reserved"
        elif pte.pbmt:
            text = "points to a table with PBMT set, which is reserved"
    elif pte.pbmt == 3:
        text = "has PBMT=3, which is reserved"
    elif pte.is_napot and level > 0:
        text = f"has N=1 at level {level}, which is reserved"
    elif pte.is_napot and pte.ppn & NAPOT_PPN_BITS != NAPOT_64K_PATTERN:
        text = "has N=1 with PPN[3:0] other than 1000: only 64K pages are defined"
    return text
