"""Cores: what is written is read back, what others write is read, and what is damaged is one clear line."""

from __future__ import annotations

import os
import random
import stat
import struct
import tempfile
import tracemalloc
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gdbext.commands.declaration import Status
from gdbext.errors import BadFile, BadInput, NoMemory, NotCaptured, Sv39Error
from gdbext.riscv.paging import PAGE_SIZE, SV39
from gdbext.riscv.registers import FLOAT_NAMES, INTEGER_NAMES
from gdbext.riscv.rules import AdUpdate
from gdbext.tables.walk import walk
from gdbext.target.core import CoreTarget, open_core_target
from gdbext.target.corefile import EHDR, PHDR, PT_LOAD, SHDR, iter_write_core
from gdbext.target.corenotes import (
    FPREGSET_NAMES,
    NT_FACTS,
    NT_FPREGSET,
    NT_GDB_TDESC,
    NT_PRSTATUS,
    NT_RISCV_CSR,
    PRSTATUS_SIZE,
    Facts,
    HartRecord,
    pack_note,
    pack_notes,
    unpack_notes,
)
from gdbext.target.elfcore import read_elf_core
from tests.unit.fakes import run
from tests.unit.target.cores import FACTS, RAM_PA, make_hart, make_tables, pack_elf, patch, write_small_core

U64 = st.integers(0, 2**64 - 1)
PA_MASK = 2**56 - 1


@pytest.fixture
def core(tmp_path: Path) -> Path:
    path = tmp_path / "small.core"
    write_small_core(path)
    return path


def bad_file(path: Path, content: bytes | None = None) -> str:
    """The message with which `path`, with `content` if any, is refused: one line."""
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BadFile) as caught:
        read_elf_core(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


class TestRoundTrip:
    def test_every_hart_has_its_own_registers(self, core: Path) -> None:
        target = open_core_target(core)
        assert target.harts == (0, 1)
        assert target.current_hart == 1
        for hart in (0, 1):
            for index, name in enumerate(INTEGER_NAMES[1:], 1):
                assert target.read_csr(hart, name) == hart << 32 | index
            for index, name in enumerate(FLOAT_NAMES):
                assert target.read_csr(hart, name) == 0x3FF0 << 48 | hart << 32 | index
            assert target.read_csr(hart, "pc") == RAM_PA + 4 * hart
            assert target.read_csr(hart, "priv") == 1
        assert target.read_csr(1, "satp") == 0
        assert target.read_csr(0, "satp") == make_tables()[1].satp

    def test_a_register_that_only_another_hart_has_is_absent(self, core: Path) -> None:
        target = open_core_target(core)
        assert target.read_csr(1, "hgatp") == 0
        assert target.read_csr(0, "hgatp") is None
        assert target.read_csr(1, "pmpcfg0") is None

    def test_a_register_goes_by_its_other_names(self, core: Path) -> None:
        target = open_core_target(core)
        assert target.read_csr(1, "s0") == target.read_csr(1, "x8") == target.read_csr(1, "fp") == 1 << 32 | 8

    def test_the_facts_of_the_machine(self, core: Path) -> None:
        target = open_core_target(core)
        assert target.memory_regions() == FACTS.regions
        assert target.page_table_region() == FACTS.page_table_region
        rules = target.translation_rules(0)
        assert (rules.ad_update, rules.svnapot, rules.svpbmt) == (AdUpdate.FAULT, False, False)
        assert rules.assumed == ("an assumption",)
        assert rules.pmp[0].describe().startswith("PMP entry 0 (NAPOT")

    def test_answers_are_those_of_the_machine(self, core: Path) -> None:
        target, _ = make_tables()
        from_core = open_core_target(core)
        target.csrs[0]["mstatus"] = 0
        target.rules = from_core.translation_rules(0)
        target.regions = list(FACTS.regions or ())
        target.table_region = FACTS.page_table_region
        for line in ("maps -hart 0", "maps -holes -hart 0 -json", "walk 0x80001234 0x40000000 0 -hart 0"):
            assert run(from_core, line) == run(target, line)

    def test_memory_is_exact_and_zeros_are_holes_of_the_file(self, tmp_path: Path) -> None:
        path = tmp_path / "sparse.core"
        memory = bytes(8 << 20) + b"end." * 1024
        pieces = iter_write_core(
            path, [make_hart(0)], Facts(), [(RAM_PA, RAM_PA + len(memory))], lambda pa, n: memory[pa - RAM_PA :][:n]
        )
        assert list(pieces)[-1] == len(memory)
        capture = read_elf_core(path)
        assert capture.memory.read(RAM_PA, len(memory)) == memory
        assert path.stat().st_blocks * 512 < 1 << 20

    def test_the_file_is_for_its_owner_alone(self, core: Path) -> None:
        assert stat.S_IMODE(core.stat().st_mode) == 0o600

    def test_the_file_appears_whole_or_not_at_all(self, tmp_path: Path) -> None:
        def fail(pa: int, size: int) -> bytes:
            raise NoMemory(pa, size, "gone")

        path = tmp_path / "never.core"
        with pytest.raises(NoMemory):
            list(iter_write_core(path, [make_hart(0)], Facts(), [(RAM_PA, RAM_PA + PAGE_SIZE)], fail))
        assert list(tmp_path.iterdir()) == []

    def test_an_interrupt_leaves_nothing_behind(self, tmp_path: Path) -> None:
        ranges = [(RAM_PA, RAM_PA + (4 << 20))]
        writing = iter_write_core(tmp_path / "never.core", [make_hart(0)], Facts(), ranges, lambda _pa, n: bytes(n))
        assert isinstance(writing, Generator)
        assert next(writing) == 1 << 20
        with pytest.raises(KeyboardInterrupt):
            writing.throw(KeyboardInterrupt())
        assert list(tmp_path.iterdir()) == []

    def test_more_segments_than_fit_in_the_elf_header(self, tmp_path: Path) -> None:
        path = tmp_path / "many.core"
        ranges = [(RAM_PA + number * 16, RAM_PA + number * 16 + 8) for number in range(70_000)]
        for _ in iter_write_core(path, [make_hart(0)], Facts(), ranges, lambda pa, _size: struct.pack("<Q", pa)):
            pass
        memory = read_elf_core(path).memory
        assert memory.ranges() == ranges
        assert memory.read(ranges[-1][0], 8) == struct.pack("<Q", ranges[-1][0])

    @given(st.lists(st.dictionaries(st.sampled_from(("pc", "sp", "ft3", "satp", "fcsr")), U64), min_size=1, max_size=4))
    def test_any_registers(self, registers: list[dict[str, int]]) -> None:
        for values in registers:
            values["fcsr"] = values.get("fcsr", 0) & 0xFFFF_FFFF
        harts = [HartRecord(number, values) for number, values in enumerate(registers)]
        found, facts = unpack_notes(pack_notes(harts, Facts()))
        assert facts == Facts()
        for record, values in zip(found, registers, strict=True):
            assert {name: record.registers.get(name) for name in values} == values
            assert "satp" in values or "satp" not in record.registers


class TestWhatIsNotThere:
    def test_memory_that_a_compact_core_leaves_out_says_so(self, tmp_path: Path) -> None:
        path = tmp_path / "compact.core"
        write_small_core(path, Facts(kept="page tables", regions=FACTS.regions))
        target = open_core_target(path)
        with pytest.raises(NotCaptured, match="not in this core, which keeps only page tables"):
            target.read_physical(RAM_PA, 8)

    def test_memory_that_the_machine_did_not_have_is_another_matter(self, core: Path) -> None:
        target = open_core_target(core)
        with pytest.raises(NoMemory, match="no memory there"):
            target.read_physical(0x1000, 8)
        with pytest.raises(NoMemory, match="not RAM, but the device uart"):
            target.read_physical(0x1000_0000, 8)

    def test_what_a_segment_has_only_in_memory_is_not_in_the_core(self, tmp_path: Path) -> None:
        path = tmp_path / "gap.core"
        content = pack_elf((RAM_PA, b"x" * PAGE_SIZE))
        path.write_bytes(patch(content, EHDR.size + PHDR.size + 40, "<Q", 2 * PAGE_SIZE))
        target = open_core_target(path)
        assert target.read_physical(RAM_PA, PAGE_SIZE) == b"x" * PAGE_SIZE
        with pytest.raises(NotCaptured, match="not in this core"):
            target.read_physical(RAM_PA + PAGE_SIZE, 1)
        with pytest.raises(NotCaptured):
            target.read_physical(RAM_PA + PAGE_SIZE - 1, 2)

    def test_a_read_may_cross_into_the_next_segment(self, tmp_path: Path) -> None:
        path = tmp_path / "two.core"
        path.write_bytes(pack_elf((RAM_PA + 8, b"89abcdef"), (RAM_PA, b"01234567")))
        target = open_core_target(path)
        assert target.read_physical(RAM_PA + 4, 8) == b"456789ab"
        assert target.readable_ranges() == [(RAM_PA, RAM_PA + 16)]


class TestForeignCores:
    """Cores as QEMU, GDB and Linux write them."""

    def test_without_csrs_the_tables_are_named_by_hand(self, tmp_path: Path) -> None:
        path = tmp_path / "qemu.core"
        target, builder = make_tables()
        tables = target.read_physical(builder.root_pa, builder.next_free - builder.root_pa)
        prstatus = bytearray(PRSTATUS_SIZE)
        struct.pack_into("<I32Q", prstatus, 108, 0, RAM_PA + 0x100, *range(1, 32))
        path.write_bytes(
            pack_elf((builder.root_pa, tables), notes=pack_note(b"CORE", NT_PRSTATUS, bytes(prstatus)) * 2)
        )
        core = open_core_target(path)
        assert core.harts == (0, 1)
        assert core.read_csr(1, "pc") == RAM_PA + 0x100
        assert core.read_csr(1, "sp") == 2
        with pytest.raises(Sv39Error, match="no satp for hart 0: name the tables with -satp VALUE or -root PA"):
            run(core, "walk 0x80000000")
        text, status = run(core, f"walk 0x80001000 -satp {builder.satp:#x}")
        assert status is Status.ANSWERED
        assert "pa 0x80001000" in text
        for assumption in ("sets A and D", "no PMP", "SUM=0 and MXR=0"):
            assert assumption in text

    def test_a_core_of_gdb_itself_has_the_csrs_of_its_description(self, tmp_path: Path) -> None:
        description = (
            '<?xml version="1.0"?><!DOCTYPE target SYSTEM "gdb-target.dtd"><target><architecture>riscv:rv64'
            '</architecture><feature name="org.gnu.gdb.riscv.csr"><reg name="frm" bitsize="32" type="int"/>'
            '<reg name="satp" bitsize="64" type="int"/></feature></target>'
        )
        notes = (
            pack_note(b"CORE", NT_PRSTATUS, bytes(PRSTATUS_SIZE))
            + pack_note(b"CORE", NT_FPREGSET, bytes(256) + struct.pack("<I", 0x1F))
            + pack_note(b"GDB", NT_RISCV_CSR, struct.pack("<IQ", 3, 8 << 60 | 0x84000))
            + pack_note(b"GDB", NT_GDB_TDESC, description.encode() + b"\0")
        )
        path = tmp_path / "gcore.core"
        path.write_bytes(pack_elf((RAM_PA, b"x"), notes=notes))
        core = open_core_target(path)
        assert core.read_csr(0, "satp") == 8 << 60 | 0x84000
        assert core.read_csr(0, "frm") == 3
        assert core.read_csr(0, "fcsr") == 0x1F

    def test_a_range_twice_is_fine_if_it_is_the_same_twice(self, tmp_path: Path) -> None:
        path = tmp_path / "linux.core"
        path.write_bytes(pack_elf((RAM_PA, b"0123456789"), (RAM_PA + 2, b"2345"), (RAM_PA + 8, b"89ab")))
        assert read_elf_core(path).memory.read(RAM_PA, 12) == b"0123456789ab"
        assert "disagree about the physical memory at 0x80000002" in bad_file(
            path, pack_elf((RAM_PA, b"0123456789"), (RAM_PA + 2, b"2x45"))
        )

    def test_no_hart_at_all_is_one_without_registers(self, tmp_path: Path) -> None:
        path = tmp_path / "bare.core"
        path.write_bytes(pack_elf((RAM_PA, b"x")))
        core = open_core_target(path)
        assert core.harts == (0,)
        assert core.read_csr(0, "satp") is None


class TestRawImages:
    def test_an_image_lies_at_its_base(self, tmp_path: Path) -> None:
        path = tmp_path / "ram.bin"
        path.write_bytes(b"\x7fELF is no matter here")
        image = open_core_target(path, base_pa=RAM_PA)
        assert image.read_physical(RAM_PA + 1, 3) == b"ELF"
        assert image.harts == (0,)
        with pytest.raises(NotCaptured, match="not in this image"):
            image.read_physical(RAM_PA - 1, 2)

    @pytest.mark.parametrize("base_pa", [0x123, 1 << 56, -PAGE_SIZE & 2**64 - 1])
    def test_a_base_that_makes_no_sense(self, tmp_path: Path, base_pa: int) -> None:
        path = tmp_path / "ram.bin"
        path.write_bytes(b"x")
        with pytest.raises(BadInput, match="-base"):
            open_core_target(path, base_pa=base_pa)


LOAD = (RAM_PA, bytes(64))
PHDR_FIELD = {
    name: EHDR.size + PHDR.size + 8 * (index + 1) for index, name in enumerate(("offset", "v", "p", "filesz"))
}


class TestBadFiles:
    """One clear line for each kind of damage."""

    @pytest.mark.parametrize(
        ("content", "complaint"),
        [
            (b"", "is empty"),
            (b"\x7fEL", "is not an ELF core"),
            (b"\x7fELF\2\1", "is truncated: it ends within the ELF header"),
            (b"#!/bin/sh\n", "is not an ELF core; a raw image of RAM needs -base PA"),
            (b"KDUMP   " + bytes(100), "is a kdump-compressed dump"),
            (b"makedumpfile\0" + bytes(100), "flattened form"),
            (b"\x1f\x8b" + bytes(100), "compressed by gzip"),
            (pack_elf(LOAD, ei_class=1), "not a 64-bit"),
            (pack_elf(LOAD, ei_data=2), "not a little-endian"),
            (pack_elf(LOAD, e_machine=62), "of another machine: e_machine is 62"),
            (pack_elf(LOAD, e_type=2), "no core: e_type is 2; a kernel's symbols go with -elf"),
            (pack_elf(LOAD, phentsize=32), "program headers of 32 bytes"),
            (pack_elf(LOAD, phnum=9000), "it ends within its 9000 program headers"),
            (pack_elf(), "no memory in it"),
            (pack_elf((0, b"x"), (0, b"y")), "by virtual addresses only: every p_paddr is 0"),
            (pack_elf(LOAD)[:-1], "ends within the segment of physical memory at 0x80000000"),
            (pack_elf((1 << 56, b"x")), "beyond the 56-bit physical addresses"),
            (patch(pack_elf(LOAD), PHDR_FIELD["filesz"], "<Q", 65), "more bytes in the file than in memory"),
            (patch(pack_elf(LOAD), PHDR_FIELD["offset"], "<Q", 2**64 - 1), "is truncated"),
            (pack_elf(LOAD, notes=b"\1\0\0\0\1"), "a note is cut short"),
            (pack_elf(LOAD, notes=struct.pack("<III", 4, 2**32 - 1, 1) + b"GDB\0"), "a note is cut short"),
            (pack_elf(LOAD, notes=pack_note(b"CORE", NT_PRSTATUS, bytes(200))), "NT_PRSTATUS has 200 bytes"),
            (
                pack_elf(
                    LOAD, notes=pack_note(b"CORE", NT_PRSTATUS, bytes(376)) + pack_note(b"CORE", NT_FPREGSET, b"")
                ),
                "NT_FPREGSET has 0 bytes",
            ),
            (pack_elf(LOAD, notes=pack_note(b"GDB", NT_GDB_TDESC, b"<target>")), "no XML that GDB would take"),
            (
                pack_elf(LOAD, notes=pack_note(b"GDB", NT_GDB_TDESC, b'<!DOCTYPE t [<!ENTITY a "b">]><t>&a;</t>')),
                "defines entities",
            ),
            (pack_elf(LOAD, notes=pack_note(b"SV39", NT_FACTS, b"[" * 100_000)), "is no JSON"),
            (pack_elf(LOAD, notes=pack_note(b"SV39", NT_FACTS, b"[]")), "has no version"),
            (pack_elf(LOAD, notes=pack_note(b"SV39", NT_FACTS, b'{"version": 2}')), "a newer sv39 wrote this core"),
            (pack_elf(LOAD, notes=pack_note(b"SV39", NT_FACTS, b'{"version": 1}')), "lacks something"),
        ],
    )
    def test_complaints(self, tmp_path: Path, content: bytes, complaint: str) -> None:
        assert complaint in bad_file(tmp_path / "bad.core", content)

    def test_no_file(self, tmp_path: Path) -> None:
        assert "No such file" in bad_file(tmp_path / "none")

    def test_a_directory(self, tmp_path: Path) -> None:
        assert "is not a regular file" in bad_file(tmp_path)

    def test_a_pipe_without_a_writer(self, tmp_path: Path) -> None:
        path = tmp_path / "pipe"
        os.mkfifo(path)
        assert "is not a regular file" in bad_file(path)

    def test_a_gigabyte_of_zeros(self, tmp_path: Path) -> None:
        path = tmp_path / "zeros"
        path.touch()
        os.truncate(path, 1 << 30)
        assert "is not an ELF core" in bad_file(path)

    def test_nothing_is_allocated_by_what_a_header_claims(self, tmp_path: Path) -> None:
        path = tmp_path / "claims.core"
        content = patch(pack_elf(LOAD), EHDR.size + 32, "<Q", 1 << 30)  # p_filesz of the notes
        path.write_bytes(content)
        os.truncate(path, 2 << 30)
        tracemalloc.start()
        try:
            assert "its notes claim 1073741824 bytes" in bad_file(path)
            assert tracemalloc.get_traced_memory()[1] < 1 << 20
        finally:
            tracemalloc.stop()

    def test_more_segments_than_anyone_has(self, tmp_path: Path) -> None:
        path = tmp_path / "segments.core"
        content = patch(pack_elf(LOAD, phnum=0xFFFF), 40, "<Q", len(pack_elf(LOAD)))
        path.write_bytes(content + SHDR.pack(0, 0, 0, 0, 0, 0, 0, 1 << 24, 0, 0))
        os.truncate(path, 1 << 30)
        assert "claims to have 16777216 segments" in bad_file(path)

    def test_a_file_that_shrinks_while_it_is_read(self, core: Path) -> None:
        target = open_core_target(core)
        os.truncate(core, 100)
        with pytest.raises(BadFile, match="has become shorter"):
            target.read_physical(make_tables()[1].root_pa, 8)

    def test_segments_that_overlap_without_end(self, tmp_path: Path) -> None:
        """They are all alike, and comparing them all would take hours."""
        path = tmp_path / "overlap.core"
        count, size = 60_000, 1 << 20
        content = bytearray(pack_elf(*[(RAM_PA, b"")] * count))
        for number in range(count):
            header = PHDR.pack(PT_LOAD, 7, len(content) + number, 0, RAM_PA, size, size, 1)
            struct.pack_into(f"{PHDR.size}s", content, EHDR.size + PHDR.size * (number + 1), header)
        assert "disagree" in bad_file(path, bytes(content) + bytes(count + size))


EXTREMES = (0, 1, 3, 7, 8, 0xFFF, 0x1000, 0xFFFF, 0x7FFF_FFFF, 0xFFFF_FFFF, 2**56 - 1, 2**56, 2**63, 2**64 - 1)


def damage(content: bytes, chance: random.Random) -> bytes:
    """`content` with some numbers made extreme, some bits flipped, some bytes cut out, or its end cut off."""
    damaged = bytearray(content)
    # Most of the file is memory; what can be damaged to some effect lies before it.
    interesting = min(len(damaged), 0x3000)
    for _ in range(chance.choice((1, 1, 2, 5))):
        kind = chance.randrange(6)
        place = chance.randrange(chance.choice((64, 300, interesting)))
        if kind == 0:
            damaged[place] ^= 1 << chance.randrange(8)
        elif kind == 1:
            struct.pack_into("<Q", damaged, place & -8, chance.choice(EXTREMES))
        elif kind == 2:
            struct.pack_into("<I", damaged, place & -4, chance.choice(EXTREMES) & 0xFFFF_FFFF)
        elif kind == 3:
            struct.pack_into("<H", damaged, place & -2, chance.choice(EXTREMES) & 0xFFFF)
        elif kind == 4:
            del damaged[place : place + chance.randrange(64)]
            damaged += bytes(interesting + 8 - min(len(damaged), interesting + 8))
        else:
            damaged[place : place + 8] = chance.randbytes(8)
    if chance.random() < 0.1:
        del damaged[chance.randrange(len(damaged)) :]
    return bytes(damaged)


@pytest.mark.parametrize("seed", range(8))
def test_damaged_cores(seed: int, core: Path, tmp_path: Path) -> None:
    """Tens of thousands of damaged cores end in a target that answers, or in one line."""
    content = core.read_bytes()
    chance = random.Random(seed)
    path = tmp_path / "damaged.core"
    path.touch()
    refused = 0
    for _ in range(5000):
        overwrite(path, damage(content, chance))
        try:
            answer_something(path)
        except Sv39Error as error:
            assert "\n" not in str(error)
            refused += 1
    # Both kinds occur, or the damage is of the wrong size.
    assert 500 < refused < 4500


@settings(max_examples=1000)
@given(st.data())
def test_damaged_notes(data: st.DataObject) -> None:
    """Notes whose structure is kept and whose content is anything."""
    owners_and_types = ((b"CORE", NT_PRSTATUS), (b"CORE", NT_FPREGSET), (b"GDB", NT_RISCV_CSR), (b"GDB", NT_GDB_TDESC))
    kinds = st.sampled_from((*owners_and_types, (b"SV39", NT_FACTS), (b"OTHER", 7)))
    contents = st.one_of(st.binary(max_size=400), st.integers(0, 400).map(bytes), st.text().map(str.encode))
    notes = b"".join(pack_note(*kind, content) for kind, content in data.draw(st.lists(st.tuples(kinds, contents))))
    cut = data.draw(st.integers(0, len(notes)))
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "notes.core"
        path.write_bytes(pack_elf(LOAD, notes=notes[:cut]))
        try:
            answer_something(path)
        except Sv39Error as error:
            assert "\n" not in str(error)


def overwrite(path: Path, content: bytes) -> None:
    """Some file systems take milliseconds for a file that is emptied before it is written."""
    with path.open("r+b") as file:
        file.write(content)
        file.truncate()


def answer_something(path: Path) -> None:
    target = CoreTarget(read_elf_core(path))
    for hart in target.harts:
        rules = target.translation_rules(hart)
        walk(target, SV39, (target.read_csr(hart, "satp") or 0x84000) << 12 & PA_MASK, RAM_PA, rules)


def test_fpregset_names_are_those_of_the_registers() -> None:
    assert (*FLOAT_NAMES, "fcsr") == FPREGSET_NAMES
