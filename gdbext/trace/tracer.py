"""The tracer: turns the stops at a trap handler's entry and exit into the records of page faults.

Two stops a fault are enough. At the entry the hart's registers tell what faulted, and the tables are looked at; at the
exit (mret or sret) they are looked at again, and what differs was done in between. Whether the retry worked needs no
third stop: the next trap of the same hart tells, by being the same fault again or not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from gdbext.errors import UnreadableMemory
from gdbext.riscv.csrs import PRIV_MASK, Satp, Status
from gdbext.riscv.instruction import decode_instruction
from gdbext.riscv.paging import BARE, PAGE_SHIFT, PAGE_SIZE, U64_MASK
from gdbext.riscv.pte import PPN_MASK, PPN_SHIFT
from gdbext.riscv.rules import AdUpdate, TranslationRules
from gdbext.riscv.traps import INTERRUPT, PAGE_FAULTS, Access, Privilege, access_of_trap, describe_cause
from gdbext.tables.verdict import Verdict, judge
from gdbext.tables.walk import Outcome, Walk, walk
from gdbext.target.base import PageTableRegion, Target
from gdbext.trace.diagnosis import (
    describe_exhaustion,
    describe_outside,
    describe_recursion,
    describe_region_use,
    diagnose,
    note_oddities,
)
from gdbext.trace.record import AllocatedPage, CodePlace, FaultOutcome, FaultRecord, Frame, Notice, PteWrite
from gdbext.trace.shadow import Change, Difference, NewPage, Shadow

ECALLS = (8, 9, 10, 11)
DEFAULT_PATIENCE = 3
OUTSIDE_EXPLAINED = 16
BACKTRACE_KEPT = 12
BACKTRACE_DEPTH = 1024
SHADOWS_KEPT = 8
ROUNDS_KEPT = 8
PLACES_KEPT = 4096
NO_RULES = TranslationRules()

ReadRegister = Callable[[str], int]
ReadMemory = Callable[[int, int], bytes | None]


@dataclass(frozen=True)
class TrapRegisters:
    """The registers of one privilege level's traps, and where its status register keeps the privilege before."""

    cause: str
    tval: str
    epc: str
    status: str
    tvec: str

    def previous(self, status: int) -> Privilege | int:
        """The privilege that the trap came from (MPP or SPP)."""
        return Status(status).mpp if self.status == "mstatus" else Status(status).spp


TRAP_REGISTERS = {
    Privilege.M: TrapRegisters("mcause", "mtval", "mepc", "mstatus", "mtvec"),
    Privilege.S: TrapRegisters("scause", "stval", "sepc", "sstatus", "stvec"),
}


class Scene(Protocol):
    """What the front tells of the program that runs on the target."""

    def describe_source(self, pc: int) -> str | None:
        """`file:line` of the code at `pc`."""

    def read_backtrace(self, pc: int, limit: int, read: ReadRegister, read_virtual: ReadMemory) -> Sequence[Frame]:
        """At most `limit` frames of the code that trapped at `pc`, innermost first; asked at a handler's entry.

        `read_virtual` reads memory as the trapped code sees it.
        """

    def read_deep_backtrace(self, pc: int, limit: int) -> Sequence[Frame]:
        """The same with the arguments of each frame."""


@dataclass(frozen=True)
class Trap:
    """A trap into a handler at privilege `handler`, from `origin`."""

    hart: int
    handler: Privilege
    origin: int
    cause: int


@dataclass(frozen=True)
class PageFault(Trap):
    """A page fault, as the registers show it at the first instruction of the handler, which is at `entry`."""

    va: int
    pc: int
    satp: Satp
    status: Status
    entry: int
    instructed: Access | None = None

    @property
    def access(self) -> Access:
        access = access_of_trap(self.cause, self.instructed)
        assert access is not None
        return access


@dataclass
class OpenFault:
    """A page fault whose handler has not returned, or whose retry has not been seen.

    `rounds` are the records of the same fault in a row, of which this one is the last.
    """

    trap: PageFault
    record: FaultRecord
    shadow: Shadow
    rounds: list[FaultRecord]
    changes: dict[int, Change] = field(default_factory=dict)
    pages: dict[int, NewPage] = field(default_factory=dict)
    reused: dict[int, str] = field(default_factory=dict)
    overlaps: list[FaultRecord] = field(default_factory=list)
    works_after: bool = False

    def covers(self, change: Change) -> bool:
        """Whether a change has to do with this fault: it is on the va's path, or about a page that came for it."""
        size = self.shadow.mode.page_size(change.level)
        if change.va <= self.record.va < change.va + size:
            return True
        pointed = (change.new & PPN_MASK) >> PPN_SHIFT << PAGE_SHIFT
        return pointed in self.pages or change.table_pa in self.pages


@dataclass
class HartState:
    """The traps that a hart is in, outermost first, and the fault whose retry is awaited."""

    stack: list[Trap | OpenFault] = field(default_factory=list)
    pending: OpenFault | None = None

    @property
    def innermost(self) -> Trap:
        """The trap that the hart handles; only where there is one."""
        last = self.stack[-1]
        return last.trap if isinstance(last, OpenFault) else last

    @property
    def open_faults(self) -> list[OpenFault]:
        return [entry for entry in self.stack if isinstance(entry, OpenFault)]


@dataclass
class Counts:
    """What a trace has seen so far. `other_traps` counts by cause what was no page fault."""

    faults: int = 0
    in_region: int = 0
    outside: int = 0
    pages_allocated: int = 0
    pte_writes: int = 0
    other_traps: dict[int, int] = field(default_factory=dict)


class Tracer:
    """Gets `enter` and `leave` at the stops, and calls `tell` with each record once its outcome is known.

    `halt_reason` says why the run should stop, when it gets nowhere.
    """

    def __init__(
        self,
        target: Target,
        scene: Scene,
        tell: Callable[[FaultRecord], None],
        *,
        table_limit: int,
        window: int = PAGE_SIZE,
        patience: int = DEFAULT_PATIENCE,
    ) -> None:
        self.target = target
        self.scene = scene
        self.tell = tell
        self.table_limit = table_limit
        self.window = window
        self.patience = patience
        self.region: PageTableRegion | None = target.page_table_region()
        self.counts = Counts()
        self.halt_reason = ""
        self._harts: dict[int, HartState] = {}
        self._shadows: dict[int, Shadow] = {}
        self._rules: dict[int, TranslationRules] = {}
        self._places: dict[int, CodePlace] = {}
        self._awaiting_level: dict[int, AllocatedPage] = {}
        self._last_chain: dict[int, FaultRecord] = {}

    # Stops

    def enter(self, hart: int, handler: Privilege, pc: int, read: ReadRegister) -> None:
        """A hart is at the first instruction of a trap handler; `read` reads its registers."""
        names = TRAP_REGISTERS[handler]
        cause = read(names.cause)
        state = self._harts.setdefault(hart, HartState())
        if cause not in PAGE_FAULTS:
            self._enter_other(state, hart, handler, cause, read)
            return
        if read("priv") & PRIV_MASK != handler:
            return  # The same address means other code to a lower privilege level, where it is translated.
        status = read(names.status)
        origin = names.previous(status)
        trap = PageFault(
            hart, handler, origin, cause, read(names.tval), read(names.epc), Satp(read("satp")), Status(status), pc
        )
        if state.stack and state.innermost == trap:
            return  # GDB reports a stop again where a pending interrupt kept QEMU from making the step.
        self._close_abandoned(state, origin)
        state.stack.append(self._open_fault(state, trap, read))

    def leave(self, hart: int, handler: Privilege, pc: int, read: ReadRegister) -> None:
        """A hart is about to execute `mret` or `sret` at `pc`."""
        state = self._harts.get(hart)
        if state is None or not state.stack:
            return
        names = TRAP_REGISTERS[handler]
        epc = read(names.epc)
        if isinstance(state.stack[-1], OpenFault) and state.stack[-1].record.pc == epc:
            origin: int = state.innermost.origin  # Back to the very instruction: one register less to read.
        else:
            origin = names.previous(read(names.status))
        if origin != handler:
            # The hart leaves the handler's level, and with it all that was nested there, if its end was not seen.
            while state.stack and state.innermost.handler is handler and state.innermost.origin == handler:
                self._abandon_innermost(state)
        if not state.stack or state.innermost.handler is not handler:
            return
        if state.innermost.origin != origin and origin == handler:
            return  # The end of a nested trap whose entry has its own address, as in vectored mode.
        entry = state.stack[-1]
        if isinstance(entry, OpenFault):
            self._look(entry.shadow)
        state.stack.pop()
        if isinstance(entry, OpenFault):
            self._finish(state, entry, pc, epc, origin)

    def end_machine(self) -> None:
        """There is no machine any more: what is open ended with it."""
        for state in self._harts.values():
            for fault in state.open_faults:
                self._explain_end(fault)
                fault.record.outcome = FaultOutcome.ENDED
                fault.record.why = "the machine ended before the handler returned"
                self.tell(fault.record)
            state.stack.clear()
            if state.pending is not None:
                self._resolve(state)

    def settle(self, read_pc: Callable[[int], int | None]) -> None:
        """The machine has stopped for another reason: a hart that is past the instruction has retried it."""
        for hart, state in self._harts.items():
            pc = read_pc(hart) if state.pending is not None else None
            if state.pending is not None and not state.stack and pc not in (None, state.pending.record.pc):
                handler_exit = state.pending.record.handler_exit
                if handler_exit is None or pc != handler_exit.pc:
                    self._learn_levels(state.pending)
                    self._resolve(state)

    def unfinished(self) -> list[FaultRecord]:
        """The records of faults whose outcome is not known yet, in the order of their seq."""
        found = [fault.record for state in self._harts.values() for fault in state.open_faults]
        found += [state.pending.record for state in self._harts.values() if state.pending is not None]
        return sorted(found, key=lambda record: record.seq)

    def take_halt_reason(self) -> str:
        """Why the run should stop, once; empty where it need not."""
        reason, self.halt_reason = self.halt_reason, ""
        return reason

    def remarks(self) -> tuple[str, ...]:
        """What the records do not tell: other traps, and how full the region is."""
        others = sorted(self.counts.other_traps.items())
        remarks = [f"other traps: {count} of {describe_cause(cause)}" for cause, count in others]
        if self.region is not None and self._shadows:
            remarks.append(describe_region_use(next(reversed(self._shadows.values()))))
        return tuple(remarks)

    # Entry

    def _enter_other(self, state: HartState, hart: int, handler: Privilege, cause: int, read: ReadRegister) -> None:
        self.counts.other_traps[cause] = self.counts.other_traps.get(cause, 0) + 1
        names = TRAP_REGISTERS[handler]
        if state.stack:
            origin = names.previous(read(names.status))
            self._close_abandoned(state, origin)
            if state.stack:
                state.stack.append(Trap(hart, handler, origin, cause))
        elif state.pending is not None and not cause & INTERRUPT:
            record = state.pending.record
            if cause in ECALLS or read(names.epc) != record.pc:
                self._learn_levels(state.pending)
                self._resolve(state)
            else:
                record.outcome = FaultOutcome.REFAULTED
                record.why = f"the retry ended in another exception: {describe_cause(cause)}"
                self.tell(record)
                state.pending = None

    def _close_abandoned(self, state: HartState, origin: int) -> None:
        """A trap from `origin` tells that every handler above that level was left, by an exit that we do not know."""
        while state.stack and state.innermost.handler > origin:
            self._abandon_innermost(state)

    def _abandon_innermost(self, state: HartState) -> None:
        entry = state.stack.pop()
        if isinstance(entry, OpenFault):
            entry.record.outcome = FaultOutcome.LEFT
            entry.record.why = "the handler was left otherwise than by an mret or sret that is known"
            self.tell(entry.record)

    def _open_fault(self, state: HartState, trap: PageFault, read: ReadRegister) -> OpenFault:
        shadow = self._shadow(trap.satp)
        self._look(shadow)
        place = self._describe_code(trap.pc, self._read_code(trap, shadow))
        trap = replace(trap, instructed=place.access)
        walked, verdict = self._judge(trap, shadow)
        in_region = None if self.region is None else trap.va in self.region
        self.counts.faults += 1
        self.counts.in_region += in_region is True
        self.counts.outside += in_region is False
        is_explained = in_region is False and self.counts.outside <= OUTSIDE_EXPLAINED
        if is_explained:
            frames = self.scene.read_deep_backtrace(trap.pc, BACKTRACE_DEPTH)
        else:
            frames = self.scene.read_backtrace(
                trap.pc, BACKTRACE_KEPT, read, lambda va, size: self._read_virtual(trap, shadow, va, size)
            )
        record = FaultRecord(
            seq=self.counts.faults,
            hart=trap.hart,
            cause=trap.cause,
            va=trap.va,
            place=place,
            privilege=trap.origin,
            satp=trap.satp.value,
            in_region=in_region,
            handler=self._describe_code(trap.entry),
            walk_before=walked,
            rule_before=verdict.rule,
            compared=describe_compared(shadow),
            chain=self.counts.faults,
            backtrace=tuple(frame.symbol for frame in frames[:BACKTRACE_KEPT]),
        )
        rounds = self._meet_pending(state, record)
        if verdict.works:
            text = "the tables allow this access: the hart has an older translation, or they changed since"
            record.notices.append(Notice("stale", text))
        if is_explained:
            record.notices.append(describe_outside(self.target, shadow, trap.va))
            recursion = describe_recursion(frames)
            if recursion is not None:
                record.notices.append(recursion)
        fault = OpenFault(trap, record, shadow, [*rounds, record])
        for other in self._open_faults(shadow):
            if in_region and other.record.va // PAGE_SIZE == trap.va // PAGE_SIZE:
                fault.overlaps.append(other.record)
                other.overlaps.append(record)
        return fault

    def _meet_pending(self, state: HartState, record: FaultRecord) -> list[FaultRecord]:
        """Settle the fault before by this one; the result are the rounds in a row of which this is one more."""
        before = state.pending
        if before is None or (before.record.pc, before.record.va) != (record.pc, record.va):
            if before is not None:
                self._resolve(state)
            self._chain_to_empty_table(record)
            return []
        came_further = (
            len(record.walk_before.steps) > len(before.record.walk_before.steps)
            and record.walk_before.outcome is Outcome.NOT_VALID
        )
        if came_further:
            record.chain = before.record.chain
            before.record.outcome = FaultOutcome.NEXT_TABLE
            before.record.why = f"the retry came a level further, and faulted there (fault {record.seq})"
        else:
            before.record.outcome = FaultOutcome.REFAULTED
            found = diagnose(before.rounds, before.works_after)
            before.record.why = f"the retry faulted again at the same place (fault {record.seq}): {found.text}"
        self.tell(before.record)
        state.pending = None
        return [] if came_further else before.rounds[-ROUNDS_KEPT:]

    def _chain_to_empty_table(self, record: FaultRecord) -> None:
        """A page that the fault before brought has become a table above level 0 and is empty: this fault is the
        next one of the same mapping."""
        before = self._last_chain.get(record.hart)
        if before is None or not record.in_region:
            return
        shadow = self._shadows.get(Satp(record.satp).root_pa)
        for page in before.pages_allocated:
            if page.level and shadow is not None and shadow.is_empty_table(page.pa):
                record.chain = before.chain

    # Exit

    def _finish(self, state: HartState, fault: OpenFault, pc: int, epc: int, origin: int) -> None:
        record = fault.record
        if state.pending is not None:
            self._resolve(state)
        rules = self._rules[record.hart]
        record.handler_exit = self._describe_code(pc)
        record.walk_after, verdict = self._judge(fault.trap, fault.shadow)
        record.rule_after, fault.works_after = verdict.rule, verdict.works
        for change in iter_path_changes(record.walk_before, record.walk_after):
            if change.table_pa not in fault.shadow.tables:
                fault.changes[change.pte_pa] = change
        record.pte_writes = [
            PteWrite(c.pte_pa, c.level, c.va, fault.shadow.mode.page_size(c.level), c.old, c.new)
            for c in fault.changes.values()
            if not (c.is_hardware_update and rules.ad_update is AdUpdate.HARDWARE)
        ]
        record.pages_allocated = [self._allocated(fault.shadow, page) for page in fault.pages.values()]
        self.counts.pte_writes += len(record.pte_writes)
        self.counts.pages_allocated += len(record.pages_allocated)
        for other in fault.overlaps:
            how = (
                f"fault {other.seq} of hart {other.hart} wants it too, and both were handled at the same time; what "
                "one hart wrote to it, also after its handler, may stand in the other's record"
            )
            fault.reused.setdefault(record.va & -PAGE_SIZE, how)
        note_oddities(record, fault.reused)
        self._last_chain[record.hart] = record
        if epc != record.pc or origin != fault.trap.origin:
            record.outcome = FaultOutcome.LEFT
            place = self._describe_code(epc)
            where = f"{epc:#x} <{place.symbol}>" if place.symbol else f"{epc:#x}"
            record.why = f"the handler went on at {where} in {Privilege(origin).name}-mode instead of a retry"
            self.tell(record)
            return
        record.why = "the handler returned to the same instruction; its retry was not seen"
        state.pending = fault
        same_path = record.walk_after.steps == record.walk_before.steps
        if len(fault.rounds) >= self.patience and same_path:
            diagnosis = diagnose(fault.rounds, fault.works_after)
            record.notices.append(diagnosis)
            self.halt_reason = (
                f"no progress: hart {record.hart} faulted {len(fault.rounds)} times at pc {record.pc:#x} for va "
                f"{record.va:#x}: {diagnosis.text}"
            )

    def _allocated(self, shadow: Shadow, page: NewPage) -> AllocatedPage:
        mapped_at = shadow.mapped.get(page.pa)
        if mapped_at is None and walk(shadow, shadow.mode, shadow.root_pa, page.pa, NO_RULES).pa == page.pa:
            mapped_at = page.pa  # By a superpage, or where no region is known.
        allocated = AllocatedPage(
            page.pa,
            page.level,
            mapped_at,
            None if page.rubbish is None else page.rubbish == 0,
            page.rubbish or 0,
        )
        if page.level is None:
            self._awaiting_level[page.pa] = allocated
        return allocated

    def _resolve(self, state: HartState) -> None:
        """The retry of the awaited fault went through."""
        fault, state.pending = state.pending, None
        assert fault is not None
        fault.record.outcome = FaultOutcome.RETRIED
        fault.record.why = f"the {fault.trap.access.value} was retried and worked"
        self.tell(fault.record)

    def _learn_levels(self, fault: OpenFault) -> None:
        """What the pages of a fault have become since its handler returned, as long as one can look."""
        if any(page.level is None for page in fault.record.pages_allocated):
            self._look(fault.shadow)

    def _explain_end(self, fault: OpenFault) -> None:
        if fault.record.in_region:
            fault.record.notices.append(describe_exhaustion(fault.shadow))

    # The program

    def _describe_code(self, pc: int, code: bytes | None = None) -> CodePlace:
        place = self._places.get(pc)
        if place is None or (code is not None and place.instruction is None):
            if len(self._places) == PLACES_KEPT:
                self._places.clear()
            decoded = decode_instruction(int.from_bytes(code, "little")) if code else None
            place = CodePlace(
                pc,
                self.target.describe_symbol(pc),
                self.scene.describe_source(pc),
                decoded.text if decoded else None,
                decoded.access if decoded else None,
            )
            self._places[pc] = place
        return place

    def _read_code(self, trap: PageFault, shadow: Shadow) -> bytes | None:
        """The instruction that faulted, read through the tables as a fetch would; None where that is impossible."""
        known = self._places.get(trap.pc)
        if (known is not None and known.instruction is not None) or trap.access is Access.FETCH:
            return None
        return self._read_virtual(trap, shadow, trap.pc, 4 if trap.pc % PAGE_SIZE <= PAGE_SIZE - 4 else 2)

    def _read_virtual(self, trap: PageFault, shadow: Shadow, va: int, size: int) -> bytes | None:
        """Memory as the code that trapped sees it, as long as it lies in one piece; None where it cannot be read."""
        pa: int | None = va
        if trap.origin != Privilege.M:
            rules = self._find_rules(trap.hart)
            pages = range(va & -PAGE_SIZE, va + size, PAGE_SIZE)
            walks = [walk(shadow, shadow.mode, shadow.root_pa, page, rules).pa for page in pages]
            first = walks[0] if walks else None
            if first is None or walks != list(range(first, first + PAGE_SIZE * len(walks), PAGE_SIZE)):
                return None
            pa = first + va % PAGE_SIZE
        try:
            return None if pa is None else self.target.read_physical(pa, size)
        except UnreadableMemory:
            return None

    # The tables

    def _shadow(self, satp: Satp) -> Shadow:
        """The shadow of the tables under `satp`, made where there is none yet."""
        shadow = self._shadows.get(satp.root_pa)
        if shadow is None or shadow.mode is not (satp.mode or BARE):
            while len(self._shadows) >= SHADOWS_KEPT:
                del self._shadows[next(iter(self._shadows))]
            mode, limit, window = satp.mode or BARE, self.table_limit, self.window
            shadow = Shadow(self.target, mode, satp.root_pa, self.region, limit=limit, window=window)
            shadow.remember_idle_pages()
        else:
            del self._shadows[satp.root_pa]
        self._shadows[satp.root_pa] = shadow
        return shadow

    def _look(self, shadow: Shadow) -> None:
        """Look at the tables, and give what has changed to the faults whose handlers may have done it."""
        difference = shadow.refresh()
        for pa, level in difference.became_tables.items():
            awaiting = self._awaiting_level.pop(pa, None)
            if awaiting is not None:
                awaiting.level = level
        open_faults = self._open_faults(shadow)
        if open_faults:
            self._attribute(difference, open_faults)

    def _open_faults(self, shadow: Shadow) -> list[OpenFault]:
        """The faults on these tables whose handlers have not returned, of all harts."""
        return [fault for state in self._harts.values() for fault in state.open_faults if fault.shadow is shadow]

    def _attribute(self, difference: Difference, open_faults: list[OpenFault]) -> None:
        """With one hart at work all changes are its handler's; with several, those that have to do with its fault."""
        alone = len(self._harts) == 1
        new_pages = {page.pa: page for page in difference.new_pages}
        for change in difference.changes:
            fault = next((f for f in open_faults if alone or f.covers(change)), None)
            if fault is None:
                continue
            known = fault.changes.get(change.pte_pa)
            fault.changes[change.pte_pa] = change._replace(old=known.old) if known else change
            pa = (change.new & PPN_MASK) >> PPN_SHIFT << PAGE_SHIFT
            if pa in new_pages:
                fault.pages[pa] = new_pages[pa]
            if pa in difference.reused:
                fault.reused[pa] = difference.reused[pa]

    def _find_rules(self, hart: int) -> TranslationRules:
        rules = self._rules.get(hart)
        if rules is None:
            rules = self._rules[hart] = self.target.translation_rules(hart)
        return rules

    def _judge(self, trap: PageFault, shadow: Shadow) -> tuple[Walk, Verdict]:
        """The walk of the fault in the tables as they were last looked at, and what the access would give."""
        rules = self._find_rules(trap.hart)
        walked = walk(shadow, shadow.mode, shadow.root_pa, trap.va, rules)
        privilege = Privilege.U if trap.origin == Privilege.U else Privilege.S
        sum_bit, mxr = trap.status.sum, trap.status.mxr
        return walked, judge(self.target, walked, trap.access, privilege, rules, sum_bit=sum_bit, mxr=mxr)


def iter_path_changes(before: Walk, after: Walk) -> Iterator[Change]:
    """What the two walks of a va show to have changed; a PTE that the first did not come to counts as having been 0."""
    old = {step.pte_pa: step.pte.value for step in before.steps if step.pte}
    for step in after.steps:
        was = old.get(step.pte_pa, 0)
        if step.pte is not None and step.pte.value != was:
            start = after.va & -after.mode.page_size(step.level) & U64_MASK
            yield Change(step.pte_pa, step.level, start, was, step.pte.value)


def describe_compared(shadow: Shadow) -> str:
    """Which tables are looked at to find what a handler wrote."""
    if shadow.is_complete:
        return "all table pages"
    return f"the path of the va, and {len(shadow.tables)} table pages: there are more"
