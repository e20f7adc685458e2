"""Reading what is left of a machine from a file: an ELF core, or a raw image of RAM.

Nothing in a header is believed before it has been checked, and nothing is allocated by what a header claims.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from gdbext.errors import BadFile, BadInput
from gdbext.riscv.paging import PA_BITS, PAGE_SIZE
from gdbext.target.corefile import (
    EHDR,
    ELF_MAGIC,
    ELFCLASS64,
    ELFDATA2LSB,
    EM_RISCV,
    ET_CORE,
    PHDR,
    PN_XNUM,
    PT_LOAD,
    PT_NOTE,
    SHDR,
)
from gdbext.target.corenotes import DamagedNote, Facts, HartRecord, unpack_notes
from gdbext.target.filememory import FileMemory, InputFile, Segment

# The notes of a hundred harts with all CSRs take a quarter of a MiB.
NOTES_LIMIT = 64 << 20
# A segment for every second page of 2 GiB.
SEGMENTS_LIMIT = 1 << 18
FOREIGN_FORMATS = {
    b"KDUMP   ": "is a kdump-compressed dump",
    b"makedumpfile": "is a kdump-compressed dump in makedumpfile's flattened form",
    b"QEVM": "is a migration stream of QEMU",
    b"QFI\xfb": "is a qcow2 image",
    b"\x1f\x8b": "is compressed by gzip",
    b"\x28\xb5\x2f\xfd": "is compressed by zstd",
    b"\xfd7zXZ": "is compressed by xz",
}
ADVICE = {
    b"KDUMP   ": ": no library that is at hand everywhere reads it; take an ELF core, with dump-guest-memory FILE",
    b"makedumpfile": ": no library that is at hand everywhere reads it; take an ELF core, with dump-guest-memory FILE",
}


@dataclass(frozen=True)
class Capture:
    """The content of a file. `harts` is empty where it tells of none; `facts` is None in a core that is not ours."""

    path: Path
    memory: FileMemory
    harts: tuple[HartRecord, ...]
    facts: Facts | None


class _ProgramHeader(NamedTuple):
    """The fields of Elf64_Phdr, in order."""

    type: int
    flags: int
    offset: int
    vaddr: int
    paddr: int
    filesz: int
    memsz: int
    align: int


def read_raw_image(path: Path, base_pa: int) -> Capture:
    """A file that holds the RAM from `base_pa` on and nothing else. Raises `BadFile` or `BadInput`."""
    file = InputFile(path)
    if not file.size:
        raise BadFile(f"{path} is empty")
    if base_pa % PAGE_SIZE:
        raise BadInput(f"-base {base_pa:#x} is not the start of a page")
    if base_pa + file.size > 1 << PA_BITS:
        raise BadInput(f"-base {base_pa:#x}: the image would end beyond the {PA_BITS}-bit physical addresses")
    memory = FileMemory(file, [Segment(base_pa, base_pa + file.size, 0)], "not in this image")
    return Capture(path, memory, (), None)


def read_elf_core(path: Path) -> Capture:
    """An ELF core of a 64-bit RISC-V machine, whoever wrote it. Raises `BadFile`.

    What a PT_LOAD has in memory beyond what it has in the file is not in the core. Memory is known by p_paddr.
    """
    file = InputFile(path)
    segments, notes = [], bytearray()
    for header in _iter_program_headers(file):
        if header.type == PT_LOAD:
            if header.filesz > header.memsz:
                raise BadFile(f"{path}: the segment at {header.paddr:#x} has more bytes in the file than in memory")
            segments.append(Segment(header.paddr, header.paddr + header.filesz, header.offset))
        elif header.type == PT_NOTE:
            if len(notes) + header.filesz > NOTES_LIMIT:
                raise BadFile(f"{path}: its notes claim {header.filesz} bytes")
            notes += file.read(header.offset, header.filesz)
            notes += bytes(-len(notes) % 4)
    if not segments:
        raise BadFile(f"{path} has no memory in it: no PT_LOAD segment")
    if len(segments) > 1 and not any(segment.start for segment in segments):
        raise BadFile(f"{path} knows its memory by virtual addresses only: every p_paddr is 0")
    try:
        harts, facts = unpack_notes(bytes(notes))
    except DamagedNote as error:
        raise BadFile(f"{path}: {error}") from error
    kept = facts.kept if facts else None
    missing = f"not in this core, which keeps only {kept}" if kept else "not in this core"
    memory = FileMemory(file, segments, missing)
    return Capture(path, memory, tuple(harts), facts)


def _iter_program_headers(file: InputFile) -> Iterator[_ProgramHeader]:
    path = file.path
    if not file.size:
        raise BadFile(f"{path} is empty")
    start = file.read(0, min(file.size, EHDR.size))
    if not start.startswith(ELF_MAGIC):
        raise BadFile(f"{path} {_describe_foreign(start)}")
    if len(start) < EHDR.size:
        raise BadFile(f"{path} is truncated: it ends within the ELF header")
    ident, kind, machine, _, _, phoff, shoff, _, _, phentsize, phnum, _, _, _ = EHDR.unpack(start)
    if ident[4] != ELFCLASS64:
        raise BadFile(f"{path} is not a 64-bit ELF file, and Sv39 is of 64-bit harts")
    if ident[5] != ELFDATA2LSB:
        raise BadFile(f"{path} is not a little-endian ELF file")
    if machine != EM_RISCV:
        raise BadFile(f"{path} is of another machine: e_machine is {machine}, not {EM_RISCV} (RISC-V)")
    if kind != ET_CORE:
        raise BadFile(f"{path} is an ELF file but no core: e_type is {kind}; a kernel's symbols go with -elf FILE")
    if phnum and phentsize != PHDR.size:
        raise BadFile(f"{path}: program headers of {phentsize} bytes, not {PHDR.size}")
    if phnum == PN_XNUM:
        # The true number is in sh_info of the first section header.
        phnum = SHDR.unpack(file.read(shoff, SHDR.size))[7]
    if phoff + phnum * PHDR.size > file.size:
        raise BadFile(f"{path} is truncated: it ends within its {phnum} program headers")
    if phnum > SEGMENTS_LIMIT:
        raise BadFile(f"{path} claims to have {phnum} segments")
    for fields in PHDR.iter_unpack(file.read(phoff, phnum * PHDR.size)):
        yield _ProgramHeader._make(fields)


def _describe_foreign(start: bytes) -> str:
    for magic, text in FOREIGN_FORMATS.items():
        if start.startswith(magic):
            return text + ADVICE.get(magic, ", not an ELF core")
    return "is not an ELF core; a raw image of RAM needs -base PA"
