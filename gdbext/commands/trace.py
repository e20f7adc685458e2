"""sv39 trace: what the trap handler does about each page fault, as it happens or from a file."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

from gdbext.commands.declaration import Argument, Kind, Result, Status, command
from gdbext.errors import BadInput, UnsupportedTarget
from gdbext.target.base import Target
from gdbext.trace.log import TraceLog
from gdbext.trace.record import FaultRecord
from gdbext.trace.summary import Summary, summarize
from gdbext.trace.trap_log import TrapCounts

RUN, START, STOP, SHOW, SUMMARY, SAVE, LOAD = ACTIONS = ("run", "start", "stop", "show", "summary", "save", "load")
LIVE_ACTIONS = (RUN, START, STOP)


@dataclass(frozen=True)
class FaultResult:
    """One fault."""

    record: FaultRecord

    @property
    def status(self) -> Status:
        return Status.ANSWERED


@dataclass(frozen=True)
class ChainResult:
    """The faults of one chain: for a table, then for the next lower one."""

    records: tuple[FaultRecord, ...]

    @property
    def status(self) -> Status:
        return Status.ANSWERED


@dataclass(frozen=True)
class SummaryResult:
    """A whole trace. `ending` says how a run came to its end; `remarks` what else only a live trace knows."""

    summary: Summary
    ending: str = ""
    remarks: tuple[str, ...] = ()

    @property
    def status(self) -> Status:
        """Bad news if the retry of some fault did not work."""
        return Status.ANSWERED if self.summary.is_good else Status.BAD_NEWS


@dataclass(frozen=True)
class LogResult:
    """The traps of a run that QEMU logged. `symbols` has those of the most frequent pcs; `tables` is a sentence."""

    counts: TrapCounts
    symbols: Mapping[int, str | None]
    tables: str

    SHOWN: ClassVar[int] = 10

    @property
    def status(self) -> Status:
        return Status.ANSWERED


@dataclass(frozen=True)
class DoneResult:
    """What was done, in a sentence."""

    text: str

    @property
    def status(self) -> Status:
        return Status.ANSWERED


class Recorder(Protocol):
    """The front end that can stop a machine at its trap handler."""

    def perform(self, action: str, arguments: Namespace) -> Iterable[Result]:
        """One of `LIVE_ACTIONS`."""

    def unfinished(self) -> Sequence[FaultRecord]:
        """Faults of the present trace that have no outcome yet."""


class Desk:
    """The trace that `show`, `summary` and `save` mean, and the recorder that makes one, where there is GDB."""

    def __init__(self) -> None:
        self.log: TraceLog | None = None
        self.recorder: Recorder | None = None
        self.is_live = False

    def open(self, log: TraceLog, *, is_live: bool) -> None:
        """Take `log` for the present trace."""
        self.log = log
        self.is_live = is_live

    def require_log(self) -> TraceLog:
        if self.log is None:
            raise BadInput("there is no trace yet: sv39 trace run makes one, sv39 trace load FILE reads one")
        return self.log

    def unfinished(self) -> Sequence[FaultRecord]:
        return self.recorder.unfinished() if self.recorder is not None and self.is_live else ()

    def records(self) -> Iterator[FaultRecord]:
        """All records of the present trace; those without an outcome come last."""
        yield from self.require_log()
        yield from self.unfinished()


desk = Desk()


class ChainCollector:
    """Puts the faults of one chain together as they come, hart by hart."""

    def __init__(self) -> None:
        self._open: dict[int, list[FaultRecord]] = {}

    def add(self, record: FaultRecord) -> Iterator[ChainResult]:
        """The chain that `record` tells to be at its end, if there is one."""
        chain = self._open.setdefault(record.hart, [])
        if chain and chain[0].chain != record.chain:
            yield ChainResult(tuple(chain))
            chain.clear()
        chain.append(record)

    def finish(self) -> Iterator[ChainResult]:
        """The chains that were still open."""
        yield from (ChainResult(tuple(chain)) for chain in self._open.values() if chain)
        self._open.clear()


@command(
    "trace",
    "Record every page fault: what trapped, what the handler wrote, whether the retry worked.",
    Argument(
        "action",
        "run (the default): trace until the machine stops or ends. start, stop: begin and end a trace around one's own "
        "continue. show [N]: all faults, or fault N. summary. save FILE, load FILE: lines of JSON, one for each fault.",
        Kind.TEXT,
        optional=True,
        choices=ACTIONS,
    ),
    Argument("what", "The number of a fault, or a FILE.", Kind.FILE, optional=True),
    Argument("-count", "Stop after N faults.", metavar="N"),
    Argument("-until", "Stop at the first fault at whose end EXPR is true.", Kind.TEXT, metavar="EXPR"),
    Argument("-chains", "A line a fault, and those for a table and for the next lower one together.", Kind.FLAG),
    Argument("-quiet", "While it runs, show no faults, but how many there were.", Kind.FLAG),
    Argument("-log", "Do not stop at all: have QEMU log the traps, and count them.", Kind.FLAG),
    Argument("-file", "With show and summary: read the trace from FILE.", Kind.FILE, metavar="FILE"),
    description=(
        "Stops the machine at the entry of its page fault handler (mtvec; stvec where page faults are delegated; or "
        "set sv39 trap-handler) and at every mret or sret, compares the page tables, and goes on. The page-table "
        "region comes from the kernel's symbols or from set sv39 table-region; without one all faults are alike. "
        "Ctrl-C and the user's own breakpoints stop it; sv39 trace run then goes on with the same trace. With -log the "
        "machine runs at full speed, and only counts are known."
    ),
    examples=("sv39 trace run", "sv39 trace run -quiet -count 1000", "sv39 trace show 2", "sv39 trace save f.jsonl"),
    needs_target=False,
)
def trace_command(target: Target, arguments: Namespace) -> Iterable[Result]:
    action = arguments.action or RUN
    if arguments.what is not None and action not in (SHOW, SAVE, LOAD):
        raise BadInput(f'sv39 trace {action} takes no argument "{arguments.what}"')
    if arguments.log and (action != RUN or arguments.count is not None or arguments.until is not None):
        raise BadInput("-log goes with run alone, and knows no -count and no -until: nothing stops the machine")
    if action in LIVE_ACTIONS:
        if desk.recorder is None:
            raise UnsupportedTarget(f"sv39 trace {action} needs GDB and a running machine; show and summary take -file")
        return desk.recorder.perform(action, arguments)
    if action in (SAVE, LOAD):
        return [_save_or_load(action, arguments.what)]
    if arguments.file is not None:
        desk.open(TraceLog.load(Path(arguments.file)), is_live=False)
    if action == SUMMARY:
        return [SummaryResult(summarize(desk.records()))]
    return iter_chains() if arguments.chains else show(arguments.what)


def _save_or_load(action: str, what: str | None) -> DoneResult:
    if what is None:
        raise BadInput(f"sv39 trace {action} needs the name of a file")
    path = Path(what).expanduser()
    if action == LOAD:
        log = TraceLog.load(path)
        desk.open(log, is_live=False)
        return DoneResult(f"loaded {len(log)} faults from {path}")
    log, unfinished = desk.require_log(), desk.unfinished()
    log.save(path, unfinished)
    return DoneResult(f"saved {len(log) + len(unfinished)} faults to {path}")


def iter_chains() -> Iterator[ChainResult]:
    """All faults of the present trace, chain by chain."""
    chains = ChainCollector()
    for record in desk.records():
        yield from chains.add(record)
    yield from chains.finish()


def show(number: str | None) -> Iterator[FaultResult]:
    """The fault of that number, or all. Raises `BadInput`."""
    if number is None:
        yield from (FaultResult(record) for record in desk.records())
        return
    try:
        seq = int(number, 0)
    except ValueError:
        raise BadInput(f'"{number}" is no number of a fault') from None
    found = next((record for record in desk.records() if record.seq == seq), None)
    if found is None:
        raise BadInput(f"there is no fault {seq}: the trace has {sum(1 for _ in desk.records())}")
    yield FaultResult(found)
