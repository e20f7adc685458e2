"""Backtraces of the code that trapped, taken at the first instruction of a trap handler.

There all registers but pc still are those of the trapped code, so that GDB's own unwinding works once it is told that
the frame below the handler's is at the pc that trapped. GDB takes a millisecond for it, so backtraces are kept: one
still holds where the registers that unwinding starts from are the same, and so is every word of the stack that was one
of the frames' return addresses or frame pointers. Whatever GDB followed is among these.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import gdb
import gdb.unwinder

from gdbext.riscv.paging import U64_MASK
from gdbext.riscv.registers import INTEGER_NAMES
from gdbext.trace.record import Frame

# What the frames further out are found by; all may hold their arguments.
KEPT_REGISTERS = ("ra", "sp", "fp")
WORD = 8
MAX_STACK = 1 << 14
BACKTRACES_KEPT = 256

ReadRegister = Callable[[str], int]
ReadMemory = Callable[[int, int], bytes | None]


class FrameId:
    """What GDB wants to tell frames apart by."""

    def __init__(self, sp: gdb.Value, pc: gdb.Value) -> None:
        self.sp = sp
        self.pc = pc


class TrapUnwinder(gdb.unwinder.Unwinder):
    """Unwinds the innermost frame to the code that trapped at `trapped_pc`, which it kept `registers` of."""

    def __init__(self) -> None:
        super().__init__("sv39-trap")
        self.enabled = False
        self.trapped_pc = 0
        self.registers: tuple[str, ...] = KEPT_REGISTERS

    def __call__(self, pending_frame: gdb.PendingFrame) -> gdb.UnwindInfo | None:
        if pending_frame.level() != 0:
            return None
        pc = pending_frame.read_register("pc")
        info = pending_frame.create_unwind_info(FrameId(pending_frame.read_register("sp"), pc))
        for name in self.registers:
            info.add_saved_register(name, pending_frame.read_register(name))
        # GDB takes the pc of an outer frame for a return address, and looks one byte before it.
        info.add_saved_register("pc", gdb.Value(self.trapped_pc + 1).cast(pc.type))
        return info


unwinder = TrapUnwinder()
gdb.unwinder.register_unwinder(None, unwinder, replace=True)


@dataclass(frozen=True)
class KnownBacktrace:
    """A backtrace, and the words of the stack (offset from sp, value) that it rests on."""

    frames: tuple[Frame, ...]
    words: tuple[tuple[int, int], ...]
    size: int


class Backtraces:
    """The backtraces of a trace, each unwound by GDB once."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, ...], KnownBacktrace] = {}

    def read(self, pc: int, limit: int, read_register: ReadRegister, read_memory: ReadMemory) -> tuple[Frame, ...]:
        """At most `limit` frames from the code that trapped at `pc` outwards; as many as GDB can unwind."""
        sp = read_register("sp")
        fp = read_register("fp")
        # A frame pointer points into the stack; anything else in its register is data, and nothing is unwound by it.
        key = (pc, sp, limit, read_register("ra"), fp if sp < fp <= sp + MAX_STACK else 0)
        known = self._known.get(key)
        if known is not None and (not known.size or self._still_holds(known, read_memory(sp, known.size))):
            return known.frames
        found = unwind(pc, limit)
        frames = tuple(frame for frame, *_ in found)
        size = max((outer_sp for *_, outer_sp in found), default=sp) - sp
        stack = read_memory(sp, size) if 0 < size <= MAX_STACK and size % WORD == 0 else b"" if not size else None
        if stack is not None:
            values = {at for _, at, _, _ in found} | {fp for *_, fp, _ in found if sp < fp <= sp + size}
            words = enumerate(struct.unpack(f"<{size // WORD}Q", stack))
            if len(self._known) == BACKTRACES_KEPT:
                self._known.clear()
            rests_on = tuple((number * WORD, word) for number, word in words if word in values)
            self._known[key] = KnownBacktrace(frames, rests_on, size)
        return frames

    @staticmethod
    def _still_holds(known: KnownBacktrace, stack: bytes | None) -> bool:
        return stack is not None and all(
            int.from_bytes(stack[offset : offset + WORD], "little") == value for offset, value in known.words
        )


def unwind(pc: int, limit: int) -> list[tuple[Frame, int, int, int]]:
    """GDB's frames from `pc` outwards, each with where it is, its frame pointer and its sp."""
    with trapped_at(pc, KEPT_REGISTERS):
        return [
            (Frame(_describe_frame(frame, at)), at, _read(frame, "fp"), _read(frame, "sp"))
            for frame, at in _iter_frames(limit)
        ]


def read_deep_backtrace(pc: int, limit: int) -> tuple[Frame, ...]:
    """At most `limit` frames from `pc` outwards, with their arguments."""
    with trapped_at(pc, INTEGER_NAMES):
        return tuple(Frame(_describe_frame(frame, at), _read_arguments(frame)) for frame, at in _iter_frames(limit))


@contextmanager
def trapped_at(pc: int, registers: tuple[str, ...]) -> Iterator[None]:
    """Inside, GDB unwinds the handler that it has stopped in to `pc`."""
    unwinder.trapped_pc, unwinder.registers, unwinder.enabled = pc, registers, True
    gdb.invalidate_cached_frames()
    try:
        yield
    finally:
        unwinder.enabled = False
        gdb.invalidate_cached_frames()


def _iter_frames(limit: int) -> Iterator[tuple[gdb.Frame, int]]:
    """The frames outside the handler's, each with where it is."""
    try:
        frame = gdb.newest_frame().older()
        past = 1
        while frame is not None and frame.pc() and limit > 0:
            yield frame, frame.pc() - past
            if frame.type() != gdb.INLINE_FRAME:
                past = 0
            frame, limit = frame.older(), limit - 1
    except gdb.error:
        return  # Stack memory that GDB cannot read ends a backtrace like its beginning does.


def describe_frames(limit: int) -> tuple[str, ...]:
    """At most `limit` frames from where the hart has stopped outwards, as `name+offset`."""
    names: list[str] = []
    try:
        frame = gdb.newest_frame()
        while frame is not None and frame.pc() and len(names) < limit:
            names.append(_describe_frame(frame, frame.pc()))
            frame = frame.older()
    except gdb.error:
        pass  # As above.
    return tuple(names)


def _read(frame: gdb.Frame, name: str) -> int:
    return int(frame.read_register(name)) & U64_MASK


def _describe_frame(frame: gdb.Frame, pc: int) -> str:
    function = frame.function()
    if function is None:
        return frame.name() or hex(pc)
    if frame.type() == gdb.INLINE_FRAME:
        return str(function.name)
    offset = pc - int(function.value().address)
    return f"{function.name}+{offset}" if offset else str(function.name)


def _read_arguments(frame: gdb.Frame) -> Mapping[str, int]:
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
