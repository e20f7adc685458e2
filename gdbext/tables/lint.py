"""The whole tree judged: what always faults, what is dangerous, what is odd.

Bounded for any memory at all: a table is judged once a level however many PTEs point to it, a cycle is not entered, and
of each rule so many findings are kept; the others are counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from itertools import groupby, permutations
from operator import itemgetter

from gdbext.errors import NoMemory, UnreadableMemory
from gdbext.riscv.paging import PAGE_SIZE, PTE_SIZE
from gdbext.riscv.pmp import check_pmp
from gdbext.riscv.pte import NAPOT_SIZE, PBMT, PBMT_NAMES, A, D, N, Pte, R, U, W, X, describe_map_flags
from gdbext.riscv.traps import Access, Privilege
from gdbext.tables.pages import MISALIGNED_SUPERPAGE, POINTER_AT_LEVEL_0, TablePage, TablePages, Visit, iter_visits
from gdbext.tables.scan import DecodedTable, Run, TableReader, UnreadableTable, append_run
from gdbext.tables.tree import RowKind, decode_rows
from gdbext.tables.walk import walk
from gdbext.target.base import PageTableRegion, Target

MAX_FINDINGS_PER_RULE = 1000


class Severity(Enum):
    """How bad: the hardware faults or protection fails; it may well be a mistake; it is good to know."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True)
class Rule:
    """One thing that lint looks for."""

    name: str
    severity: Severity
    what: str


RULES = {
    rule.name: rule
    for rule in (
        Rule("reserved-encoding", Severity.ERROR, "a valid PTE whose encoding is reserved: every access faults"),
        Rule("pointer-at-level-0", Severity.ERROR, "a level-0 PTE with R=W=X=0: every access faults"),
        Rule("misaligned-superpage", Severity.ERROR, "a superpage whose low PPN bits are not 0: every access faults"),
        Rule(
            "table-outside-ram", Severity.ERROR, "a table where there is no RAM: every access ends in an access fault"
        ),
        Rule("table-barred", Severity.ERROR, "a table that PMP does not let the hart read"),
        Rule("table-cycle", Severity.ERROR, "a PTE that points to a table on the way to it"),
        Rule("user-writable-table", Severity.ERROR, "a page-table page that user mode can write"),
        Rule(
            "kernel-executes-user-writable", Severity.ERROR, "memory that user mode writes and supervisor mode executes"
        ),
        Rule("writable-executable", Severity.WARNING, "a page both W and X"),
        Rule(
            "alias-writable-executable", Severity.WARNING, "memory that is W through one mapping and X through another"
        ),
        Rule("kernel-executes-user-page", Severity.WARNING, "memory that user mode reads and supervisor mode executes"),
        Rule("alias-memory-type", Severity.WARNING, "memory that is mapped with different PBMT"),
        Rule("table-shared", Severity.WARNING, "a table that several PTEs point to"),
        Rule("napot-uneven", Severity.WARNING, "a 64K NAPOT page whose 16 PTEs are not alike: the hart may take any"),
        Rule("root-not-mapped", Severity.WARNING, "a root table in the page-table region that the kernel cannot edit"),
        Rule(
            "table-not-mapped", Severity.NOTE, "a page-table page that is not mapped writable: editing it from S faults"
        ),
        Rule("page-nowhere", Severity.NOTE, "a page mapped to a pa at which nothing answers"),
        Rule("alias-permissions", Severity.NOTE, "memory that is mapped with different permissions"),
    )
}


RULE_OF_INVALID = {POINTER_AT_LEVEL_0: "pointer-at-level-0", MISALIGNED_SUPERPAGE: "misaligned-superpage"}

# The ways to map the same memory that make a difference.
ALIAS_BITS = R | W | X | U | PBMT


def _is_kernel_code(attributes: int) -> bool:
    return bool(attributes & X) and not attributes & U


# Which two ways of mapping the same memory break which rule, the gravest first.
ALIAS_RULES: tuple[tuple[str, Callable[[int, int], bool]], ...] = (
    ("kernel-executes-user-writable", lambda a, b: bool(a & U and a & W) and _is_kernel_code(b)),
    ("alias-writable-executable", lambda a, b: a & (W | X) == W and b & (W | X) == X),
    ("kernel-executes-user-page", lambda a, b: bool(a & U) and _is_kernel_code(b)),
    ("alias-memory-type", lambda a, b: a & PBMT != b & PBMT),
    ("alias-permissions", lambda a, b: a != b),
)


@dataclass(frozen=True)
class Finding:
    """A rule broken at [va, va + size). `pte` is the raw value of the first PTE concerned; none for satp's root."""

    rule: Rule
    va: int
    size: int
    pte_pa: int | None
    pte: int | None
    text: str


@dataclass
class Report:
    """What lint found. `counts` has, for each rule broken, how often; `findings` has at most so many of each rule."""

    findings: list[Finding] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    unreadable: list[UnreadableTable] = field(default_factory=list)
    table_count: int = 0

    def count(self, severity: Severity) -> int:
        return sum(number for name, number in self.counts.items() if RULES[name].severity is severity)


def lint(target: Target, reader: TableReader, root_pa: int) -> Report:
    """Judge everything below a root table."""
    return _Linter(target, reader, root_pa).judge()


class _Linter:
    def __init__(self, target: Target, reader: TableReader, root_pa: int) -> None:
        self.reader = reader
        self.mode = reader.mode
        self.root_pa = root_pa
        self.region: PageTableRegion | None = target.page_table_region()
        regions = target.memory_regions()
        self.regions = None if regions is None else [(region.start, region.end) for region in regions]
        self.report = Report()
        self.tables = TablePages()
        self.cycles: dict[int, list[Visit]] = {}
        self.runs: list[Run] = []

    def judge(self) -> Report:
        for visit in iter_visits(self.reader, self.root_pa, enter_cycles=False):
            if visit.error is not None:
                self.judge_unreadable(visit, visit.error)
            elif visit.is_cycle:
                self.cycles.setdefault(visit.pa, []).append(visit)
            else:
                self.tables.add(visit)
                if visit.decoded is not None:
                    self.judge_table(visit, visit.decoded)
        self.report.table_count = len(self.tables.pages)
        self.judge_cycles()
        self.tables.find_mappings(sorted(self.runs))
        for page in self.tables.pages.values():
            self.judge_page(page)
        self.judge_aliases()
        order = list(Severity)
        self.report.findings.sort(key=lambda finding: (order.index(finding.rule.severity), finding.va))
        return self.report

    def add(self, name: str, va: int, size: int, pte_pa: int | None, text: str) -> None:
        """Keep a finding, as a part of the last one where it continues it."""
        kept = self.report.findings
        if kept and kept[-1].rule.name == name and kept[-1].va + kept[-1].size == va and kept[-1].text == text:
            kept[-1] = replace(kept[-1], size=kept[-1].size + size)
            return
        number = self.report.counts[name] = self.report.counts.get(name, 0) + 1
        if number <= MAX_FINDINGS_PER_RULE:
            pte = None if pte_pa is None else self.reader.read_pte(pte_pa)
            kept.append(Finding(RULES[name], va, size, pte_pa, pte, text))

    def judge_unreadable(self, visit: Visit, error: UnreadableMemory) -> None:
        if isinstance(error, NoMemory):
            text = f"the level-{visit.level} table {visit.pa:#x} is not in RAM: {error.reason}"
            self.add("table-outside-ram", visit.va, self.mode.table_span(visit.level), visit.pte_pa, text)
        else:
            self.report.unreadable.append(UnreadableTable(visit.pa, visit.level, visit.va, error.reason))

    def judge_table(self, visit: Visit, decoded: DecodedTable) -> None:
        """The rules that a table breaks by itself, at its first visit."""
        answer = check_pmp(self.reader.rules.pmp, visit.pa, PAGE_SIZE, Access.LOAD, Privilege.S)
        if not answer.allowed:
            text = f"the level-{visit.level} table {visit.pa:#x} may not be read: {answer.describe()}"
            self.add("table-barred", visit.va, self.mode.table_span(visit.level), visit.pte_pa, text)
        if decoded.invalid:
            for row in decode_rows(self.reader, visit.pa, visit.level, visit.va):
                if row.kind is RowKind.INVALID:
                    name = RULE_OF_INVALID.get(row.note, "reserved-encoding")
                    self.add(name, row.va, row.size, row.pte_pa, f"the level-{row.level} PTE {row.note}")
        napot_runs: list[Run] = []
        for run in decoded.runs:
            va, pa, size, attributes, leaves = run
            append_run(self.runs, run)
            pte_pa = visit.pa + self.mode.vpn(va, visit.level) * PTE_SIZE
            if attributes & W and attributes & X:
                self.add("writable-executable", va, size, pte_pa, "the page is both writable and executable")
            if attributes & N:
                # The hart may set A and D in any one of the PTEs.
                append_run(napot_runs, (va, pa, size, attributes & ~(A | D), leaves))
            if self.regions is not None and not any(start < pa + size and end > pa for start, end in self.regions):
                self.add("page-nowhere", va, size, pte_pa, f"nothing answers at pa {pa:#x}")
        for va, _, size, _, _ in napot_runs:
            if va % NAPOT_SIZE or size % NAPOT_SIZE:
                pte_pa = visit.pa + self.mode.vpn(va, visit.level) * PTE_SIZE
                self.add("napot-uneven", va, size, pte_pa, "the 16 PTEs of a 64K NAPOT page are not alike")

    def judge_cycles(self) -> None:
        for pa, visits in self.cycles.items():
            first, others = visits[0], len(visits) - 1
            text = f"the PTE points back to the table {pa:#x}" + (f", as do {others} more" if others else "")
            self.add("table-cycle", first.va, self.mode.table_span(first.level), first.pte_pa, text)

    def judge_page(self, page: TablePage) -> None:
        """The rules about what points to a table page, and about where it is itself mapped."""
        parent = page.parents[0]
        size = self.mode.table_span(parent.level)
        if len(page.parents) > 1:
            levels = ", ".join(str(level) for level in sorted({p.level for p in page.parents}))
            text = f"{len(page.parents)} PTEs point to the table {page.pa:#x}, which serves level {levels}"
            self.add("table-shared", parent.va, size, parent.pte_pa, text)
        for va, attributes in page.mappings:
            if attributes & U and attributes & W:
                text = f"user mode can write the table {page.pa:#x}"
                self.add("user-writable-table", va, PAGE_SIZE, self.find_pte_pa(va), text)
                break
        if not any(attributes & W for _, attributes in page.mappings):
            how = "not mapped writable" if page.mappings else "not mapped"
            text = f"the level-{parent.level} table {page.pa:#x} is {how}: editing it from S faults"
            is_needed = parent.pte_pa is None and self.region is not None and page.pa in self.region
            self.add("root-not-mapped" if is_needed else "table-not-mapped", parent.va, size, parent.pte_pa, text)

    def judge_aliases(self) -> None:
        for start, end, aliases in iter_aliases(self.runs):
            name, first, second = choose_alias_rule(aliases)
            va, other_va = first[0] + start - first[1], second[0] + start - second[1]
            text = f"pa {start:#x} is {_describe_alias(first)} here and {_describe_alias(second)} at va {other_va:#x}"
            self.add(name, va, end - start, self.find_pte_pa(va), text)

    def find_pte_pa(self, va: int) -> int:
        """Where the leaf PTE of a va that a run covers lies."""
        walked = walk(self.reader, self.mode, self.root_pa, va, replace(self.reader.rules, pmp=()))
        return walked.leaf.pte_pa


def iter_aliases(runs: Iterable[Run]) -> Iterator[tuple[int, int, list[Run]]]:
    """The ranges [start, end) of pa that are mapped in more than one way, with a run for each of the ways.

    Ways differ in R, W, X, U or PBMT. Takes time in proportion to the runs, however many of them overlap.
    """
    overlapping: list[Run] = []
    covered = 0
    for run in sorted(runs, key=itemgetter(1)):
        if run[1] >= covered:
            yield from _iter_cluster(overlapping)
            overlapping = []
        overlapping.append(run)
        covered = max(covered, run[1] + run[2])
    yield from _iter_cluster(overlapping)


def _iter_cluster(runs: list[Run]) -> Iterator[tuple[int, int, list[Run]]]:
    if len({run[3] & ALIAS_BITS for run in runs}) < 2:
        return
    events = [(run[1], True, run) for run in runs] + [(run[1] + run[2], False, run) for run in runs]
    ways: dict[int, dict[Run, None]] = {}
    found: tuple[int, int, list[Run]] | None = None
    start = 0
    for end, group in groupby(sorted(events), key=itemgetter(0)):
        if len(ways) > 1:
            aliases = sorted(next(iter(way)) for way in ways.values())
            if found is not None and found[1] == start and found[2] == aliases:
                found = found[0], end, aliases
            else:
                if found is not None:
                    yield found
                found = start, end, aliases
        start = end
        for _, begins, run in group:
            way = ways.setdefault(run[3] & ALIAS_BITS, {})
            if begins:
                way[run] = None
            else:
                del way[run]
            if not way:
                del ways[run[3] & ALIAS_BITS]
    if found is not None:
        yield found


def choose_alias_rule(aliases: Sequence[Run]) -> tuple[str, Run, Run]:
    """The gravest rule that two of the ways break together, and the two."""
    pairs = list(permutations(aliases, 2))
    for name, is_broken in ALIAS_RULES:
        for first, second in pairs:
            if is_broken(first[3], second[3]):
                return name, first, second
    raise AssertionError("the last of the rules is broken by any two ways")


def _describe_alias(run: Run) -> str:
    pte = Pte(run[3])
    memory_type = f" {PBMT_NAMES[pte.pbmt]}" if pte.pbmt else ""
    return describe_map_flags(run[3])[:4] + memory_type
