"""Reading stretches of memory, by physical or by virtual address, with what cannot be read said in its place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from gdbext.errors import UnreadableMemory
from gdbext.riscv.paging import PAGE_SIZE
from gdbext.riscv.rules import TranslationRules
from gdbext.tables.space import AddressSpace
from gdbext.tables.walk import walk
from gdbext.target.base import Target


class Piece(NamedTuple):
    """Memory from `address` on, within one page. `va` and `pa` are None where there is none.

    `content` is None where it cannot be read, and `reason` then says why.
    """

    va: int | None
    pa: int | None
    size: int
    content: bytes | None
    reason: str

    @property
    def address(self) -> int:
        """The address that was asked for."""
        address = self.pa if self.va is None else self.va
        assert address is not None
        return address


def iter_physical(target: Target, pa: int, size: int) -> Iterator[Piece]:
    """The `size` bytes at `pa`, page by page."""
    for start, length in _iter_pages(pa, size):
        yield _read_piece(target, None, start, length)


def iter_virtual(target: Target, space: AddressSpace, rules: TranslationRules, va: int, size: int) -> Iterator[Piece]:
    """The `size` bytes at `va` in an address space, page by page, whatever the permissions say."""
    for start, length in _iter_pages(va, size):
        with target.reading():
            walked = walk(target, space.mode, space.root_pa, start, rules)
        if walked.pa is None:
            yield Piece(start, None, length, None, walked.rule)
        else:
            yield _read_piece(target, start, walked.pa, length)


def _read_piece(target: Target, va: int | None, pa: int, size: int) -> Piece:
    try:
        return Piece(va, pa, size, target.read_physical(pa, size), "")
    except UnreadableMemory as error:
        return Piece(va, pa, size, None, error.reason)


def _iter_pages(start: int, size: int) -> Iterator[tuple[int, int]]:
    """(address, size) of the parts of a range that lie in one page each."""
    end = start + size
    while start < end:
        length = min(end, (start | (PAGE_SIZE - 1)) + 1) - start
        yield start, length
        start += length
