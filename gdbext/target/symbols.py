"""The symbols and sections of an ELF file, without GDB but with GDB's choice of symbol for an address.

Source: GDB's minsyms.c (lookup_minimal_symbol_by_pc_section) and printcmd.c (build_address_symbolic).
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from gdbext.errors import BadFile
from gdbext.target.base import Section
from gdbext.target.filememory import InputFile

SYM = struct.Struct("<IBBHQQ")
STT_SECTION, STT_FILE, STT_TLS = 3, 4, 6
STB_LOCAL = 0
SHN_UNDEF, SHN_LORESERVE, SHN_ABS = 0, 0xFF00, 0xFFF1
SHF_ALLOC, SHF_EXECINSTR = 2, 4
# The assembler's marks of code, of data, and of local labels.
SPECIAL_PREFIXES = ("$x", "$d", ".L")


class _Symbol(NamedTuple):
    """Sorts by address; of several at one address the one that GDB prefers comes last: global, then by name."""

    address: int
    is_global: bool
    name: str
    size: int
    section: int


class _SectionRange(NamedTuple):
    number: int
    name: str
    start: int
    end: int
    is_code: bool


class ElfSymbols:
    """The symbol file of a kernel. Raises `BadFile` where it is no ELF file of a 64-bit RISC-V machine."""

    def __init__(self, path: Path) -> None:
        self.path = path
        InputFile(path).close()
        try:
            self._load()
        except BadFile:
            raise
        except Exception as error:
            # pyelftools meets a damaged file with whatever exception the damage leads to.
            raise BadFile(f"{path} is no ELF file that can be read: {error or type(error).__name__}") from error

    def _load(self) -> None:
        from elftools.elf.elffile import ELFFile

        with self.path.open("rb") as stream:
            elf = ELFFile(stream)
            if elf.elfclass != 64 or elf["e_machine"] != "EM_RISCV":
                raise BadFile(f"{self.path} is not an ELF file of a 64-bit RISC-V machine")
            if elf["e_type"] == "ET_CORE":
                raise BadFile(f"{self.path} is a core; symbols are in the ELF file of the kernel")
            self._ranges = [
                _SectionRange(
                    number,
                    section.name,
                    section["sh_addr"],
                    section["sh_addr"] + section["sh_size"],
                    bool(section["sh_flags"] & SHF_EXECINSTR),
                )
                for number, section in enumerate(elf.iter_sections())
                if section["sh_flags"] & SHF_ALLOC and section["sh_size"]
            ]
            table = elf.get_section_by_name(".symtab")
            self._symbols = _read_symbols(table, elf.get_section(table["sh_link"])) if table else []

    def sections(self) -> tuple[Section, ...]:
        """The sections that take up memory, in order of address."""
        return tuple(sorted((Section(r.name, r.start, r.end) for r in self._ranges), key=lambda s: s.start))

    @cached_property
    def _addresses(self) -> dict[str, int]:
        return {symbol.name: symbol.address for symbol in self._symbols}

    def find_address(self, name: str) -> int | None:
        """The value of the symbol `name`, or None."""
        return self._addresses.get(name)

    @cached_property
    def _by_section(self) -> dict[int, list[_Symbol]]:
        by_section: dict[int, list[_Symbol]] = {}
        for symbol in sorted(self._symbols):
            by_section.setdefault(symbol.section, []).append(symbol)
        return by_section

    def describe(self, va: int) -> str | None:
        """`name+offset` of the symbol that GDB would name for `va`, or None."""
        for section in self._ranges:
            if section.start <= va < section.end:
                symbol = _choose(self._by_section.get(section.number, []), va)
                # A label without a size tells nothing about data.
                if symbol is not None and (symbol.size or section.is_code):
                    return f"{symbol.name}+{va - symbol.address}" if va > symbol.address else symbol.name
        return None


def _read_symbols(table: Any, names: Any) -> list[_Symbol]:
    strings = names.data()
    content = table.data()
    symbols = []
    for name_offset, info, _, section, value, size in SYM.iter_unpack(content[: len(content) // SYM.size * SYM.size]):
        if info & 0xF in (STT_SECTION, STT_FILE, STT_TLS) or section == SHN_UNDEF:
            continue
        if section >= SHN_LORESERVE and section != SHN_ABS:
            continue
        end = strings.find(b"\0", name_offset)
        name = strings[name_offset : end if end >= 0 else None].decode("utf-8", "replace")
        if name and not name.startswith(SPECIAL_PREFIXES):
            symbols.append(_Symbol(value, info >> 4 != STB_LOCAL, name, size, section))
    return symbols


def _choose(symbols: list[_Symbol], va: int) -> _Symbol | None:
    """The nearest symbol with a size at or before `va` if it reaches so far, else the nearest one without a size."""
    without_size = None
    for index in range(bisect_right(symbols, va, key=lambda symbol: symbol.address) - 1, -1, -1):
        symbol = symbols[index]
        if symbol.size:
            return symbol if va < symbol.address + symbol.size else without_size
        without_size = without_size or symbol
    return without_size
