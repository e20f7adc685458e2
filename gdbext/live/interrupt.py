"""Ctrl-C while breakpoints of ours stop the machine many times a second.

GDB answers Ctrl-C by sending QEMU a break. One that arrives while the machine stands at a breakpoint is dropped by
QEMU's stub, and GDB then goes on as if nobody had pressed a key. So the signal is kept from GDB and taken by a thread,
which sees to it that the machine stops: at the next breakpoint, or by breaks until one is heard.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import gdb

AGAIN = 0.1  # seconds until a break that was not heard is sent again
INTERRUPTS = {signal.SIGINT}


class Interrupt:
    """Whether somebody has pressed Ctrl-C since the machine was resumed."""

    def __init__(self) -> None:
        self.is_pressed = False
        self.is_over = threading.Event()

    def wait(self) -> None:
        """In a thread of its own: wait for Ctrl-C, or to be woken at the end, then stop the machine."""
        signal.sigwait(INTERRUPTS)
        while not self.is_over.is_set():
            self.is_pressed = True
            gdb.post_event(self._send_break)
            self.is_over.wait(AGAIN)

    def _send_break(self) -> None:
        if not self.is_over.is_set():
            # An error means that the machine has stopped meanwhile, or is gone.
            with suppress(gdb.error):
                gdb.execute("interrupt", to_string=True)


@contextmanager
def kept_interrupt() -> Iterator[Interrupt]:
    """Inside, Ctrl-C stops the machine and shows in `is_pressed`; GDB does not see it."""
    interrupt = Interrupt()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, INTERRUPTS)
    thread = threading.Thread(target=interrupt.wait, daemon=True)
    thread.start()
    try:
        yield interrupt
    finally:
        interrupt.is_over.set()
        if thread.is_alive() and not interrupt.is_pressed:
            assert thread.ident is not None
            signal.pthread_kill(thread.ident, signal.SIGINT)
        thread.join()
        signal.sigtimedwait(INTERRUPTS, 0)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
