"""What a listing makes of a scan: the range and the permissions asked for, the holes between mappings, and names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from gdbext.errors import BadInput
from gdbext.riscv.paging import U64_MASK, PagingMode
from gdbext.riscv.pte import FLAG_LETTERS
from gdbext.tables.scan import UNREADABLE, Run
from gdbext.target.base import Target

# In place of a run's attributes, like UNREADABLE: nothing is mapped there. A mapping has at least V set.
HOLE = 0
MAX_NAMES = 4

Accept = Callable[[int], bool]


def parse_permissions(text: str) -> Accept:
    """The condition that the user's `-perm TEXT` puts on attributes. Raises `BadInput`.

    Letters of rwxugad must all be set (`wx`). With a dash in it the text is a pattern for the columns r w x u g a d,
    from the left, in which a dash stands for a clear flag (`r--` is what may only be read).
    """
    bits = {letter.lower(): bit for bit, letter in FLAG_LETTERS}
    wanted = cared = 0
    if "-" in text:
        for character, letter in zip(text, bits, strict=False):
            if character not in (letter, "-"):
                break
            cared |= bits[letter]
            wanted |= bits[letter] if character == letter else 0
        else:
            if len(text) <= len(bits):
                return lambda attributes: attributes & cared == wanted
    elif text and set(text) <= set(bits):
        wanted = sum(bits[letter] for letter in set(text))
        return lambda attributes: attributes & wanted == wanted
    raise BadInput(f"-perm {text}: letters of {''.join(bits)} that must be set, or a pattern such as r-x")


def iter_with_holes(chunks: Iterable[list[Run]], mode: PagingMode, start: int, end: int) -> Iterator[list[Run]]:
    """The chunks of a scan of [start, end) with a HOLE for each canonical range in which nothing is mapped."""
    gap_start, gap_end = mode.va_size // 2, U64_MASK + 1 - mode.va_size // 2

    def holes(hole_start: int, hole_end: int) -> Iterator[Run]:
        for low, high in ((hole_start, min(hole_end, gap_start)), (max(hole_start, gap_end), hole_end)):
            if low < high:
                yield low, 0, high - low, HOLE, 0

    done = start
    for chunk in chunks:
        listed: list[Run] = []
        for run in chunk:
            if run[0] > done:
                listed += holes(done, run[0])
            listed.append(run)
            done = run[0] + run[2]
        yield listed
    rest = list(holes(done, end))
    if rest:
        yield rest


def clip(chunk: list[Run], start: int, end: int) -> list[Run]:
    """The parts of the runs that lie in [start, end). Their leaves stay counted: each reaches into the range."""
    clipped: list[Run] = []
    for va, pa, size, attributes, leaves in chunk:
        before = max(start - va, 0)
        kept = min(end, va + size) - va - before
        if kept > 0:
            # The pa of an unreadable table is the table's own.
            clipped.append((va + before, pa if attributes == UNREADABLE else pa + before, kept, attributes, leaves))
    return clipped


class Interval(NamedTuple):
    """A named range [start, end)."""

    start: int
    end: int
    name: str


class Names:
    """What lies at the pages of a listing: sections of the symbol file, the page-table region, devices.

    Keeps its place between calls: ask in order of va.
    """

    def __init__(self, target: Target) -> None:
        virtual = [Interval(section.start, section.end, section.name) for section in target.sections()]
        region = target.page_table_region()
        if region is not None:
            virtual.append(Interval(region.start, region.end, "page-table region"))
        self._virtual = sorted(virtual)
        self._next = 0
        memory = target.memory_regions()
        self._physical = None if memory is None else [Interval(m.start, m.end, m.name) for m in memory if not m.is_ram]
        self._ram = [(m.start, m.end) for m in memory or () if m.is_ram]
        # Where the last one was, or else most of them will be.
        self._ram_start, self._ram_end = max(self._ram, key=lambda ram: ram[1] - ram[0], default=(0, 0))

    def is_nameless(self, chunk: Sequence[Run]) -> bool:
        """Whether no row of a chunk can have a name: a quick look at all of them at once."""
        start, end = chunk[0][0], chunk[-1][0] + chunk[-1][2]
        _, pas, sizes, kinds, _ = zip(*chunk, strict=True)
        return (
            min(kinds) > HOLE
            and self._ram_start <= min(pas)
            and max(pas) + max(sizes) <= self._ram_end
            and not any(named.start < end and named.end > start for named in self._virtual)
        )

    def find(self, run: Run) -> str:
        """The names that apply to a row; empty where there are none."""
        va, pa, size, attributes, _ = run
        if attributes <= HOLE:
            return ""
        virtual = self._virtual
        end = va + size
        while self._next < len(virtual) and virtual[self._next].end <= va:
            self._next += 1
        is_plain_ram = self._ram_start <= pa and pa + size <= self._ram_end
        if is_plain_ram and (self._next == len(virtual) or virtual[self._next].start >= end):
            return ""
        names = [named.name for named in virtual[self._next :] if named.start < end and named.end > va]
        if not is_plain_ram and self._physical is not None:
            names += self._find_physical(pa, pa + size)
        if len(names) > MAX_NAMES:
            return f"{' '.join(names[: MAX_NAMES - 1])} ... {names[-1]}"
        return " ".join(names)

    def _find_physical(self, start: int, end: int) -> list[str]:
        assert self._physical is not None
        names = [device.name for device in self._physical if device.start < end and device.end > start]
        for ram_start, ram_end in self._ram:
            if ram_start < end and ram_end > start:
                self._ram_start, self._ram_end = ram_start, ram_end
                return names
        return names or ["no memory"]
