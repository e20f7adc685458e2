"""Physical memory that lies in a file: which ranges the file holds, and reading them.

Reads are plain `pread`s: a file that shrinks under a memory map would kill the process, and the pages of a large one
would count as memory of ours.
"""

from __future__ import annotations

import os
import stat
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from gdbext.errors import BadFile, NotCaptured
from gdbext.riscv.paging import PA_BITS

COMPARE_CHUNK = 1 << 20


class Segment(NamedTuple):
    """Physical memory [start, end), which lies in the file from `offset` on."""

    start: int
    end: int
    offset: int


class InputFile:
    """A regular file open for reading at any place. Raises `BadFile` where it cannot be opened."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            # Without O_NONBLOCK the opening of a pipe would wait for a writer.
            self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except (OSError, ValueError) as error:
            raise BadFile(f"cannot open {path}: {getattr(error, 'strerror', None) or error}") from error
        status = os.fstat(self._descriptor)
        self.size = status.st_size
        if not stat.S_ISREG(status.st_mode):
            self.close()
            raise BadFile(f"{path} is not a regular file")

    def read(self, offset: int, size: int) -> bytes:
        """Exactly `size` bytes. Raises `BadFile` where the file ends before or cannot be read."""
        if offset + size > self.size:
            raise BadFile(f"{self.path} is truncated: {size} bytes at {offset:#x} are missing")
        try:
            content = os.pread(self._descriptor, size, offset)
            while len(content) < size:
                more = os.pread(self._descriptor, size - len(content), offset + len(content))
                if not more:
                    raise BadFile(f"{self.path} has become shorter while it was being read")
                content += more
        except OSError as error:
            raise BadFile(f"cannot read {self.path}: {error.strerror}") from error
        return content

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __del__(self) -> None:
        if hasattr(self, "_descriptor"):
            self.close()


class FileMemory:
    """The physical memory that `segments` of `file` hold.

    `missing` is the reason that goes with what it does not hold. Raises `BadFile` where a segment is beyond the file or
    the physical address space, or where two of them disagree.
    """

    def __init__(self, file: InputFile, segments: Iterable[Segment], missing: str) -> None:
        self.file = file
        self.missing = missing
        self._segments = _disjoint(file, sorted(s for s in segments if s.start < s.end))
        self._starts = [segment.start for segment in self._segments]

    def read(self, pa: int, size: int) -> bytes:
        """Exactly `size` bytes at `pa`. Raises `NotCaptured` where the file does not hold all of them."""
        index = bisect_right(self._starts, pa) - 1
        if index >= 0:
            start, end, offset = self._segments[index]
            if pa + size <= end:
                return self.file.read(offset + pa - start, size)
        return b"".join(self._iter_parts(pa, size, index))

    def _iter_parts(self, pa: int, size: int, index: int) -> Iterator[bytes]:
        position = pa
        while position < pa + size:
            if not (0 <= index < len(self._segments) and self._segments[index].end > position):
                index += 1
            if not (index < len(self._segments) and self._segments[index].start <= position):
                raise NotCaptured(pa, size, self.missing)
            start, end, offset = self._segments[index]
            length = min(end, pa + size) - position
            yield self.file.read(offset + position - start, length)
            position += length

    def ranges(self) -> list[tuple[int, int]]:
        """The ranges [start, end) that the file holds, in order, adjacent ones as one."""
        merged: list[tuple[int, int]] = []
        for start, end, _ in self._segments:
            if merged and merged[-1][1] == start:
                merged[-1] = (merged[-1][0], end)
            else:
                merged.append((start, end))
        return merged


def _disjoint(file: InputFile, segments: list[Segment]) -> list[Segment]:
    """The same memory without overlaps. A dump may hold a range twice, but then with the same bytes."""
    disjoint: list[Segment] = []
    allowance = file.size
    for segment in segments:
        start, end, offset = segment
        if end > 1 << PA_BITS:
            raise BadFile(f"{file.path}: the segment at {start:#x} ends beyond the {PA_BITS}-bit physical addresses")
        if offset + end - start > file.size:
            raise BadFile(f"{file.path} is truncated: it ends within the segment of physical memory at {start:#x}")
        if disjoint and start < disjoint[-1].end:
            overlap_end = min(end, disjoint[-1].end)
            allowance -= overlap_end - start
            if allowance < 0 or not _is_same(file, disjoint[-1], segment, start, overlap_end):
                raise BadFile(f"{file.path}: two segments disagree about the physical memory at {start:#x}")
            offset += overlap_end - start
            start = overlap_end
        if start < end:
            disjoint.append(Segment(start, end, offset))
    return disjoint


def _is_same(file: InputFile, one: Segment, other: Segment, start: int, end: int) -> bool:
    """Whether both segments hold the same bytes for [start, end)."""
    one_offset = one.offset + start - one.start
    other_offset = other.offset + start - other.start
    if one_offset == other_offset:
        return True
    for position in range(0, end - start, COMPARE_CHUNK):
        length = min(COMPARE_CHUNK, end - start - position)
        if file.read(one_offset + position, length) != file.read(other_offset + position, length):
            return False
    return True
