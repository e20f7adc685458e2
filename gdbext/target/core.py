"""The target that is only a file: an ELF core, or a raw image of RAM."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from gdbext.errors import NotCaptured
from gdbext.riscv.csrs import MENVCFG_ADUE, MENVCFG_PBMTE
from gdbext.riscv.pmp import decode_pmp
from gdbext.riscv.registers import ALIASES
from gdbext.riscv.rules import AdUpdate, TranslationRules
from gdbext.target import expressions
from gdbext.target.base import MemoryRegion, PageTableRegion, Section, Target
from gdbext.target.corenotes import HartRecord
from gdbext.target.elfcore import Capture, read_elf_core, read_raw_image
from gdbext.target.names import find_page_table_region
from gdbext.target.symbols import ElfSymbols


def open_core_target(path: Path, elf: Path | None = None, base_pa: int | None = None) -> CoreTarget:
    """The core at `path`, or the raw image of RAM that begins at `base_pa`, with the symbols of `elf`.

    Raises `BadFile` where a file is not what it should be.
    """
    capture = read_elf_core(path) if base_pa is None else read_raw_image(path, base_pa)
    return CoreTarget(capture, ElfSymbols(elf) if elf else None)


class CoreTarget(Target):
    """A `Capture` as a target. A file that tells of no harts is taken for one of a single hart without registers.

    `table_region` is the page-table region that the file or the user names; None leaves it to the symbols.
    """

    def __init__(self, capture: Capture, symbols: ElfSymbols | None = None) -> None:
        self.capture = capture
        self.symbols = symbols
        records = capture.harts or (HartRecord(0, {}),)
        self._registers = {record.number: record.registers for record in records}
        facts = capture.facts
        self._current_hart = facts.current_hart if facts else records[0].number
        self._regions = facts.regions if facts else None
        self.table_region = facts.page_table_region if facts else None
        self._rules: dict[int, TranslationRules] = {}

    @property
    def name(self) -> str:
        return str(self.capture.path)

    @property
    def harts(self) -> Sequence[int]:
        return tuple(sorted(self._registers))

    @property
    def current_hart(self) -> int:
        return self._current_hart

    def read_csr(self, hart: int, name: str) -> int | None:
        return self._registers[hart].get(ALIASES.get(name, name))

    def csr_names(self) -> Sequence[str]:
        return tuple(dict.fromkeys(name for registers in self._registers.values() for name in registers))

    # Memory

    def read_physical(self, pa: int, size: int) -> bytes:
        try:
            return self.capture.memory.read(pa, size)
        except NotCaptured:
            self.check_ram(pa, size)
            raise

    def memory_regions(self) -> Sequence[MemoryRegion] | None:
        return self._regions

    def readable_ranges(self) -> Sequence[tuple[int, int]]:
        return self.capture.memory.ranges()

    def describe_kept(self) -> str | None:
        return self.capture.facts.kept if self.capture.facts else None

    # What the harts do

    def translation_rules(self, hart: int) -> TranslationRules:
        if hart not in self._rules:
            self._rules[hart] = self._find_rules(hart)
        return self._rules[hart]

    def _find_rules(self, hart: int) -> TranslationRules:
        pmp = decode_pmp(self.read_pmp(hart))
        known = self.capture.facts.rules.get(hart) if self.capture.facts else None
        if known is not None:
            return replace(known, pmp=pmp)
        assumed = ["Svnapot is on: the file does not tell"]
        menvcfg = self.read_csr(hart, "menvcfg")
        if menvcfg is None:
            assumed.append("Svpbmt is on: the file does not tell")
        if not (menvcfg or 0) & MENVCFG_ADUE:
            assumed.append("the hardware sets A and D: the file does not tell")
        if not pmp:
            assumed.append("no PMP: the file has no PMP registers")
        svpbmt = menvcfg is None or bool(menvcfg & MENVCFG_PBMTE)
        return TranslationRules(AdUpdate.HARDWARE, True, svpbmt, pmp, tuple(assumed))

    # Expressions and symbols

    def evaluate(self, expression: str) -> int:
        return expressions.evaluate(expression, self.symbol_address, self._read_selected)

    def _read_selected(self, name: str) -> int | None:
        return self.read_csr(self.current_hart, name)

    def describe_symbol(self, va: int) -> str | None:
        return self.symbols.describe(va) if self.symbols else None

    def symbol_address(self, name: str) -> int | None:
        return self.symbols.find_address(name) if self.symbols else None

    def sections(self) -> Sequence[Section]:
        return self.symbols.sections() if self.symbols else ()

    def page_table_region(self) -> PageTableRegion | None:
        return self.table_region or find_page_table_region(self.symbol_address)
