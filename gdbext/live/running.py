"""Having the machine run, under GDB's control."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import gdb

from gdbext.live.interrupt import kept_interrupt
from gdbext.live.stub import is_lost
from gdbext.live.target import LiveTarget

# What GDB is told for as long as breakpoints of ours are hit often: without an OS ABI it steps in hardware (stepping in
# software, GDB 13 loses track of a second hart), and the breakpoints are not taken out at each stop.
SETTINGS = (("osabi", "none"), ("breakpoint always-inserted", "on"))


def resume() -> bool:
    """Have the machine run until it stops or ends; whether the user interrupted it."""
    with kept_interrupt() as interrupt:
        try:
            gdb.execute("continue")
        except gdb.error as error:
            if not is_lost(error):
                raise
        return interrupt.is_pressed


def is_alive(target: LiveTarget) -> bool:
    """Whether the machine is still there."""
    return any(i.connection == target.connection and i.threads() for i in gdb.inferiors())


@contextmanager
def changed_settings() -> Iterator[None]:
    """GDB's `SETTINGS`, and afterwards what the user had."""
    before = [(name, gdb.parameter(name)) for name, _ in SETTINGS]
    try:
        for name, value in SETTINGS:
            gdb.execute(f"set {name} {value}", to_string=True)
        yield
    finally:
        for name, old in before:
            text = {True: "on", False: "off"}.get(old, old) if isinstance(old, bool) else old
            gdb.execute(f"set {name} {text}", to_string=True)


def describe_source(pc: int) -> str | None:
    """`file:line` of the code at `pc`."""
    place = gdb.find_pc_line(pc)
    return f"{place.symtab.filename.rpartition('/')[2]}:{place.line}" if place.symtab else None
