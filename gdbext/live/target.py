"""The live target: a RISC-V machine in QEMU, as GDB's selected inferior shows it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace

import gdb

from gdbext.errors import TargetLost, UnreadableMemory, UnsupportedTarget
from gdbext.live import expressions
from gdbext.live.core import GdbCoreTarget
from gdbext.live.expressions import GdbSymbols
from gdbext.live.machine import HartOptions, choose_ad_update, choose_svpbmt, decode_flat_view, read_hart_options
from gdbext.live.parameters import table_region, transport_setting
from gdbext.live.stub import Stub, describe_error, is_lost
from gdbext.live.transports import Transport
from gdbext.riscv.paging import PAGE_SIZE, U64_MASK
from gdbext.riscv.pmp import decode_pmp
from gdbext.riscv.rules import TranslationRules
from gdbext.target.base import MemoryRegion, PageTableRegion, Target

# More harts than this, and the memory map would be an answer too long for the stub (see `Stub.monitor`).
MAX_HARTS_FOR_MEMORY_MAP = 128


class LiveTarget(GdbSymbols, Target):
    """GDB's present target. One object lives as long as a connection; what it caches lasts until the target runs."""

    def __init__(self, connection: gdb.TargetConnection) -> None:
        self.connection = connection
        self.stub = Stub(connection) if isinstance(connection, gdb.RemoteTargetConnection) else None
        self.transport = Transport(self.stub, connection.details or "", transport_setting.value) if self.stub else None
        self._options: dict[int, HartOptions] = {}
        self._threads: dict[int, gdb.InferiorThread] = {}
        self.forget()
        self.forget_threads()

    def forget_memory(self) -> None:
        """Drop memory alone, for a stop that GDB's events do not tell of: in the `stop` of a breakpoint."""
        self._pages: dict[int, bytes] = {}

    def forget(self) -> None:
        """Drop all that may have changed while the target ran, or because the user wrote to it."""
        self._regions: tuple[MemoryRegion, ...] | None = None
        self.forget_memory()
        self._encodings: dict[int, TranslationRules] = {}
        self._rules: dict[int, TranslationRules] = {}
        if self.transport is not None:
            self.transport.forget()

    def forget_threads(self) -> None:
        """A thread has come or gone; GDB asks the stub for all of them whenever they are listed."""
        self._threads_are_known = False

    @property
    def name(self) -> str:
        return f"the target at {self.connection.details}" if self.connection.details else "the target"

    # Harts and registers

    @property
    def harts(self) -> Sequence[int]:
        return tuple(sorted(self._find_threads()))

    @property
    def current_hart(self) -> int:
        selected = gdb.selected_thread()
        if selected is None:
            raise UnsupportedTarget("no thread is selected: connect to a target first")
        for hart, thread in self._find_threads().items():
            if thread.ptid == selected.ptid:
                return hart
        raise UnsupportedTarget("the selected thread is not a hart of this target")

    def _find_threads(self) -> dict[int, gdb.InferiorThread]:
        """The threads of all inferiors on this connection by hart: mhartid where it can be read, else in order."""
        if self._threads_are_known:
            return self._threads
        threads = [
            thread
            for inferior in gdb.inferiors()
            if inferior.connection == self.connection
            for thread in sorted(inferior.threads(), key=lambda thread: thread.num)
        ]
        if [t.ptid for t in self._threads.values()] != [t.ptid for t in threads]:
            found = [self._read_register(thread, "mhartid") for thread in threads]
            numbers = [number for number in found if number is not None]
            if len(set(numbers)) != len(threads):
                numbers = list(range(len(threads)))
            self._threads = dict(zip(numbers, threads, strict=True))
        self._threads_are_known = True
        return self._threads

    def _read_register(self, thread: gdb.InferiorThread, name: str) -> int | None:
        with selected_thread(thread):
            try:
                value = gdb.newest_frame().read_register(name)
                return _raw_bits(value)
            except ValueError:
                return None
            except gdb.error as error:
                if is_lost(error):
                    raise TargetLost(f"the target went away: {describe_error(error)}") from error
                return None

    def read_csr(self, hart: int, name: str) -> int | None:
        return self._read_register(self._find_threads()[hart], name)

    def csr_names(self) -> Sequence[str]:
        return [register.name for register in gdb.newest_frame().architecture().registers("csr")]

    def select(self, hart: int) -> AbstractContextManager[None]:
        """Inside, `hart` is GDB's selected thread."""
        return selected_thread(self._find_threads()[hart])

    # Physical memory

    def _need_stub(self) -> Stub:
        if self.stub is None:
            raise UnsupportedTarget(f"{self.name} gives no physical memory: connect to QEMU's stub, or open a core")
        return self.stub

    def _need_transport(self) -> Transport:
        self._need_stub()
        assert self.transport is not None
        return self.transport

    def reading(self) -> AbstractContextManager[object]:
        return nullcontext() if self._need_transport().memory else self._need_stub().physical()

    def leave_physical(self) -> None:
        """Have the stub read virtual addresses again, where a Ctrl-C has cut off what should have done so."""
        if self.stub is not None:
            self.stub.leave_physical()

    def memory_regions(self) -> Sequence[MemoryRegion] | None:
        if self._regions is None:
            if len(self._find_threads()) > MAX_HARTS_FOR_MEMORY_MAP:
                return None
            self._regions = decode_flat_view(self._need_stub().monitor("info mtree -f"))
        return self._regions or None

    def region_at(self, pa: int) -> MemoryRegion | None:
        window = self._need_transport().window_at(pa)
        return window.region if window is not None else super().region_at(pa)

    def read_physical(self, pa: int, size: int) -> bytes:
        content = self._need_transport().read(pa, size)
        if content is None:
            self.check_ram(pa, size)
            content = self._need_stub().read(pa, size)
        return content

    def read_pages(self, pas: Sequence[int]) -> list[bytes | UnreadableMemory]:
        pages = self._need_transport().read_pages(pas)
        with self.reading():
            return [page or self._read_page(pa) for page, pa in zip(pages, pas, strict=True)]

    def _read_page(self, pa: int) -> bytes | UnreadableMemory:
        page = self._pages.get(pa)
        if page is None:
            try:
                page = self._pages[pa] = self.read_physical(pa, PAGE_SIZE)
            except UnreadableMemory as error:
                return error
        return page

    # What the hart does

    def translation_rules(self, hart: int) -> TranslationRules:
        if hart not in self._rules:
            self._rules[hart] = replace(self.encoding_rules(hart), pmp=decode_pmp(self.read_pmp(hart)))
        return self._rules[hart]

    def encoding_rules(self, hart: int) -> TranslationRules:
        if hart not in self._encodings:
            self._encodings[hart] = self._find_encodings(hart)
        return self._encodings[hart]

    def _find_encodings(self, hart: int) -> TranslationRules:
        assumed = []
        menvcfg = self.read_csr(hart, "menvcfg")
        options = self._options.get(hart)
        if options is None:
            options = self._options[hart] = read_hart_options(self._need_stub(), hart)
        svnapot = options.svnapot
        if svnapot is None:
            svnapot = True
            assumed.append("Svnapot is on: the target does not tell")
        svpbmt = choose_svpbmt(options.svpbmt, menvcfg, options.version)
        if svpbmt is None:
            svpbmt = True
            assumed.append("Svpbmt is on: the target does not tell")
        if not options.is_known:
            assumed.append("the hardware sets A and D: the target does not tell")
        ad_update = choose_ad_update(options.svade, options.svadu, menvcfg or 0)
        return TranslationRules(ad_update, svnapot, svpbmt, assumed=tuple(assumed))

    def page_table_region(self) -> PageTableRegion | None:
        return table_region.region


def _raw_bits(value: gdb.Value) -> int | None:
    """The bits of a register's value, unsigned; None for a void one."""
    if value.type.code == gdb.TYPE_CODE_UNION:
        # A floating-point register; the widest view comes last.
        value = value[value.type.fields()[-1]]
    if value.type.code == gdb.TYPE_CODE_VOID:
        return None
    if value.type.code == gdb.TYPE_CODE_FLT:
        return int(value.format_string(format="x"), 16)
    return int(value) & U64_MASK


@contextmanager
def selected_thread(thread: gdb.InferiorThread) -> Iterator[None]:
    """Inside, `thread` is selected; afterwards the thread and the frame that were."""
    before = gdb.selected_thread()
    if before is not None and before.ptid == thread.ptid:
        yield
        return
    frame = gdb.selected_frame() if before is not None else None
    thread.switch()
    try:
        yield
    finally:
        if before is not None and before.is_valid():
            before.switch()
            if frame is not None and frame.is_valid():
                frame.select()


_targets: dict[int, LiveTarget | GdbCoreTarget] = {}


def find_target() -> LiveTarget | GdbCoreTarget:
    """The target of the selected inferior. Raises `UnsupportedTarget` where there is none, or it is not RV64."""
    inferior = gdb.selected_inferior()
    connection = inferior.connection
    if connection is None or gdb.selected_thread() is None:
        raise UnsupportedTarget("there is no target: connect to QEMU with target remote, or open a core with core-file")
    architecture = inferior.architecture().name() if hasattr(inferior, "architecture") else ""
    if not architecture.startswith("riscv") or "rv32" in architecture:
        raise UnsupportedTarget(f"the target is {architecture}, and Sv39 is of riscv:rv64; see show architecture")
    target = _targets.get(connection.num)
    if target is None or target.connection is not connection:
        kind = GdbCoreTarget if connection.type == "core" else LiveTarget
        target = _targets[connection.num] = kind(connection)
    return target


def live_targets() -> list[LiveTarget]:
    """The connections that have been asked something."""
    return [target for target in _targets.values() if isinstance(target, LiveTarget)]


def take_notes() -> list[str]:
    """What the user has to be told of the connections, each line once."""
    return [note for target in live_targets() if target.transport for note in target.transport.take_notes()]


def drop_connection(event: gdb.ConnectionEvent) -> None:
    """The connection is gone, and with it the way to its memory."""
    target = _targets.pop(event.connection.num, None)
    if isinstance(target, LiveTarget) and target.transport is not None:
        target.transport.close()


def forget_all(*_: object) -> None:
    """Nothing that was read is kept across a resume, or after the user has written to the target."""
    for target in _targets.values():
        target.forget()


def forget_threads(*_: object) -> None:
    """Threads are listed anew where one has come or gone."""
    for target in live_targets():
        target.forget_threads()


def watch_events() -> None:
    """Have GDB's events drop the caches."""
    for event in (gdb.events.cont, gdb.events.memory_changed, gdb.events.register_changed, gdb.events.exited):
        event.connect(forget_all)
    gdb.events.connection_removed.connect(drop_connection)
    for event in (gdb.events.new_thread, gdb.events.inferior_deleted):
        event.connect(forget_threads)
    # GDB 13 does not tell that a symbol file is dropped, unless all of them are.
    for name in expressions.SYMBOL_FILE_EVENTS:
        if hasattr(gdb.events, name):
            getattr(gdb.events, name).connect(expressions.forget_symbols)
