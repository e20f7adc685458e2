"""A target out of dictionaries, and a builder of page tables in its memory: what unit tests have for a machine."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from gdbext.commands.declaration import Status
from gdbext.errors import BadInput, NoMemory, NotCaptured
from gdbext.frontend import load_commands, run_command
from gdbext.render.style import PLAIN
from gdbext.riscv.paging import PAGE_SIZE, PTE_SIZE, SV39, U64_MASK, PagingMode
from gdbext.riscv.pte import FLAG_LETTERS, PPN_SHIFT, V
from gdbext.riscv.rules import TranslationRules
from gdbext.target.base import MemoryRegion, PageTableRegion, Section, Target

RAM = MemoryRegion(0x8000_0000, 0x8800_0000, "ram", True)
UART = MemoryRegion(0x1000_0000, 0x1000_0100, "uart", False)
ROOT_PA = 0x8400_0000
FLAG_BITS = {letter.lower(): bit for bit, letter in FLAG_LETTERS}


def pte_value(pa: int, flags: str = "") -> int:
    """A valid PTE for `pa` with the flags named by their letters (`rwxugad`, dashes ignored); none makes a pointer."""
    return sum({FLAG_BITS[letter] for letter in flags if letter != "-"}) | V | (pa >> 12) << PPN_SHIFT


class FakeTarget(Target):
    """RAM reads as zeros until written. `not_captured` pages are unknown, as in a compact core.

    `page_reads` counts how often each page was read whole, `pte_reads` the single PTEs.
    """

    def __init__(
        self,
        csrs: Mapping[str, int] | Sequence[Mapping[str, int]] = (),
        *,
        regions: Sequence[MemoryRegion] | None = (UART, RAM),
        symbols: Mapping[str, int] | None = None,
        sections: Iterable[Section] = (),
        table_region: PageTableRegion | None = None,
        rules: TranslationRules | None = None,
    ) -> None:
        per_hart = [csrs] if isinstance(csrs, Mapping) else list(csrs)
        self.csrs: list[dict[str, int]] = [dict(values) for values in per_hart] or [{}]
        self.regions = regions
        self.symbols = dict(symbols or {})
        self.section_list = tuple(sections)
        self.table_region = table_region
        self.rules = rules or TranslationRules()
        self.selected_hart = 0
        self.pages: dict[int, bytearray] = {}
        self.not_captured: set[int] = set()
        self.page_reads: Counter[int] = Counter()
        self.pte_reads: Counter[int] = Counter()

    @property
    def name(self) -> str:
        return "a fake"

    @property
    def harts(self) -> Sequence[int]:
        return range(len(self.csrs))

    @property
    def current_hart(self) -> int:
        return self.selected_hart

    def read_csr(self, hart: int, name: str) -> int | None:
        return self.csrs[hart].get(name)

    def read_physical(self, pa: int, size: int) -> bytes:
        if self.regions is not None:
            region = self.region_at(pa)
            if region is None or not region.is_ram or pa + size > region.end:
                raise NoMemory(pa, size, "no RAM there")
        if size == PAGE_SIZE:
            self.page_reads[pa] += 1
        elif size == PTE_SIZE:
            self.pte_reads[pa] += 1
        data = bytearray()
        while len(data) < size:
            page_pa, offset = divmod(pa + len(data), PAGE_SIZE)
            page_pa *= PAGE_SIZE
            if page_pa in self.not_captured:
                raise NotCaptured(pa, size, "not in this file")
            page = self.pages.get(page_pa, bytes(PAGE_SIZE))
            data += page[offset : offset + size - len(data)]
        return bytes(data)

    def write_physical(self, pa: int, data: bytes) -> None:
        """Put `data`, which must not cross a page, into memory."""
        offset = pa % PAGE_SIZE
        assert offset + len(data) <= PAGE_SIZE
        page = self.pages.setdefault(pa - offset, bytearray(PAGE_SIZE))
        page[offset : offset + len(data)] = data

    def write_pte(self, pte_pa: int, value: int) -> None:
        self.write_physical(pte_pa, struct.pack("<Q", value))

    def memory_regions(self) -> Sequence[MemoryRegion] | None:
        return self.regions

    def translation_rules(self, hart: int) -> TranslationRules:
        return self.rules

    def evaluate(self, expression: str) -> int:
        """A number, a symbol, or `symbol+offset`."""
        name, plus, offset = expression.strip().partition("+")
        try:
            base = self.symbols[name] if name in self.symbols else int(name, 0)
            return (base + (int(offset, 0) if plus else 0)) & U64_MASK
        except ValueError as error:
            raise BadInput(f'No symbol "{name}" in current context.') from error

    def describe_symbol(self, va: int) -> str | None:
        below = [(value, name) for name, value in self.symbols.items() if value <= va < value + PAGE_SIZE]
        if not below:
            return None
        value, name = max(below)
        return f"{name}+{va - value}" if va > value else name

    def symbol_address(self, name: str) -> int | None:
        return self.symbols.get(name)

    def sections(self) -> Sequence[Section]:
        return self.section_list

    def page_table_region(self) -> PageTableRegion | None:
        return self.table_region


class TableBuilder:
    """Page tables in the memory of a `FakeTarget`; new table pages are taken one after the other behind the root."""

    def __init__(self, target: FakeTarget, root_pa: int = ROOT_PA, mode: PagingMode = SV39) -> None:
        self.target = target
        self.mode = mode
        self.root_pa = root_pa
        self.next_free = root_pa + PAGE_SIZE

    @property
    def satp(self) -> int:
        return self.mode.satp_mode << 60 | self.root_pa >> 12

    def new_table(self) -> int:
        """The pa of a table page that nothing points to yet."""
        self.next_free += PAGE_SIZE
        return self.next_free - PAGE_SIZE

    def pte_pa(self, va: int, level: int = 0) -> int:
        """Where the PTE for `va` at `level` lies; the tables above it are made where they are missing."""
        table_pa = self.root_pa
        for above in range(self.mode.root_level, level, -1):
            pointer_pa = table_pa + self.mode.vpn(va, above) * PTE_SIZE
            pointer = self.target.read_pte(pointer_pa)
            if not pointer:
                pointer = pte_value(self.new_table())
                self.target.write_pte(pointer_pa, pointer)
            table_pa = pointer >> PPN_SHIFT << 12
        return table_pa + self.mode.vpn(va, level) * PTE_SIZE

    def set_pte(self, va: int, value: int, level: int = 0) -> int:
        """Write a raw PTE for `va` at `level`; returns where it lies."""
        pte_pa = self.pte_pa(va, level)
        self.target.write_pte(pte_pa, value)
        return pte_pa

    def map(self, va: int, pa: int, flags: str = "rwad", level: int = 0) -> int:
        """Map the page at `va` to `pa` by a leaf at `level`; returns where its PTE lies."""
        return self.set_pte(va, pte_value(pa, flags), level)

    def map_range(self, va: int, pa: int, size: int, flags: str = "rwad", level: int = 0) -> None:
        """Map `size` bytes page by page."""
        for offset in range(0, size, self.mode.page_size(level)):
            self.map(va + offset, pa + offset, flags, level)


def make_space(mode: PagingMode = SV39) -> tuple[FakeTarget, TableBuilder]:
    """A target with one hart whose satp names an empty root table, and the builder for it."""
    target = FakeTarget()
    builder = TableBuilder(target, mode=mode)
    target.csrs[0]["satp"] = builder.satp
    return target, builder


def run(target: Target, line: str) -> tuple[str, Status]:
    """The text and the status of a command typed as `line` (without `sv39`), through the common front end."""
    name, *words = line.split()
    pieces: list[str] = []
    status = run_command(load_commands()[name], target, words, pieces.append, PLAIN)
    return "".join(pieces), status
