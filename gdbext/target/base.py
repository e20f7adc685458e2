"""A target: harts with CSRs, physical memory, symbols. Live machines and files answer the same questions."""

from __future__ import annotations

import struct
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from gdbext.errors import BadInput, NoMemory, UnreadableMemory
from gdbext.riscv.csrs import PMP_ENTRIES_PER_CFG, PMPCFG_NAMES
from gdbext.riscv.paging import PAGE_SIZE, PTE_SIZE
from gdbext.riscv.registers import CSR_NAMES
from gdbext.riscv.rules import TranslationRules


@dataclass(frozen=True, order=True)
class MemoryRegion:
    """A range [start, end) of physical addresses with something behind it.

    `is_ram` is False for a device, `is_rom` True for memory that loads read and stores do not change: ROM and flash.
    """

    start: int
    end: int
    name: str
    is_ram: bool
    is_rom: bool = False


@dataclass(frozen=True)
class Section:
    """A named range [start, end) of virtual addresses, as the symbol file tells it."""

    name: str
    start: int
    end: int


@dataclass(frozen=True)
class PageTableRegion:
    """The range [start, end) in which the kernel keeps its page-table pages, and who says so."""

    start: int
    end: int
    source: str

    def __contains__(self, va: int) -> bool:
        return self.start <= va < self.end


class Target(ABC):
    """What the commands need of a machine. Harts are numbered from 0; addresses and sizes are in bytes.

    Every method that touches the machine may raise `TargetLost`.
    """

    @property
    @abstractmethod
    def name(self) -> str:
        """What it is, for people: `QEMU on ...`, the path of a core."""

    @property
    @abstractmethod
    def harts(self) -> Sequence[int]:
        """The harts that there are, in order."""

    @property
    @abstractmethod
    def current_hart(self) -> int:
        """The hart that the user has selected."""

    @abstractmethod
    def read_csr(self, hart: int, name: str) -> int | None:
        """The unsigned value of a register of `hart` by GDB's name (`satp`, `pc`, `priv`); None where there is none."""

    @abstractmethod
    def read_physical(self, pa: int, size: int) -> bytes:
        """Exactly `size` bytes of physical memory.

        Raises `NoMemory` where the machine has none, `NotCaptured` where a file does not tell.
        """

    def read_pages(self, pas: Sequence[int]) -> list[bytes | UnreadableMemory]:
        """The page at each of `pas`, in order, or why it cannot be read; a target that batches reads overrides this."""
        pages: list[bytes | UnreadableMemory] = []
        for pa in pas:
            try:
                pages.append(self.read_physical(pa, PAGE_SIZE))
            except UnreadableMemory as error:
                pages.append(error)
        return pages

    def reading(self) -> AbstractContextManager[object]:
        """Around several reads of one question: a live target switches its stub once for all of them.

        Nothing but physical memory may be read inside, and nothing be yielded: expressions and instructions go through
        virtual addresses.
        """
        return nullcontext()

    def read_pte(self, pte_pa: int) -> int:
        """The raw value of the PTE at `pte_pa`."""
        return int(struct.unpack("<Q", self.read_physical(pte_pa, PTE_SIZE))[0])

    @abstractmethod
    def memory_regions(self) -> Sequence[MemoryRegion] | None:
        """What the machine has behind its physical addresses, in order; None where that is not known."""

    def region_at(self, pa: int) -> MemoryRegion | None:
        """The region that holds `pa`, or None."""
        for region in self.memory_regions() or ():
            if region.start <= pa < region.end:
                return region
        return None

    def readable_ranges(self) -> Sequence[tuple[int, int]]:
        """The physical addresses [start, end) that hold the machine's state: all RAM, or what a file holds of it."""
        regions = self.memory_regions() or ()
        return [(region.start, region.end) for region in regions if region.is_ram and not region.is_rom]

    def describe_kept(self) -> str | None:
        """Which part of the memory a file holds, in words; None where all of it can be read."""
        return None

    def check_ram(self, pa: int, size: int) -> None:
        """Raises `NoMemory` where it is known that neither RAM nor ROM lies behind all of the range."""
        if self.memory_regions() is None:
            return
        position = pa
        while position < pa + size:
            region = self.region_at(position)
            if region is None:
                raise NoMemory(pa, size, "no memory there")
            if not region.is_ram:
                raise NoMemory(pa, size, f"not RAM, but the device {region.name}")
            position = region.end

    def check_final(self, pa: int) -> None:
        """Raises `NoMemory` if nothing at all, neither RAM nor device, is known to answer at `pa`."""
        if self.region_at(pa) is None and self.memory_regions() is not None:
            raise NoMemory(pa, 1, "nothing answers there")

    @abstractmethod
    def translation_rules(self, hart: int) -> TranslationRules:
        """What `hart` does where the specification leaves a choice, and what of it was assumed."""

    def encoding_rules(self, hart: int) -> TranslationRules:
        """What of `translation_rules` says which PTEs are legal: without the PMP entries, which take long to read."""
        return self.translation_rules(hart)

    @abstractmethod
    def evaluate(self, expression: str) -> int:
        """An expression of the user's as an unsigned 64-bit number. Raises `BadInput` with the reason."""

    @abstractmethod
    def describe_symbol(self, va: int) -> str | None:
        """`name+offset` of the symbol that holds `va`, or None."""

    @abstractmethod
    def symbol_address(self, name: str) -> int | None:
        """The value of the symbol `name`, or None where there is no such symbol."""

    @abstractmethod
    def sections(self) -> Sequence[Section]:
        """The allocated sections of the symbol file, in order of address; empty where there is none."""

    @abstractmethod
    def page_table_region(self) -> PageTableRegion | None:
        """Where the kernel keeps its page tables, if the user or the kernel's symbols tell."""

    def csr_names(self) -> Sequence[str]:
        """The CSRs that a hart may have, by GDB's names; some of them may be absent."""
        return CSR_NAMES

    def read_pmp(self, hart: int) -> dict[str, int]:
        """The PMP registers as far as entries are in use: reading all 64 addresses would cost more than a walk."""
        registers = self.read_csrs(hart, PMPCFG_NAMES)
        cfg_bytes = b"".join(value.to_bytes(PMP_ENTRIES_PER_CFG, "little") for value in registers.values())
        # One entry is read even where all are off: that there is PMP at all bars S and U.
        used = max(len(cfg_bytes.rstrip(b"\0")), 1) if cfg_bytes else 0
        return registers | self.read_csrs(hart, [f"pmpaddr{entry}" for entry in range(used)])

    def read_csrs(self, hart: int, names: Iterable[str]) -> dict[str, int]:
        """Those of the registers `names` that `hart` has."""
        values = ((name, self.read_csr(hart, name)) for name in names)
        return {name: value for name, value in values if value is not None}

    def require_hart(self, hart: int | None) -> int:
        """`hart`, or the selected one for None. Raises `BadInput` where there is no such hart."""
        if hart is None:
            return self.current_hart
        if hart not in self.harts:
            raise BadInput(f"there is no hart {hart}: {self.name} has {describe_harts(self.harts)}")
        return hart


def describe_harts(harts: Sequence[int]) -> str:
    """`hart 0` or `harts 0-3`, for messages."""
    if len(harts) == 1:
        return f"hart {harts[0]}"
    return f"harts {harts[0]}-{harts[-1]}"
