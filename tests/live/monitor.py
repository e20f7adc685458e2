"""QEMU's monitor on a socket of its own: the other opinion, which the live tests compare with ours."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from types import TracebackType

from scripts.qemu import PATIENCE, Machine

PROMPT = b"(qemu) "
MAPPING_LINE = re.compile(r"^([0-9a-f]{16}) ([0-9a-f]{16}) ([0-9a-f]{16}) ([-rwxugad]{7})$")


class Monitor:
    """A connection to the monitor of `machine`; a context manager."""

    def __init__(self, machine: Machine) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(PATIENCE)
        self._socket.connect(str(machine.monitor))
        self._read_answer()

    def __enter__(self) -> Monitor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def _read_answer(self) -> str:
        answer = b""
        while not answer.endswith(PROMPT):
            piece = self._socket.recv(65536)
            assert piece, f"QEMU's monitor went away after {answer!r}"
            answer += piece
        return answer.removesuffix(PROMPT).decode().replace("\r", "")

    def ask(self, question: str) -> str:
        """The answer to `question`, without its echo."""
        self._socket.sendall(question.encode() + b"\n")
        return self._read_answer().partition("\n")[2]

    def translate(self, va: int) -> int | None:
        """What `gva2gpa` says: the pa, or None. On QEMU 7.2 the question itself sets the A bit of the PTE."""
        answer = self.ask(f"gva2gpa {va:#x}").strip()
        if answer == "Unmapped":
            return None
        return int(answer.removeprefix("gpa: "), 16)

    def iter_mappings(self) -> Iterator[tuple[int, int, int, str]]:
        """What `info mem` lists: va, pa, size and the flags rwxugad of each range."""
        for line in self.ask("info mem").splitlines():
            found = MAPPING_LINE.match(line)
            if found:
                va, pa, size = (int(text, 16) for text in found.groups()[:3])
                yield va, pa, size, found[4]
