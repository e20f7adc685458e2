"""Backtraces of the code that trapped, taken at the first instruction of a trap handler.

There all registers but pc still are those of the trapped code, so that GDB's own unwinding works once it is told that
the frame below the handler's is at the pc that trapped.
"""

from __future__ import annotations

from collections.abc import Iterator

import gdb
import gdb.unwinder

from gdbext.riscv.paging import U64_MASK
from gdbext.riscv.registers import INTEGER_NAMES
from gdbext.trace.record import Frame


class FrameId:
    """What GDB wants to tell frames apart by."""

    def __init__(self, sp: gdb.Value, pc: gdb.Value) -> None:
        self.sp = sp
        self.pc = pc


class TrapUnwinder(gdb.unwinder.Unwinder):
    """Unwinds the innermost frame to `trapped_pc`, while that is set."""

    def __init__(self) -> None:
        super().__init__("sv39-trap")
        self.trapped_pc: int | None = None

    def __call__(self, pending_frame: gdb.PendingFrame) -> gdb.UnwindInfo | None:
        if self.trapped_pc is None or pending_frame.level() != 0:
            return None
        pc = pending_frame.read_register("pc")
        info = pending_frame.create_unwind_info(FrameId(pending_frame.read_register("sp"), pc))
        for name in INTEGER_NAMES:
            info.add_saved_register(name, pending_frame.read_register(name))
        # GDB takes the pc of an outer frame for a return address, and looks one byte before it.
        info.add_saved_register("pc", gdb.Value(self.trapped_pc + 1).cast(pc.type))
        return info


_unwinder = TrapUnwinder()
gdb.unwinder.register_unwinder(None, _unwinder, replace=True)
_unwinder.enabled = False


def read_backtrace(trapped_pc: int, limit: int) -> list[Frame]:
    """At most `limit` frames from `trapped_pc` outwards; as many as GDB can unwind."""
    _unwinder.trapped_pc, _unwinder.enabled = trapped_pc, True
    gdb.invalidate_cached_frames()
    try:
        return list(_iter_frames(limit))
    finally:
        _unwinder.enabled = False
        gdb.invalidate_cached_frames()


def _iter_frames(limit: int) -> Iterator[Frame]:
    try:
        frame = gdb.newest_frame().older()
        past = 1
        while frame is not None and frame.pc() and limit > 0:
            yield Frame(_describe_frame(frame, frame.pc() - past), _read_arguments(frame))
            frame, limit, past = frame.older(), limit - 1, 0
    except gdb.error:
        return  # Stack memory that GDB cannot read ends a backtrace like its beginning does.


def _describe_frame(frame: gdb.Frame, pc: int) -> str:
    function = frame.function()
    if function is None:
        return frame.name() or hex(pc)
    offset = pc - int(function.value().address)
    return f"{function.name}+{offset}" if offset else str(function.name)


def _read_arguments(frame: gdb.Frame) -> dict[str, int]:
    """The integers and pointers among the arguments, as far as GDB can still tell them."""
    try:
        block = frame.block()
        while block is not None and block.function is None:
            block = block.superblock
    except RuntimeError:
        return {}
    arguments = {}
    for symbol in block or ():
        if symbol.is_argument:
            try:
                arguments[symbol.name] = int(frame.read_var(symbol)) & U64_MASK
            except (gdb.error, ValueError):
                continue  # Optimized out, or a structure.
    return arguments
