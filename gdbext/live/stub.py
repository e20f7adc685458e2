"""QEMU's gdb stub: physical reads and short monitor questions. QEMU's documentation calls the mode PhyMemMode."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import gdb

from gdbext.errors import NoMemory, TargetLost, UnsupportedTarget

# QEMU refuses a longer answer: its packets hold 4096 characters, two a byte.
MAX_READ = 0x800

LOST_WORDS = ("closed", "connection", "communication", "disconnected", "no longer", "timed out", "not being run")


def is_lost(error: gdb.error) -> bool:
    """Whether GDB's error text says that the target is gone, rather than that it refused."""
    text = str(error).lower()
    return any(word in text for word in LOST_WORDS)


def describe_error(error: gdb.error | RuntimeError) -> str:
    """GDB's error text in one line."""
    return " ".join(str(error).split())


class Stub:
    """One connection to QEMU's stub."""

    def __init__(self, connection: gdb.RemoteTargetConnection) -> None:
        self.connection = connection
        # The section that has switched PhyMemMode, and the mode to put back; None outside of all sections.
        self._section: object | None = None
        self._mode_before = "0"

    def send(self, packet: str) -> bytes:
        """The answer to a raw packet; empty where the stub does not know it. Raises `TargetLost`."""
        try:
            answer = self.connection.send_packet(packet)
        except (gdb.error, RuntimeError) as error:  # the latter where GDB has noticed already
            raise TargetLost(f"the target went away: {describe_error(error)}") from error
        return answer if isinstance(answer, bytes) else answer.encode("latin-1")

    @contextmanager
    def physical(self) -> Iterator[None]:
        """Inside, `m` packets mean physical addresses. The mode that was there comes back, whatever happens."""
        if self._section is not None:
            yield
            return
        mode = self.send("qqemu.PhyMemMode").decode("latin-1")
        if mode not in ("0", "1"):
            raise UnsupportedTarget(
                "this stub has no physical memory mode (QEMU's has): walks of live tables need QEMU as the target"
            )
        section = object()
        try:
            self._mode_before = mode
            self._section = section
            self.send("Qqemu.PhyMemMode:1")
            yield
        finally:
            # A section that a Ctrl-C cut off may end late, when another has begun.
            if self._section is section:
                self.leave_physical()

    def leave_physical(self) -> None:
        """Put back the mode that was there before `physical`, if that is not done yet.

        A Ctrl-C can come at any point, also at the end of `physical`; so each command ends with this, too.
        """
        if self._section is None:
            return
        # A stub that is gone has no mode to put back; what went wrong is already on its way up.
        with suppress(TargetLost):
            self.send(f"Qqemu.PhyMemMode:{self._mode_before}")
        self._section = None

    def read(self, pa: int, size: int) -> bytes:
        """`size` bytes at `pa`, where the caller knows that there is memory: PhyMemMode reads zeros elsewhere."""
        with self.physical():
            return b"".join(
                self._read_packet(start, min(MAX_READ, pa + size - start)) for start in range(pa, pa + size, MAX_READ)
            )

    def _read_packet(self, pa: int, size: int) -> bytes:
        answer = self.send(f"m{pa:x},{size:x}")
        if answer.startswith(b"E") or len(answer) != 2 * size:
            raise NoMemory(pa, size, f"the stub answers {answer[:8].decode('latin-1') or 'nothing'}")
        return bytes.fromhex(answer.decode("ascii"))

    def monitor(self, question: str) -> str:
        """The monitor's answer to a question with a short one: a long one can dead-lock GDB and QEMU on a unix socket.

        Raises `UnsupportedTarget` where the target has no monitor.
        """
        try:
            return str(gdb.execute(f"monitor {question}", to_string=True)).replace("\r", "").strip()
        except gdb.error as error:
            if is_lost(error):
                raise TargetLost(f"the target went away: {describe_error(error)}") from error
            raise UnsupportedTarget(f"the target has no monitor: {describe_error(error)}") from error
