"""Small cores for unit tests, and the bytes to damage."""

from __future__ import annotations

import struct
from pathlib import Path

from gdbext.riscv.paging import PAGE_SIZE
from gdbext.riscv.registers import FLOAT_NAMES, INTEGER_NAMES
from gdbext.riscv.rules import AdUpdate, TranslationRules
from gdbext.target.base import MemoryRegion, PageTableRegion
from gdbext.target.corefile import EHDR, PHDR, PT_LOAD, PT_NOTE, iter_write_core
from gdbext.target.corenotes import Facts, HartRecord
from tests.unit.fakes import FakeTarget, TableBuilder, make_space

RAM_PA = 0x8000_0000
FACTS = Facts(
    current_hart=1,
    regions=(MemoryRegion(0x1000_0000, 0x1000_0100, "uart", False), MemoryRegion(RAM_PA, 0x8800_0000, "ram", True)),
    page_table_region=PageTableRegion(0x8400_0000, 0x8440_0000, "symbols a and b"),
    rules={0: TranslationRules(AdUpdate.FAULT, False, False, (), ("an assumption",))},
)


def make_hart(number: int, **registers: int) -> HartRecord:
    """A hart whose registers all differ, but for those given."""
    integer = {name: number << 32 | index for index, name in enumerate(INTEGER_NAMES)} | {"zero": 0}
    floating = {name: 0x3FF0 << 48 | number << 32 | index for index, name in enumerate(FLOAT_NAMES)}
    return HartRecord(number, integer | floating | {"pc": RAM_PA + number * 4, "priv": 1} | registers)


def make_tables() -> tuple[FakeTarget, TableBuilder]:
    """A machine whose table pages follow each other from 0x84000000 on."""
    target, builder = make_space()
    builder.map_range(0x8000_0000, 0x8000_0000, 0x8000, "rwad")
    builder.map(0x4000_0000, 0x8020_0000, "rxa", level=1)
    return target, builder


def write_small_core(path: Path, facts: Facts = FACTS) -> None:
    """A core of harts 1 and 0 with the page tables of `make_tables` and nothing else."""
    target, builder = make_tables()
    harts = [
        make_hart(1, satp=0, mstatus=0x1800, mcause=13, hgatp=0),
        make_hart(0, satp=builder.satp, mstatus=0, pmpcfg0=0x1F, pmpaddr0=(1 << 54) - 1),
    ]
    ranges = [(builder.root_pa, builder.next_free)]
    for _ in iter_write_core(path, harts, facts, ranges, target.read_physical):
        pass


def pack_elf(*segments: tuple[int, bytes], notes: bytes = b"", **header: int) -> bytes:
    """An ELF core with a PT_LOAD for each (pa, content), as other programs write them; `header` changes fields."""
    fields = {"ei_class": 2, "ei_data": 1, "e_type": 4, "e_machine": 243, "phnum": len(segments) + 1} | header
    offset = EHDR.size + PHDR.size * (len(segments) + 1)
    headers = bytearray(PHDR.pack(PT_NOTE, 0, offset, 0, 0, len(notes), 0, 4))
    body = bytearray(notes)
    for pa, content in segments:
        headers += PHDR.pack(PT_LOAD, 7, offset + len(body), 0, pa, len(content), len(content), PAGE_SIZE)
        body += content
    ident = b"\x7fELF" + bytes([fields["ei_class"], fields["ei_data"], 1])
    ehdr = EHDR.pack(
        *(ident, fields["e_type"], fields["e_machine"], 1, 0, EHDR.size, 0, 0),
        *(EHDR.size, fields.get("phentsize", PHDR.size), fields["phnum"], 64, 0, 0),
    )
    return bytes(ehdr + headers + body)


def patch(content: bytes, offset: int, layout: str, value: int) -> bytes:
    """`content` with one number replaced."""
    damaged = bytearray(content)
    struct.pack_into(layout, damaged, offset, value)
    return bytes(damaged)
