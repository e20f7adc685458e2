"""Symbols out of ELF files: which one is named for an address, and what damaged files do."""

from __future__ import annotations

import random
import struct
from pathlib import Path

import pytest

from gdbext.errors import BadFile
from gdbext.target.base import Section
from gdbext.target.symbols import ElfSymbols

TEXT, DATA = 0x8000_0000, 0x8000_1000
FUNC, OBJECT, NOTYPE = 2, 1, 0
GLOBAL, LOCAL = 1 << 4, 0
ABS = 0xFFF1
# name, info, section, value, size
SYMBOLS = (
    ("label", LOCAL | NOTYPE, 1, TEXT, 0),
    ("start", GLOBAL | FUNC, 1, TEXT + 4, 0x20),
    ("inner", LOCAL | NOTYPE, 1, TEXT + 0x10, 0),
    ("$x", LOCAL | NOTYPE, 1, TEXT + 4, 0),
    (".Lhidden", LOCAL | NOTYPE, 1, TEXT + 8, 0),
    ("twin_local", LOCAL | FUNC, 1, TEXT + 0x40, 8),
    ("twin_global", GLOBAL | FUNC, 1, TEXT + 0x40, 8),
    ("counter", GLOBAL | OBJECT, 2, DATA, 8),
    ("data_end", GLOBAL | NOTYPE, 2, DATA + 8, 0),
    ("region_start", GLOBAL | NOTYPE, ABS, 0x8400_0000, 0),
    ("missing", GLOBAL | NOTYPE, 0, 0, 0),
)


def make_elf(machine: int = 243, kind: int = 2) -> bytes:
    """An ELF executable with a text and a data section and SYMBOLS."""
    strings, table = b"\0", bytes(24)
    for name, info, section, address, size in SYMBOLS:
        table += struct.pack("<IBBHQQ", len(strings), info, 0, section, address, size)
        strings += name.encode() + b"\0"
    names = b"\0.text\0.data\0.symtab\0.strtab\0"
    contents = (b"", bytes(0x100), bytes(0x100), table, strings + names)
    layout = [
        # name, type, flags, address, link, entry size
        (0, 0, 0, 0, 0, 0),
        (names.index(b".text"), 1, 6, TEXT, 0, 0),
        (names.index(b".data"), 1, 3, DATA, 0, 0),
        (names.index(b".symtab"), 2, 0, 0, 4, 24),
        (names.index(b".strtab"), 3, 0, 0, 0, 0),
    ]
    offset, headers, body = 64, b"", b""
    for (name_at, section_type, flags, address, link, entry), content in zip(layout, contents, strict=True):
        header_name = len(strings) + name_at if section_type else 0
        headers += struct.pack(
            "<IIQQQQIIQQ",
            header_name,
            section_type,
            flags,
            address,
            offset + len(body),
            len(content),
            link,
            1,
            8,
            entry,
        )
        body += content
    ident = b"\x7fELF\2\1\1" + bytes(9)
    ehdr = struct.pack("<16sHHIQQQIHHHHHH", ident, kind, machine, 1, 0, 0, 64 + len(body), 0, 64, 56, 0, 64, 5, 4)
    return ehdr + body + headers


@pytest.fixture
def symbols(tmp_path: Path) -> ElfSymbols:
    path = tmp_path / "kernel.elf"
    path.write_bytes(make_elf())
    return ElfSymbols(path)


@pytest.mark.parametrize(
    ("va", "name"),
    [
        (TEXT, "label"),
        (TEXT + 3, "label+3"),
        (TEXT + 4, "start"),
        (TEXT + 8, "start+4"),
        # A function with a size holds it, whatever label is nearer.
        (TEXT + 0x14, "start+16"),
        # Behind its end the nearest label without a size is all there is.
        (TEXT + 0x24, "inner+20"),
        (TEXT + 0x44, "twin_global+4"),
        (TEXT + 0x48, None),
        (DATA + 7, "counter+7"),
        # A label without a size says nothing about data.
        (DATA + 8, None),
        (TEXT + 0x100, None),
        (0x8400_0000, None),
        (0, None),
    ],
)
def test_the_symbol_of_an_address(symbols: ElfSymbols, va: int, name: str | None) -> None:
    assert symbols.describe(va) == name


def test_addresses_of_symbols(symbols: ElfSymbols) -> None:
    assert symbols.find_address("region_start") == 0x8400_0000
    assert symbols.find_address("counter") == DATA
    assert symbols.find_address("missing") is None
    assert symbols.find_address("$x") is None


def test_sections(symbols: ElfSymbols) -> None:
    assert symbols.sections() == (Section(".text", TEXT, TEXT + 0x100), Section(".data", DATA, DATA + 0x100))


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "is no ELF file that can be read"),
        (b"#!/bin/sh", "is no ELF file that can be read"),
        (make_elf(machine=62), "is not an ELF file of a 64-bit RISC-V machine"),
        (make_elf(kind=4), "is a core; symbols are in the ELF file of the kernel"),
        (make_elf()[:100], "is no ELF file that can be read"),
    ],
)
def test_complaints(tmp_path: Path, content: bytes, complaint: str) -> None:
    path = tmp_path / "bad.elf"
    path.write_bytes(content)
    with pytest.raises(BadFile, match=complaint):
        ElfSymbols(path)


def test_damaged_files(tmp_path: Path) -> None:
    content = make_elf()
    path = tmp_path / "damaged.elf"
    path.touch()
    chance = random.Random(39)
    for _ in range(1500):
        damaged = bytearray(content)
        for _ in range(chance.choice((1, 2, 5))):
            place = chance.choice(
                (chance.randrange(64), chance.randrange(len(damaged) - 8), len(damaged) - 8 - chance.randrange(312))
            )
            damaged[place : place + 8] = chance.choice((bytes(8), b"\xff" * 8, chance.randbytes(8)))
        with path.open("r+b") as file:
            file.write(damaged[: chance.choice((len(damaged), chance.randrange(len(damaged))))])
            file.truncate()
        try:
            found = ElfSymbols(path)
            found.describe(TEXT + 4)
            found.find_address("start")
            found.sections()
        except BadFile as error:
            assert "\n" not in str(error)
