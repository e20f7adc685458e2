"""The exceptions of the program: each one means that a question could not be answered.

A page fault, a dangling table or a failed lint rule is an answer and never raises. A front end turns an `Sv39Error`
into one line; any other exception is a bug and keeps its traceback.
"""


class Sv39Error(Exception):
    """The question could not be answered; the text says why and what to do."""


class BadInput(Sv39Error):
    """What the user typed makes no sense: an expression, an option, a value."""


class UnsupportedTarget(Sv39Error):
    """The target cannot answer: no target, another architecture, no satp, no physical memory access."""


class TargetLost(Sv39Error):
    """The connection to the target went away while it was being read."""


class BadFile(Sv39Error):
    """A file is not what it should be: truncated, of another machine, or absurd."""


class UnreadableMemory(Sv39Error):
    """Physical memory that cannot be read. Code that walks or lists catches it and reports the address."""

    def __init__(self, pa: int, size: int, reason: str) -> None:
        super().__init__(f"physical memory at {pa:#x} (size {size}) cannot be read: {reason}")
        self.pa = pa
        self.size = size
        self.reason = reason


class NoMemory(UnreadableMemory):
    """The machine has no memory there: the hardware would answer with an access fault."""


class NotCaptured(UnreadableMemory):
    """The file does not hold that memory, which says nothing about what the machine had there."""


class TransportUnavailable(Sv39Error):
    """A way to guest memory that is closed here, or has just been lost; the text says why. Others may be open."""
