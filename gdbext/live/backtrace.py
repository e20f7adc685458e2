"""Backtraces of the code that trapped, taken at the first instruction of a trap handler.

There all registers but pc still are those of the trapped code, so that GDB's own unwinding works once it is told that
the frame below the handler's is at the pc that trapped.
"""

from __future__ import annotations

from collections.abc import Iterator

import gdb
import gdb.unwinder

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
        info.add_saved_register("pc", gdb.Value(self.trapped_pc).cast(pc.type))
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
        while frame is not None and limit > 0:
            yield Frame(_describe_frame(frame), _describe_arguments(frame))
            frame, limit = frame.older(), limit - 1
    except gdb.error:
        return  # Stack memory that GDB cannot read ends a backtrace like its beginning does.


def _describe_frame(frame: gdb.Frame) -> str:
    function = frame.function()
    pc = frame.pc()
    if function is None:
        return frame.name() or hex(pc)
    offset = pc - int(function.value().address)
    return f"{function.name}+{offset}" if offset else str(function.name)


def _describe_arguments(frame: gdb.Frame) -> str:
    """`va=0x1000, level=1`: the arguments that GDB can still tell."""
    try:
        block = frame.block()
        while block is not None and block.function is None:
            block = block.superblock
    except RuntimeError:
        return ""
    parts = []
    for symbol in block or ():
        if symbol.is_argument:
            try:
                value = frame.read_var(symbol)
                parts.append(f"{symbol.name}={value.format_string(format='x', max_elements=0)}")
            except (gdb.error, ValueError):
                continue
    return ", ".join(part for part in parts if "optimized out" not in part)
