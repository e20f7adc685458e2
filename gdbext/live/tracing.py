"""The recorder of `sv39 trace`: breakpoints at the trap handler, and the loop that resumes the machine.

What was measured: GDB spends about 1.5 ms on a stop whose `stop` returns False, and on a register 0.03 ms by a packet,
0.1 ms as an expression, 0.3 ms and more through a frame object. The breakpoints are hardware breakpoints since those
need no memory read, which would fail for an M-mode address while S-mode's tables are in force.
"""

from __future__ import annotations

import re
from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack

import gdb

from gdbext.commands.declaration import Result
from gdbext.commands.trace import (
    RUN,
    START,
    ChainCollector,
    ChainResult,
    DoneResult,
    FaultResult,
    SummaryResult,
    desk,
)
from gdbext.errors import BadInput, UnsupportedTarget
from gdbext.live.backtrace import Backtraces, read_deep_backtrace
from gdbext.live.handler import VECTOR_MODE_BITS, find_entries, find_exits, find_vector_writes, is_delegating
from gdbext.live.running import changed_settings, describe_source, is_alive, resume
from gdbext.live.stub import Stub
from gdbext.live.style import present_style
from gdbext.live.target import LiveTarget, find_target
from gdbext.live.trap_log import run_logged
from gdbext.render.trace import iter_json, iter_text
from gdbext.riscv.csrs import PRIV_MASK
from gdbext.riscv.paging import PAGE_SIZE, U64_MASK
from gdbext.riscv.traps import Privilege
from gdbext.trace.log import TraceLog
from gdbext.trace.record import FaultRecord, Frame
from gdbext.trace.summary import summarize
from gdbext.trace.tracer import ReadMemory, ReadRegister, Tracer

# How many table pages are compared at each stop, and in how long stretches of memory: a page takes microseconds in
# QEMU's memory, the less the longer the stretch, and 0.3 ms on the stub.
FAST = 4096, 64 * PAGE_SIZE
STUB = 64, PAGE_SIZE
PROGRESS_EVERY = 1000
REGISTER = re.compile(r'<reg name="(\w+)" bitsize="64"[^>]*\bregnum="(\d+)"')
REGISTER_DIGITS = 16


class TraceBreakpoint(gdb.Breakpoint):
    """A breakpoint of ours, invisible to the user. `on_stop` says whether the machine shall stay stopped."""

    def __init__(self, address: int, on_stop: Callable[[int], bool]) -> None:
        super().__init__(f"*{address:#x}", type=gdb.BP_HARDWARE_BREAKPOINT, internal=True)
        self.silent = True
        self.address = address
        self.on_stop = on_stop

    def stop(self) -> bool:
        return self.on_stop(self.address)


class Session:
    """One trace of one machine, from its start to its end, with as many pauses as the user makes."""

    def __init__(self, target: LiveTarget) -> None:
        self.target = target
        self.log = TraceLog()
        limit, window = FAST if target.transport and target.transport.memory else STUB
        self.tracer = Tracer(target, self, self._take, table_limit=limit, window=window)
        self.is_over = False
        self.ending = ""
        self.show: Callable[[FaultRecord], None] = lambda record: None
        self.is_enough: Callable[[FaultRecord], bool] = lambda record: False
        self._entries: dict[int, Privilege] = {}
        self._exits: dict[int, Privilege] = {}
        self._vector_writes: dict[int, str] = {}
        self._breakpoints: list[TraceBreakpoint] = []
        self._settings = ExitStack()
        self._below_m: set[int] = set()
        self._backtraces = Backtraces()
        self._register_numbers = read_numbers()
        self._hart_of_thread: dict[int, int] = {}
        self._error: BaseException | None = None
        # Inside `run`, where breakpoints can be added when the machine has stopped.
        self._is_resuming = False
        self._is_vector_set = False
        self._halt_reason = ""

    # The program, for the tracer

    def describe_source(self, pc: int) -> str | None:
        return describe_source(pc)

    def read_backtrace(self, pc: int, limit: int, read: ReadRegister, read_virtual: ReadMemory) -> Sequence[Frame]:
        return self._backtraces.read(pc, limit, read, read_virtual)

    def read_deep_backtrace(self, pc: int, limit: int) -> Sequence[Frame]:
        return read_deep_backtrace(pc, limit)

    # Where to stop

    def arm(self) -> None:
        """Set breakpoints at what the trap vectors say now, or the user. Raises `UnsupportedTarget` where none fits."""
        self._entries |= find_entries(self.target)
        self._exits |= find_exits(self.target, self._entries)
        if not self._exits:
            raise UnsupportedTarget(
                "no mret or sret is found where the trap handler could return: load the kernel's symbols with file, "
                "or name the handler with set sv39 trap-handler"
            )
        if not self._breakpoints:
            self._settings.enter_context(changed_settings())
        self._vector_writes = find_vector_writes() if is_delegating(self.target) else {}
        known = {breakpoint_.address for breakpoint_ in self._breakpoints}
        for addresses, on_stop in (
            (self._entries, self._on_entry),
            (self._exits, self._on_exit),
            (self._vector_writes, self._on_vector_write),
        ):
            self._breakpoints += (TraceBreakpoint(pc, on_stop) for pc in addresses if pc not in known)
        for hart in self.target.harts:
            priv = self.target.read_csr(hart, "priv")
            if priv is not None and priv & PRIV_MASK != Privilege.M:
                self._below_m.add(hart)

    def disarm(self) -> None:
        """Take the breakpoints away."""
        for breakpoint_ in self._breakpoints:
            if breakpoint_.is_valid():
                breakpoint_.delete()
        self._breakpoints = []
        self._settings.close()

    @property
    def is_armed(self) -> bool:
        return bool(self._breakpoints)

    @property
    def has_entries(self) -> bool:
        return bool(self._entries)

    # Stops

    def _on_entry(self, pc: int) -> bool:
        return self._guard(lambda: self.tracer.enter(self._hart(), self._entries[pc], pc, self._registers().read))

    def _on_exit(self, pc: int) -> bool:
        hart = self._hart()
        if self._is_resuming and hart not in self._below_m:
            # The hart goes down from M-mode for the first time: by now the kernel has said where traps shall go.
            self._below_m.add(hart)
            self._is_vector_set = True
            return True
        return self._guard(lambda: self.tracer.leave(hart, self._exits[pc], pc, self._registers().read))

    def _on_vector_write(self, pc: int) -> bool:
        entry = self._registers().read(self._vector_writes[pc]) & ~VECTOR_MODE_BITS
        if entry in self._entries or not self._is_resuming:
            return False
        self._entries[entry] = Privilege.S
        self._is_vector_set = True
        return True

    def _guard(self, take_stop: Callable[[], None]) -> bool:
        """Take a stop; whether the machine shall stay stopped. What `stop` raises GDB only prints, so it is kept."""
        try:
            self.target.forget_memory()
            take_stop()
        except BaseException as error:
            self._error = error
            return True
        self._halt_reason = self._halt_reason or self.tracer.take_halt_reason()
        if self._halt_reason and not self._is_resuming:
            # It is the user's own continue that comes to an end.
            gdb.write(f"{self._halt_reason}\n")
            self._halt_reason = ""
            return True
        return bool(self._halt_reason)

    def _registers(self) -> StopRegisters:
        assert self.target.stub is not None
        return StopRegisters(self.target.stub, self._register_numbers)

    def _hart(self) -> int:
        number = gdb.selected_thread().num
        if number not in self._hart_of_thread:
            self._hart_of_thread[number] = self.target.current_hart
        return self._hart_of_thread[number]

    def _take(self, record: FaultRecord) -> None:
        self.log.append(record)
        self.show(record)
        if self.is_enough(record):
            self._halt_reason = f"stopped after fault {record.seq}, as asked"

    # Running

    def run(self) -> None:
        """Resume the machine until it ends, or something other than a page fault stops it; `ending` says what."""
        self._halt_reason = self.ending = ""
        self._is_resuming = True
        try:
            self.arm()
            self._resume()
        finally:
            self._is_resuming = False
            self.disarm()
        self.raise_error()

    def raise_error(self) -> None:
        """Raise what went wrong in a stop, once."""
        error, self._error = self._error, None
        if error is not None:
            raise error

    def _resume(self) -> None:
        while True:
            self._is_vector_set = False
            is_interrupted = resume()
            if not is_alive(self.target):
                self.end()
                return
            if not self._is_vector_set or is_interrupted:
                break
            self.arm()
        self.tracer.settle(lambda hart: self.target.read_csr(hart, "pc"))
        self.ending = self._halt_reason or "the machine has stopped; sv39 trace run goes on from here"

    def end(self) -> None:
        """The machine is gone."""
        self.tracer.end_machine()
        self.is_over = True
        self.ending = "the machine has ended"


class StopRegisters:
    """The registers of the hart that has stopped, within one `stop`.

    The first one is asked of GDB, which has the stub select that hart; the others of the stub itself, which takes a
    third of the time. `numbers` are the registers' in the remote protocol.
    """

    def __init__(self, stub: Stub, numbers: Mapping[str, int]) -> None:
        self._stub = stub
        self._numbers = numbers
        self._is_selected = False

    def read(self, name: str) -> int:
        number = self._numbers.get(name) if self._is_selected else None
        if number is not None:
            answer = self._stub.send(f"p{number:x}")
            if len(answer) == REGISTER_DIGITS:
                return int.from_bytes(bytes.fromhex(answer.decode("ascii")), "little")
        self._is_selected = True
        return int(gdb.parse_and_eval(f"${name}")) & U64_MASK


def read_numbers() -> dict[str, int]:
    """The registers' numbers in the remote protocol, from the description that the stub has given of itself."""
    description = gdb.execute("maintenance print xml-tdesc", to_string=True)
    return {name: int(number) for name, number in REGISTER.findall(description)}


def find_live_target() -> LiveTarget:
    """GDB's target, which must be able to run. Raises `UnsupportedTarget`."""
    target = find_target()
    if not isinstance(target, LiveTarget) or target.stub is None:
        raise UnsupportedTarget(f"{target.name} does not run: sv39 trace needs a machine in QEMU")
    return target


class Recorder:
    """What `sv39 trace` asks of GDB; has the session that is open, if there is one."""

    def __init__(self) -> None:
        self.session: Session | None = None

    def perform(self, action: str, arguments: Namespace) -> Iterable[Result]:
        if action == START:
            return [self._start()]
        if action == RUN:
            return self._run(arguments)
        return self._stop()

    def unfinished(self) -> Sequence[FaultRecord]:
        return self.session.tracer.unfinished() if self.session is not None else ()

    def _open_session(self) -> Session:
        """The session that goes on, or a new one where there is none for this machine."""
        target = find_live_target()
        if self.session is None or self.session.is_over or self.session.target is not target:
            if self.session is not None:
                self.session.disarm()
            self.session = Session(target)
        desk.open(self.session.log, is_live=True)
        return self.session

    def _start(self) -> Result:
        session = self._open_session()
        if session.is_armed:
            raise BadInput("a trace is running already: sv39 trace stop ends it")
        session.show, session.is_enough = Output().add, lambda record: False
        session.arm()
        if not session.has_entries:
            session.disarm()
            raise BadInput("mtvec is not set yet: run the kernel further, or use sv39 trace run, which waits for it")
        return DoneResult("tracing page faults: continue the machine, sv39 trace stop ends the trace")

    def _stop(self) -> Iterator[Result]:
        session = self.session
        if session is None or session.is_over:
            raise BadInput("no trace is running")
        session.disarm()
        if is_alive(session.target):
            session.tracer.settle(lambda hart: session.target.read_csr(hart, "pc"))
        else:
            session.end()
        session.is_over = True
        session.raise_error()
        yield self._summarize(session)

    def _run(self, arguments: Namespace) -> Iterator[Result]:
        if arguments.log:
            yield run_logged(find_live_target())
            return
        session = self._open_session()
        session.disarm()
        limit = arguments.count
        if limit is not None and limit < 1:
            raise BadInput("-count takes a number from 1 on")
        taken = 0

        def is_enough(record: FaultRecord) -> bool:
            nonlocal taken
            taken += 1
            if limit is not None and taken >= limit:
                return True
            return arguments.until is not None and session.target.evaluate(arguments.until) != 0

        before = len(session.log)
        output = make_output(arguments)
        session.show, session.is_enough = output.add, is_enough
        session.run()
        output.finish(session.tracer.unfinished())
        if arguments.output is not None and not arguments.quiet:
            yield from (FaultResult(session.log.read(position)) for position in range(before, len(session.log)))
        yield self._summarize(session)

    def _summarize(self, session: Session) -> SummaryResult:
        return SummaryResult(summarize(desk.records()), session.ending, session.tracer.remarks())


class Output:
    """Shows faults as they come."""

    def add(self, record: FaultRecord) -> None:
        self.write(FaultResult(record))

    def finish(self, unfinished: Sequence[FaultRecord]) -> None:
        """The machine has stopped; those faults have no outcome yet."""
        for record in unfinished:
            self.add(record)

    def write(self, result: FaultResult | ChainResult) -> None:
        for line in iter_text(result, present_style()):
            gdb.write(line + "\n")
        gdb.flush()


class JsonOutput(Output):
    """Shows faults as lines of JSON, each once, when its outcome is known."""

    def finish(self, unfinished: Sequence[FaultRecord]) -> None:
        return

    def write(self, result: FaultResult | ChainResult) -> None:
        gdb.write("".join(iter_json(result)) + "\n")
        gdb.flush()


class ChainOutput(Output):
    """Shows a chain of faults when it is at its end."""

    def __init__(self) -> None:
        self.chains = ChainCollector()

    def add(self, record: FaultRecord) -> None:
        for chain in self.chains.add(record):
            self.write(chain)

    def finish(self, unfinished: Sequence[FaultRecord]) -> None:
        super().finish(unfinished)
        for chain in self.chains.finish():
            self.write(chain)


class ProgressOutput(Output):
    """Says now and then how many faults there were."""

    def add(self, record: FaultRecord) -> None:
        if record.seq % PROGRESS_EVERY == 0:
            gdb.write(f"{record.seq} faults\n")
            gdb.flush()


def make_output(arguments: Namespace) -> Output:
    """What the user wants to see while the machine runs."""
    if arguments.output is not None or arguments.quiet:
        return ProgressOutput()
    if arguments.json:
        return JsonOutput()
    return ChainOutput() if arguments.chains else Output()


def install() -> None:
    """Have `sv39 trace` use GDB; the recorder that is there stays."""
    if desk.recorder is None:
        desk.recorder = Recorder()
