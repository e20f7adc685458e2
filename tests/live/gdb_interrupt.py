"""Runs inside the GDB under test: a command again and again, each time with a Ctrl-C at another line of our code."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

import gdb

# contextlib runs the `with` statements in which the stub's mode is switched.
WATCHED = ("/gdbext/live/", "contextlib.py")


class Interrupter:
    """Raises KeyboardInterrupt, as GDB does for a Ctrl-C, at event number `countdown` in the watched files."""

    def __init__(self, countdown: int) -> None:
        self.countdown = countdown
        self.place: str | None = None

    def __call__(self, frame: FrameType, event: str, _: Any) -> Any:
        if not any(part in frame.f_code.co_filename for part in WATCHED):
            return None
        self.countdown -= 1
        if self.countdown == 0:
            self.place = f"{frame.f_code.co_qualname}, line {frame.f_lineno}, {event}"
            raise KeyboardInterrupt
        return self


def interrupt_everywhere(command: str) -> None:
    """Print where a Ctrl-C during `command` leaves PhyMemMode on or the next answer wrong, and how many were tried."""
    connection = gdb.selected_inferior().connection
    expected = gdb.execute(command, to_string=True)
    count = 0
    while True:
        interrupter = Interrupter(count + 1)
        sys.settrace(interrupter)
        try:
            gdb.execute(command, to_string=True)
        except (KeyboardInterrupt, gdb.error):
            pass
        finally:
            sys.settrace(None)
        if interrupter.place is None:
            break
        count += 1
        mode = connection.send_packet("qqemu.PhyMemMode").decode()
        if mode != "0":
            print(f"Ctrl-C in {interrupter.place} leaves PhyMemMode {mode}")
            connection.send_packet("Qqemu.PhyMemMode:0")
        if gdb.execute(command, to_string=True) != expected:
            print(f"after Ctrl-C in {interrupter.place} the answer is another")
    print("interrupted", count)
