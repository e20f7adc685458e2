"""Writing an ELF core that plain GDB opens: a thread for each hart, memory by physical address."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO

from gdbext.files import replace_file
from gdbext.riscv.paging import PAGE_SIZE
from gdbext.target.corenotes import Facts, HartRecord, pack_notes

ELF_MAGIC = b"\x7fELF"
ELFCLASS64, ELFDATA2LSB, EV_CURRENT = 2, 1, 1
ET_CORE, EM_RISCV = 4, 243
EHDR = struct.Struct("<16sHHIQQQIHHHHHH")
PHDR = struct.Struct("<IIQQQQQQ")
SHDR = struct.Struct("<IIQQQQIIQQ")
PT_LOAD, PT_NOTE = 1, 4
PF_RWX = 7
# More program headers than fit in e_phnum are counted in sh_info of the section header 0.
PN_XNUM = 0xFFFF

READ_CHUNK = 1 << 20
# Blocks of zeros of this size are not written: the file has a hole there, which reads as zeros.
HOLE_BLOCK = 1 << 16


def iter_write_core(
    path: Path,
    harts: Sequence[HartRecord],
    facts: Facts,
    ranges: Sequence[tuple[int, int]],
    read_physical: Callable[[int, int], bytes],
) -> Iterator[int]:
    """Write the core, yielding now and then how many bytes of memory are written.

    `ranges` are the physical addresses [start, end) to save, in order. The file appears whole or not at all, with mode
    0600, when the iteration ends. Raises `BadInput` where it cannot be written, and whatever `read_physical` raises.
    """
    notes = pack_notes(harts, facts)
    count = 1 + len(ranges)
    notes_offset = EHDR.size + PHDR.size * count + SHDR.size
    offset = _page_align(notes_offset + len(notes))
    with replace_file(path, "wb") as file:
        file.write(_pack_ehdr(count))
        file.write(PHDR.pack(PT_NOTE, 0, notes_offset, 0, 0, len(notes), 0, 4))
        for start, end in ranges:
            # GDB looks memory up by p_vaddr, other readers by p_paddr.
            file.write(PHDR.pack(PT_LOAD, PF_RWX, offset, start, start, end - start, end - start, PAGE_SIZE))
            offset += end - start
        file.write(SHDR.pack(0, 0, 0, 0, 0, 0, 0, count if count >= PN_XNUM else 0, 0, 0))
        file.write(notes)
        file.seek(_page_align(file.tell()))
        done = 0
        for start, end in ranges:
            for pa in range(start, end, READ_CHUNK):
                length = min(READ_CHUNK, end - pa)
                _write_sparse(file, read_physical(pa, length))
                done += length
                yield done
        file.truncate(offset)


def _pack_ehdr(count: int) -> bytes:
    ident = ELF_MAGIC + bytes([ELFCLASS64, ELFDATA2LSB, EV_CURRENT])
    headers_end = EHDR.size + PHDR.size * count
    return EHDR.pack(
        *(ident, ET_CORE, EM_RISCV, EV_CURRENT, 0, EHDR.size, headers_end, 0),
        *(EHDR.size, PHDR.size, min(count, PN_XNUM), SHDR.size, 1, 0),
    )


def _write_sparse(file: IO[bytes], content: bytes) -> None:
    for position in range(0, len(content), HOLE_BLOCK):
        block = content[position : position + HOLE_BLOCK]
        if block.count(0) == len(block):
            file.seek(len(block), 1)
        else:
            file.write(block)


def _page_align(offset: int) -> int:
    return (offset + PAGE_SIZE - 1) & -PAGE_SIZE
