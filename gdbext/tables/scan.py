"""The scan: all the mappings of an address space, in order of va, merged, at a cost near that of reading the tables.

Each table page is read once. A page is taken as a whole where it can be (nothing in it, or one contiguous stretch), and
PTE by PTE otherwise; what the bits of a PTE mean is decided once for each combination of them, not for each PTE.

What only a step of the walk decides (`gdbext.tables.walk`) is decided by the same function here, so that a page is
listed exactly where a walk finds a leaf.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import NamedTuple
from weakref import WeakKeyDictionary

from gdbext.errors import UnreadableMemory
from gdbext.riscv.paging import PA_BITS, PAGE_SHIFT, PAGE_SIZE, PTE_SIZE, PTES_PER_TABLE, U64_MASK, VPN_BITS, PagingMode
from gdbext.riscv.pte import NAPOT_PAGES, PPN_MASK, PPN_SHIFT, RSW, N, Pte, V
from gdbext.riscv.rules import TranslationRules
from gdbext.tables.walk import NAPOT_64K_PATTERN, NAPOT_PPN_BITS, describe_reserved
from gdbext.target.base import Target

# The bits of a PTE that make a mapping what it is, apart from where it points: permissions, A, D, PBMT, N, and V.
ATTRIBUTES = U64_MASK & ~(PPN_MASK | RSW)
COMPARED = U64_MASK & ~RSW
PPN_TO_PA = PAGE_SHIFT - PPN_SHIFT
PA_END = 1 << PA_BITS
# How many runs a listing works on at once, more or less.
CHUNK_SIZE = 512
# How many runs and pointers are remembered from one listing to the next, some 200 bytes each, a page counting for more.
MEMORY_SIZE = 1 << 18
PAGE_COST = 20

_unpack_page = struct.Struct(f"<{PTES_PER_TABLE}Q").unpack
_unpack_pte = struct.Struct("<Q").unpack_from
_ZERO_PAGE = bytes(PAGE_SIZE)
# Half a page of zeros, a quarter of a page, and so on down to a PTE.
_ZEROS = [bytes(PAGE_SIZE >> halvings) for halvings in range(1, VPN_BITS + 1)]
# As one big number of 64-bit lanes: a one in each lane, and the lane's number in each lane.
_ONES = sum(1 << 64 * lane for lane in range(PTES_PER_TABLE))
_RAMP = sum(lane << 64 * lane for lane in range(PTES_PER_TABLE))

# What a valid PTE is, by its attributes and level.
_INVALID, _POINTER, _LEAF, _NAPOT = range(1, 5)

# A stretch of mapped pages as a plain tuple, since there may be millions: va, pa, size in bytes, attributes (the bits
# of ATTRIBUTES that all its PTEs share), and the number of leaf PTEs.
Run = tuple[int, int, int, int, int]
# In place of attributes: the run stands for a table that could not be read; its pa is the table's, its size what the
# table serves.
UNREADABLE = -1


class Pointer(NamedTuple):
    """A non-leaf PTE and the table that it points to. `va` is the first address that the table serves."""

    pte_pa: int
    va: int
    table_pa: int


class DecodedTable(NamedTuple):
    """What the PTEs of a table say: stretches of leaves, pointers, and the indexes of valid PTEs that always fault."""

    runs: list[Run]
    pointers: list[Pointer]
    invalid: list[int]


class UnreadableTable(NamedTuple):
    """A table that a PTE points to and that could not be read, and the first va that it would serve."""

    pa: int
    level: int
    va: int
    reason: str


class DecodedTables:
    """What tables were decoded to, for the next listing. Nothing here is trusted to be so still: only a page that has
    been read again, and has the very same bytes, is taken to mean the same."""

    def __init__(self) -> None:
        self._tables: dict[tuple[int, int, int], tuple[bytes, DecodedTable]] = {}
        self._room = MEMORY_SIZE

    def find(self, page: bytes, table_pa: int, level: int, base: int) -> DecodedTable | None:
        """What the whole table at `table_pa` means if it holds `page`; None where that has to be worked out."""
        kept = self._tables.get((table_pa, level, base))
        return kept[1] if kept is not None and kept[0] == page else None

    def keep(self, page: bytes, table_pa: int, level: int, base: int, decoded: DecodedTable) -> None:
        """Remember a table. When there are too many of them, all are forgotten."""
        self._room -= PAGE_COST + len(decoded.runs) + len(decoded.pointers)
        if self._room < 0:
            self._tables.clear()
            self._room = MEMORY_SIZE
        self._tables[table_pa, level, base] = page, decoded


_memories: WeakKeyDictionary[Target, tuple[object, DecodedTables]] = WeakKeyDictionary()


def find_memory(target: Target, mode: PagingMode, rules: TranslationRules) -> DecodedTables:
    """The tables of `target` as last decoded under the same rules."""
    kind = (mode, rules.svnapot, rules.svpbmt)
    kept = _memories.get(target)
    if kept is None or kept[0] != kind:
        kept = _memories[target] = kind, DecodedTables()
    return kept[1]


def forget_tables() -> None:
    """Forget what tables were decoded to, as if none had been listed."""
    _memories.clear()


class TableReader:
    """Reads table pages of one address space, each of them once, and decodes them."""

    def __init__(self, target: Target, mode: PagingMode, rules: TranslationRules, *, remembers: bool = False) -> None:
        """With `remembers`, a table that has not changed since it was last listed is not decoded again."""
        self._memory = find_memory(target, mode, rules) if remembers else None
        self.mode = mode
        self.rules = rules
        self._target = target
        self._pages: dict[int, bytes | UnreadableMemory] = {}
        self._kinds: list[dict[int, int]] = [{} for _ in range(mode.levels)]
        # The level and the first PTE of the table that would continue a stretch, and that table as one big number.
        self._next_table = (0, 0)
        self._next_expected = 0

    @property
    def table_count(self) -> int:
        """How many different table pages were read."""
        return sum(isinstance(page, bytes) for page in self._pages.values())

    def fetch(self, table_pas: Sequence[int]) -> None:
        """Read the tables at `table_pas`, those not read yet, in one batch."""
        missing = list(dict.fromkeys(pa for pa in table_pas if pa not in self._pages))
        if missing:
            self._pages.update(zip(missing, self._target.read_pages(missing), strict=True))

    def read(self, table_pa: int) -> bytes | UnreadableMemory:
        """The table page at `table_pa`, or why it cannot be read."""
        if table_pa not in self._pages:
            self.fetch((table_pa,))
        return self._pages[table_pa]

    def read_pte(self, pte_pa: int) -> int:
        """The raw value of the PTE at `pte_pa`, as `Target.read_pte` gives it, from the table page."""
        offset = pte_pa % PAGE_SIZE
        page = self.read(pte_pa - offset)
        if isinstance(page, UnreadableMemory):
            raise page
        return int(_unpack_pte(page, offset)[0])

    def decode_whole(self, table_pa: int, level: int, va: int) -> DecodedTable:
        """All PTEs of a table that can be read and that serves the addresses from `va` on.

        A root table serves two canonical halves; no run reaches from one into the other.
        """
        if level < self.mode.root_level:
            return self.decode(table_pa, level, va)
        half = PTES_PER_TABLE // 2
        low = self.decode(table_pa, level, 0, 0, half)
        high = self.decode(table_pa, level, U64_MASK + 1 - self.mode.va_size, half, PTES_PER_TABLE)
        return DecodedTable(low.runs + high.runs, low.pointers + high.pointers, low.invalid + high.invalid)

    def decode(self, table_pa: int, level: int, base: int, first: int = 0, last: int = PTES_PER_TABLE) -> DecodedTable:
        """The PTEs with indexes [first, last) of a table that can be read; PTE 0 serves the va `base`.

        A run never reaches beyond the table; neighbours that could be one run are one. The lists are not the caller's.
        """
        page = self.read(table_pa)
        assert isinstance(page, bytes)
        if self._memory is None or last - first < PTES_PER_TABLE:
            return self._decode_page(page, table_pa, level, base, range(first, last))
        decoded = self._memory.find(page, table_pa, level, base)
        if decoded is None:
            decoded = self._decode_page(page, table_pa, level, base, range(PTES_PER_TABLE))
            self._memory.keep(page, table_pa, level, base, decoded)
        return decoded

    def _decode_page(self, page: bytes, table_pa: int, level: int, base: int, indexes: range) -> DecodedTable:
        used = _find_used(page)
        first, last = max(indexes.start, used.start), min(indexes.stop, used.stop)
        if first >= last:
            return DecodedTable([], [], [])
        if not self._is_uniform(page, level, first, last):
            return self._decode_each(page, table_pa, level, base, range(first, last))
        shift = PAGE_SHIFT + VPN_BITS * level
        value = _unpack_pte(page, first * PTE_SIZE)[0]
        count = last - first
        pa = (value & PPN_MASK) << PPN_TO_PA
        run = (base + (first << shift), pa, count << shift, value & ATTRIBUTES, count)
        return DecodedTable([run], [], [])

    def _decode_each(self, page: bytes, table_pa: int, level: int, base: int, indexes: range) -> DecodedTable:
        """Decode PTE by PTE. This is the hot loop of every listing."""
        decoded = DecodedTable([], [], [])
        runs, pointers, invalid = decoded
        shift = PAGE_SHIFT + VPN_BITS * level
        page_size = 1 << shift
        step = 1 << (PPN_SHIFT + VPN_BITS * level)
        # Above this pa the next PTE of a stretch might carry into the reserved bits; such pages are joined one by one.
        last_pa = PA_END - (PTES_PER_TABLE << shift)
        kinds = self._kinds[level]
        # While a stretch is open, `expected` is what its next PTE would be.
        expected = start = attributes = pa = 0
        for index, value in enumerate(_unpack_page(page)[indexes.start : indexes.stop], indexes.start):
            compared = value & COMPARED
            if expected:
                if compared == expected:
                    expected += step
                    continue
                count = index - start
                runs.append((base + (start << shift), pa, count << shift, attributes, count))
                expected = 0
            if not value & V:
                continue
            attributes = value & ATTRIBUTES
            kind = kinds.get(attributes) or self._classify(attributes, level)
            if kind == _LEAF:
                pa = (value & PPN_MASK) << PPN_TO_PA
                if pa & (page_size - 1):
                    invalid.append(index)
                elif pa < last_pa:
                    start = index
                    expected = compared + step
                else:
                    append_run(runs, (base + (index << shift), pa, page_size, attributes, 1))
            elif kind == _POINTER:
                table_pa_below = (value & PPN_MASK) << PPN_TO_PA
                pointers.append(Pointer(table_pa + index * PTE_SIZE, base + (index << shift), table_pa_below))
            elif kind == _NAPOT and (ppn := (value & PPN_MASK) >> PPN_SHIFT) & NAPOT_PPN_BITS == NAPOT_64K_PATTERN:
                pa = (ppn & ~NAPOT_PPN_BITS | index % NAPOT_PAGES) << PAGE_SHIFT
                append_run(runs, (base + (index << shift), pa, page_size, attributes, 1))
            else:
                invalid.append(index)
        if expected:
            count = indexes.stop - start
            runs.append((base + (start << shift), pa, count << shift, attributes, count))
        return decoded

    def _is_uniform(self, page: bytes, level: int, first: int, last: int) -> bool:
        """Whether the PTEs [first, last) are leaves of one contiguous stretch, by one comparison of big numbers."""
        value = int(_unpack_pte(page, first * PTE_SIZE)[0])
        count = last - first
        step = 1 << (PPN_SHIFT + VPN_BITS * level)
        if _unpack_pte(page, (last - 1) * PTE_SIZE)[0] != value + (count - 1) * step or not value & V:
            return False
        attributes = value & ATTRIBUTES
        if (self._kinds[level].get(attributes) or self._classify(attributes, level)) != _LEAF:
            return False
        pa = (value & PPN_MASK) << PPN_TO_PA
        page_size = self.mode.page_size(level)
        if pa & (page_size - 1) or pa + count * page_size > PA_END:
            return False
        if count < PTES_PER_TABLE:
            lanes = (1 << 64 * count) - 1
            expected = value * (_ONES & lanes) + step * (_RAMP & lanes)
            return int.from_bytes(page[first * PTE_SIZE : last * PTE_SIZE], "little") == expected
        is_continued = (level, value) == self._next_table
        expected = self._next_expected if is_continued else value * _ONES + step * _RAMP
        if int.from_bytes(page, "little") != expected:
            return False
        # A stretch that fills a table mostly goes on in the next one: there an addition does for two multiplications.
        self._next_table = (level, value + PTES_PER_TABLE * step)
        self._next_expected = expected + (_ONES << (PPN_SHIFT + VPN_BITS * (level + 1)))
        return True

    def _classify(self, attributes: int, level: int) -> int:
        pte = Pte(attributes)
        # Which NAPOT sizes are legal depends on the PPN, and is decided for each PTE.
        probe = Pte(attributes | NAPOT_64K_PATTERN << PPN_SHIFT) if attributes & N else pte
        if describe_reserved(probe, level, self.rules) is not None:
            kind = _INVALID
        elif pte.is_leaf:
            kind = _NAPOT if pte.is_napot else _LEAF
        else:
            kind = _POINTER if level else _INVALID
        self._kinds[level][attributes] = kind
        return kind


class Scan:
    """One pass over an address space. The totals are complete when the pass has ended."""

    def __init__(self, reader: TableReader, root_pa: int, *, start: int = 0, end: int = U64_MASK + 1) -> None:
        """A scan of the virtual addresses [start, end): a page that reaches into the range is found whole."""
        self.mode = reader.mode
        self.root_pa = root_pa
        self.unreadable: list[UnreadableTable] = []
        self.invalid_count = 0
        self._start = start
        self._end = end
        self._reader = reader
        # Subtrees without anything to list, with the number of their invalid PTEs: a table that points to itself 512
        # times is entered once a level.
        self._barren: dict[tuple[int, int], int] = {}

    @property
    def table_count(self) -> int:
        """How many different table pages were read."""
        return self._reader.table_count

    def iter_chunks(self) -> Iterator[list[Run]]:
        """The mappings in order of va, merged, in lists of some hundreds; each list is the caller's.

        A run whose attributes are UNREADABLE stands for a table that could not be read.
        """
        held: list[Run] = []
        for chunk in self._iter_halves():
            _extend(held, chunk)
            if len(held) >= CHUNK_SIZE:
                last = held.pop()
                yield held
                held = [last]
        if held:
            yield held

    def iter_runs(self) -> Iterator[Run]:
        """The same, one by one."""
        for chunk in self.iter_chunks():
            yield from chunk

    def _iter_halves(self) -> Iterator[list[Run]]:
        """The root's two halves apart: the canonical addresses of the upper one are those of the lower one no more."""
        level, half = self.mode.root_level, PTES_PER_TABLE // 2
        for base, first, last in ((0, 0, half), (U64_MASK + 1 - self.mode.va_size, half, PTES_PER_TABLE)):
            shift = PAGE_SHIFT + VPN_BITS * level
            if base + (first << shift) < self._end and base + (last << shift) > self._start:
                yield from self._iter_table(self.root_pa, level, base, first, last)

    def _iter_table(
        self, table_pa: int, level: int, base: int, first: int = 0, last: int = PTES_PER_TABLE
    ) -> Iterator[list[Run]]:
        runs, pointers, _ = self._decode(table_pa, level, base, first, last)
        self._reader.fetch([pointer.table_pa for pointer in pointers])
        chunk: list[Run] = []
        done = 0
        for pointer in pointers:
            if done < len(runs) and runs[done][0] < pointer.va:
                before = done
                while done < len(runs) and runs[done][0] < pointer.va:
                    done += 1
                _extend(chunk, runs[before:done])
            if level > 1:
                if chunk:
                    yield chunk
                    chunk = []
                yield from self._iter_child(pointer, level - 1)
            elif (pointer.table_pa, 0) not in self._barren:
                _extend(chunk, self._list_lowest(pointer))
                if len(chunk) >= CHUNK_SIZE:
                    yield chunk
                    chunk = []
            else:
                self.invalid_count += self._barren[pointer.table_pa, 0]
        _extend(chunk, runs[done:])
        if chunk:
            yield chunk

    def _decode(self, table_pa: int, level: int, base: int, first: int, last: int) -> DecodedTable:
        """What of a table lies in the scanned range; in place of one that cannot be read, a run that says so."""
        shift = PAGE_SHIFT + VPN_BITS * level
        first = max(first, (self._start - base) >> shift)
        last = min(last, ((self._end - 1 - base) >> shift) + 1)
        page = self._reader.read(table_pa)
        if isinstance(page, UnreadableMemory):
            va = base if level < self.mode.root_level else 0
            missed = UnreadableTable(table_pa, level, va, page.reason)
            if missed not in self.unreadable[-1:]:  # the root comes twice, once a half
                self.unreadable.append(missed)
            unreadable = (base + (first << shift), table_pa, (last - first) << shift, UNREADABLE, 0)
            return DecodedTable([unreadable], [], [])
        decoded = self._reader.decode(table_pa, level, base, first, last)
        self.invalid_count += len(decoded.invalid)
        return decoded

    def _list_lowest(self, pointer: Pointer) -> list[Run]:
        """The mappings of a table of level 0, which has no others below it."""
        runs, _, invalid = self._decode(pointer.table_pa, 0, pointer.va, 0, PTES_PER_TABLE)
        if not runs:
            self._note_barren(pointer, 0, len(invalid))
        return runs

    def _iter_child(self, pointer: Pointer, level: int) -> Iterator[list[Run]]:
        key = (pointer.table_pa, level)
        if key in self._barren:
            self.invalid_count += self._barren[key]
            return
        invalid_before = self.invalid_count
        is_barren = True
        for chunk in self._iter_table(pointer.table_pa, level, pointer.va):
            is_barren = False
            yield chunk
        if is_barren:
            self._note_barren(pointer, level, self.invalid_count - invalid_before)

    def _note_barren(self, pointer: Pointer, level: int, invalid_count: int) -> None:
        # At the edges of the scanned range only a part of a table was looked at.
        if self._start <= pointer.va and pointer.va + self.mode.table_span(level) <= self._end:
            self._barren[pointer.table_pa, level] = invalid_count


def _find_used(page: bytes) -> range:
    """From the first to the last PTE that is not zero, by bisection: ten comparisons instead of one for each byte."""
    if page == _ZERO_PAGE:
        return range(0)
    start, end = 0, PAGE_SIZE
    for zeros in _ZEROS:
        if page.startswith(zeros, start):
            start += len(zeros)
        if page.endswith(zeros, 0, end):
            end -= len(zeros)
    return range(start // PTE_SIZE, end // PTE_SIZE)


def append_run(runs: list[Run], run: Run) -> None:
    """Append `run`, joined to the last one where they are one mapping."""
    if runs and _is_joined(runs[-1], run):
        va, pa, size, attributes, leaves = runs[-1]
        runs[-1] = (va, pa, size + run[2], attributes, leaves + run[4])
    else:
        runs.append(run)


def _extend(runs: list[Run], following: list[Run]) -> None:
    """Append the runs `following`, the first of them joined to the last of `runs` where they are one mapping."""
    if runs and following and _is_joined(runs[-1], following[0]):
        append_run(runs, following[0])
        runs += following[1:]
    else:
        runs += following


def _is_joined(run: Run, following: Run) -> bool:
    va, pa, size, attributes, _ = run
    return (
        va + size == following[0]
        and pa + size == following[1]
        and attributes == following[3]
        and attributes != UNREADABLE
    )
