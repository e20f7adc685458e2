"""`sv39 watch`: watchpoints on every PTE of a path, at each address by which somebody can reach it."""

from __future__ import annotations

from collections.abc import Callable

import gdb

from gdbext.commands.watch import WatchResult, desk
from gdbext.errors import BadInput, UnsupportedTarget
from gdbext.live.backtrace import describe_frames
from gdbext.live.expressions import describe_symbol
from gdbext.live.handler import find_entries, find_exits
from gdbext.live.running import changed_settings, describe_source, is_alive, resume
from gdbext.live.target import LiveTarget
from gdbext.riscv.csrs import PRIV_MASK
from gdbext.riscv.paging import PAGE_SIZE
from gdbext.tables.space import AddressSpace
from gdbext.tables.walk import Walk, walk
from gdbext.target.base import Target
from gdbext.trace.record import CodePlace, PteWrite
from gdbext.trace.shadow import Shadow
from gdbext.trace.tracer import iter_path_changes

TABLE_LIMIT = 1 << 14
BACKTRACE_LIMIT = 16


class PteWatchpoint(gdb.Breakpoint):
    """Stops at every access to eight bytes at a virtual address (in M-mode: physical) if `on_stop` says so.

    An access watchpoint, since GDB would read a value to compare through the translation that the hart happens to use.
    """

    def __init__(self, address: int, on_stop: Callable[[], bool]) -> None:
        super().__init__(
            f"*(unsigned long *) {address:#x}", type=gdb.BP_WATCHPOINT, wp_class=gdb.WP_ACCESS, internal=True
        )
        self.silent = True
        self.on_stop = on_stop

    def stop(self) -> bool:
        return self.on_stop()


class ExitBreakpoint(gdb.Breakpoint):
    """Stops at a return from a trap if `on_stop` says so."""

    def __init__(self, pc: int, on_stop: Callable[[], bool]) -> None:
        super().__init__(f"*{pc:#x}", type=gdb.BP_HARDWARE_BREAKPOINT, internal=True)
        self.silent = True
        self.on_stop = on_stop

    def stop(self) -> bool:
        return self.on_stop()


class Watch:
    """One watch, from when it is set until the path has changed or something else stops the machine."""

    def __init__(self, target: LiveTarget, space: AddressSpace, va: int) -> None:
        self.target = target
        self.space = space
        self.va = va
        self.rules = target.translation_rules(space.hart)
        self.before = self.now = self._walk()
        self.writes: tuple[PteWrite, ...] = ()
        self.is_at_write = False
        self._error: BaseException | None = None
        self._watchpoints: dict[int, PteWatchpoint] = {}
        self._exits: list[ExitBreakpoint] = []

    def _walk(self) -> Walk:
        self.target.forget_memory()
        with self.target.reading():
            return walk(self.target, self.space.mode, self.space.root_pa, self.va, self.rules)

    # Where to stop

    def _find_addresses(self) -> set[int]:
        """The physical address of each PTE on the path, and every virtual address that maps it."""
        with self.target.reading():
            shadow = Shadow(self.target, self.space.mode, self.space.root_pa, None, limit=TABLE_LIMIT)
        pte_pas = {step.pte_pa for step in self.now.steps}
        return pte_pas | set(shadow.iter_aliases(pte_pas))

    def _arm(self) -> None:
        wanted = self._find_addresses()
        for address in self._watchpoints.keys() - wanted:
            self._watchpoints.pop(address).delete()
        for address in wanted - self._watchpoints.keys():
            self._watchpoints[address] = PteWatchpoint(address, self._on_access)

    def _disarm(self) -> None:
        ours: list[gdb.Breakpoint] = [*self._watchpoints.values(), *self._exits]
        for breakpoint_ in ours:
            if breakpoint_.is_valid():
                breakpoint_.delete()

    # Stops

    def _on_access(self) -> bool:
        return self._guard(lambda: self._has_changed(is_at_write=True))

    def _on_exit(self) -> bool:
        return self._guard(lambda: self._has_changed(is_at_write=False) or self._has_new_alias())

    def _guard(self, check: Callable[[], bool]) -> bool:
        """What `stop` raises GDB only prints, so it is kept."""
        try:
            return check()
        except BaseException as error:
            self._error = error
            return True

    def _has_changed(self, *, is_at_write: bool) -> bool:
        after = self._walk()
        changes = [change for change in iter_path_changes(self.now, after) if change.table_pa in self._known_tables()]
        self.writes = tuple(
            PteWrite(c.pte_pa, c.level, c.va, self.space.mode.page_size(c.level), c.old, c.new)
            for c in changes
            if not c.is_hardware_update
        )
        self.now = after
        self.is_at_write = is_at_write
        return bool(self.writes)

    def _known_tables(self) -> set[int]:
        """The tables that the path went through before: what lies below a new pointer is no change of the path."""
        return {step.pte_pa & -PAGE_SIZE for step in self.now.steps}

    def _has_new_alias(self) -> bool:
        return not self._find_addresses() <= self._watchpoints.keys()

    # Running

    def run(self) -> WatchResult:
        try:
            with changed_settings():
                exits = find_exits(self.target, find_entries(self.target))
                self._exits = [ExitBreakpoint(pc, self._on_exit) for pc in exits]
                self._arm()
                while True:
                    resume()
                    if not is_alive(self.target) or self.writes or self._error or not self._is_ours():
                        break
                    self._arm()
        finally:
            self._disarm()
        if self._error is not None:
            raise self._error
        return self._describe()

    def _is_ours(self) -> bool:
        """Whether the machine stopped because a table page has got a new alias."""
        pc = int(gdb.parse_and_eval("$pc"))
        return any(breakpoint_.location == f"*{pc:#x}" for breakpoint_ in self._exits) and self._has_new_alias()

    def _describe(self) -> WatchResult:
        if not is_alive(self.target):
            ending = "the machine has ended, and the path did not change"
            return WatchResult(self.space, self.before, None, (), None, None, None, (), False, ending)
        if not self.writes and not self._has_changed(is_at_write=False):
            ending = "the machine has stopped, and the path did not change"
            return WatchResult(self.space, self.before, self.now, (), None, None, None, (), False, ending)
        hart = self.target.current_hart
        pc = self.target.read_csr(hart, "pc") or 0
        priv = self.target.read_csr(hart, "priv")
        place = CodePlace(pc, describe_symbol(pc), describe_source(pc))
        return WatchResult(
            self.space,
            self.before,
            self.now,
            self.writes,
            hart,
            place,
            None if priv is None else priv & PRIV_MASK,
            describe_frames(BACKTRACE_LIMIT),
            self.is_at_write,
            "",
        )


def watch(target: Target, space: AddressSpace, va: int) -> WatchResult:
    """Resume the machine until the path of `va` changes."""
    if not isinstance(target, LiveTarget) or target.stub is None:
        raise UnsupportedTarget(f"{target.name} does not run: sv39 watch needs a machine in QEMU")
    if not space.mode.is_canonical(va):
        raise BadInput(f"{va:#x} is not canonical: no PTE is on its path")
    return Watch(target, space, va).run()


def install() -> None:
    """Have `sv39 watch` use GDB."""
    desk.watcher = watch
