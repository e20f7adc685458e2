"""Where the trap handlers of a machine begin, and where they return from."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path

import gdb

from gdbext.errors import UnreadableMemory
from gdbext.live.parameters import trap_handler
from gdbext.live.target import LiveTarget
from gdbext.riscv.csrs import Satp
from gdbext.riscv.instruction import MRET, SRET
from gdbext.riscv.paging import BARE, PAGE_SIZE
from gdbext.riscv.registers import INTEGER_NAMES
from gdbext.riscv.traps import PAGE_FAULTS, Privilege
from gdbext.tables.walk import walk

VECTOR_MODE_BITS = 0b11
# Code that no symbol file knows is searched this far around a handler, in bytes.
NEIGHBOURHOOD = 1 << 16
START_OF_RAM = 1 << 22
# csrw stvec, rs1: the register's number lies in bits 15 to 19.
CSRW_STVEC = re.compile(rb"\x73[\x10\x90][\x50-\x5f]\x10", re.DOTALL)
RS1_SHIFT, RS1_MASK = 15, 0b11111
RETURNS = {Privilege.M: struct.pack("<I", MRET), Privilege.S: struct.pack("<I", SRET)}
FILE_LINE = re.compile(r"(?:Exec|Object) file: `(.*)', file type")
CODE_LINE = re.compile(r"0x([0-9a-f]+)->0x([0-9a-f]+) at 0x([0-9a-f]+): \S+ .*\bHAS_CONTENTS")


def find_entries(target: LiveTarget) -> dict[int, Privilege]:
    """The addresses where a page fault enters its handler, and the privilege of each handler.

    Page faults go to the base of mtvec in direct and in vectored mode, and to that of stvec where medeleg delegates
    them. A base of 0 has not been set yet. What the user set comes on top.
    """
    entries: dict[int, Privilege] = {}
    levels = set()
    for hart in target.harts:
        delegated = target.read_csr(hart, "medeleg") or 0
        for level, name in ((Privilege.M, "mtvec"), (Privilege.S, "stvec")):
            if any(bool(delegated >> cause & 1) == (level is Privilege.S) for cause in PAGE_FAULTS):
                levels.add(level)
                base = (target.read_csr(hart, name) or 0) & ~VECTOR_MODE_BITS
                if base:
                    entries[base] = level
    for address in trap_handler.addresses:
        entries.setdefault(address, Privilege.M if Privilege.M in levels else Privilege.S)
    return entries


def find_exits(target: LiveTarget, entries: Mapping[int, Privilege]) -> dict[int, Privilege]:
    """The mret and sret of the symbol files, and those near handlers that lie elsewhere; before any handler is set,
    the mret by which the machine will leave M-mode."""
    wanted = set(entries.values()) or {Privilege.M}
    exits: dict[int, Privilege] = {}
    known = list(iter_code())
    for start, code in known:
        exits |= {pc: level for level in wanted for pc in iter_returns(start, code, level)}
    for entry, level in entries.items():
        if not any(start <= entry < start + len(code) for start, code in known):
            start, code = read_around(target, entry, level)
            exits |= dict.fromkeys(iter_returns(start, code, level), level)
    if not exits:
        for start, code in read_start_of_ram(target):
            exits |= dict.fromkeys(iter_returns(start, code, Privilege.M), Privilege.M)
    return exits


def find_vector_writes() -> dict[int, str]:
    """Where the code of the symbol files writes stvec, and from which register: kernels set it after they have left
    M-mode, and some change it at every trap."""
    writes = {}
    for start, code in iter_code():
        for found in CSRW_STVEC.finditer(code):
            word = int.from_bytes(found.group(), "little")
            if found.start() % 2 == 0 and word >> RS1_SHIFT & RS1_MASK:
                writes[start + found.start()] = INTEGER_NAMES[word >> RS1_SHIFT & RS1_MASK]
    return writes


def is_delegating(target: LiveTarget) -> bool:
    """Whether page faults go to S-mode on some hart."""
    masks = (target.read_csr(hart, "medeleg") or 0 for hart in target.harts)
    return any(mask >> cause & 1 for mask in masks for cause in PAGE_FAULTS)


def read_start_of_ram(target: LiveTarget) -> list[tuple[int, bytes]]:
    """The start of each region of RAM, where a machine without symbols has its firmware or kernel."""
    regions = [region for region in target.memory_regions() or () if region.is_ram]
    with target.reading():
        return [(r.start, target.read_physical(r.start, min(r.end - r.start, START_OF_RAM))) for r in regions]


def iter_returns(start: int, code: bytes, level: Privilege) -> Iterator[int]:
    """The addresses of mret (or sret) in `code`, which lies at `start`."""
    found = code.find(RETURNS[level])
    while found >= 0:
        if found % 2 == 0:
            yield start + found
        found = code.find(RETURNS[level], found + 1)


def iter_code() -> Iterator[tuple[int, bytes]]:
    """The executable sections of the symbol files: where they lie, and what the file holds for them."""
    path: Path | None = None
    for line in gdb.execute("maintenance info sections -all-objects CODE", to_string=True).splitlines():
        file = FILE_LINE.search(line)
        if file:
            path = Path(file[1])
        section = CODE_LINE.search(line)
        if section and path is not None and path.is_file():
            start, end, offset = (int(number, 16) for number in section.groups())
            with path.open("rb") as content:
                content.seek(offset)
                yield start, content.read(end - start)


def read_around(target: LiveTarget, entry: int, level: Privilege) -> tuple[int, bytes]:
    """The memory around a handler as it executes: an M-mode handler by pa, an S-mode one through the present tables."""
    start = max(entry - NEIGHBOURHOOD, 0) & -PAGE_SIZE
    vas = range(start, entry + NEIGHBOURHOOD, PAGE_SIZE)
    with target.reading():
        return start, b"".join(_read_code_page(target, va, level) for va in vas)


def _read_code_page(target: LiveTarget, va: int, level: Privilege) -> bytes:
    """A page of code; zeros, which hold no return, where there is none."""
    pa: int | None = va
    if level is Privilege.S:
        satp = Satp(target.read_csr(target.current_hart, "satp") or 0)
        pa = walk(target, satp.mode or BARE, satp.root_pa, va, target.translation_rules(target.current_hart)).pa
    try:
        return bytes(PAGE_SIZE) if pa is None else target.read_physical(pa, PAGE_SIZE)
    except UnreadableMemory:
        return bytes(PAGE_SIZE)
