"""Searching stretches of memory for a pattern of bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from gdbext.errors import NoMemory, NotCaptured
from gdbext.riscv.paging import PAGE_SIZE
from gdbext.target.base import Target

CHUNK = 1 << 20
# A match then reaches over two stretches at most.
MAX_PATTERN = PAGE_SIZE


class Stretch(NamedTuple):
    """Memory that is contiguous both by `address`, virtual or physical, and by `pa`."""

    address: int
    pa: int
    size: int


class Hit(NamedTuple):
    """Where a match begins."""

    address: int
    pa: int


@dataclass
class Search:
    """One pass over `stretches`, in order of address. The totals are complete when the pass has ended."""

    target: Target
    stretches: Iterable[Stretch]
    pattern: bytes
    searched_size: int = 0
    unknown: list[Stretch] = field(default_factory=list)

    def iter_hits(self) -> Iterator[Hit]:
        """Every match, overlapping ones too, also where it reaches over the border of two adjacent stretches.

        What is no RAM is passed over; RAM that the file does not hold is kept in `unknown`.
        """
        overlap = len(self.pattern) - 1
        tail, tail_pa, tail_end = b"", 0, 0
        for address, pa, content in self._iter_contents():
            if address != tail_end:
                tail = b""
            if not tail:
                tail_pa = pa
            window = tail + content
            start = address - len(tail)
            found = window.find(self.pattern)
            while found >= 0:
                yield Hit(start + found, tail_pa + found if found < len(tail) else pa + found - len(tail))
                found = window.find(self.pattern, found + 1)
            tail = window[-overlap:] if overlap else b""
            tail_pa = pa + len(content) - len(tail)
            tail_end = address + len(content)

    def _iter_contents(self) -> Iterator[tuple[int, int, bytes]]:
        """(address, pa, content) of all that can be read, in large chunks where that is possible."""
        for stretch in self.stretches:
            for offset in range(0, stretch.size, CHUNK):
                size = min(CHUNK, stretch.size - offset)
                yield from self._read(Stretch(stretch.address + offset, stretch.pa + offset, size))

    def _read(self, part: Stretch) -> Iterator[tuple[int, int, bytes]]:
        try:
            content = self.target.read_physical(part.pa, part.size)
        except (NoMemory, NotCaptured) as error:
            if part.size > PAGE_SIZE:
                for offset in range(0, part.size, PAGE_SIZE):
                    size = min(PAGE_SIZE, part.size - offset)
                    yield from self._read(Stretch(part.address + offset, part.pa + offset, size))
            elif isinstance(error, NotCaptured):
                self._note_unknown(part)
            return
        self.searched_size += part.size
        yield part.address, part.pa, content

    def _note_unknown(self, part: Stretch) -> None:
        last = self.unknown[-1] if self.unknown else None
        if last and (last.address + last.size, last.pa + last.size) == (part.address, part.pa):
            self.unknown[-1] = last._replace(size=last.size + part.size)
        else:
            self.unknown.append(part)
