"""The notes of an ELF core of a RISC-V machine: registers as GDB expects them, and facts that only we write down.

Source: Linux `struct elf_prstatus` as BFD's elfnn-riscv.c lays it out; GDB's riscv-none-tdep.c for the floating-point
and CSR notes, and its corelow.c for the target description.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree

from gdbext.riscv.registers import FLOAT_NAMES, INTEGER_NAMES
from gdbext.riscv.rules import AdUpdate, TranslationRules
from gdbext.target.base import MemoryRegion, PageTableRegion

NT_PRSTATUS, OWNER_CORE = 1, b"CORE"
NT_FPREGSET = 2
NT_GDB_TDESC, OWNER_GDB = 0xFF000000, b"GDB"
NT_RISCV_CSR = 0x900
NT_FACTS, OWNER_FACTS = 1, b"SV39"
FACTS_VERSION = 1

PRSTATUS_SIZE = 376
PRSTATUS_PID_OFFSET = 32
PRSTATUS_REGISTERS_OFFSET = 112
# With an fcsr of eight or of four bytes, or with none.
FPREGSET_SIZES = (264, 260, 256)
# Larger ones than these do not occur; what claims to be larger is damaged.
DESCRIPTION_LIMIT = 1 << 20
FACTS_LIMIT = 16 << 20

CSR_FEATURE = "org.gnu.gdb.riscv.csr"
PRIV = "priv"
PRSTATUS_NAMES = ("pc", *INTEGER_NAMES[1:])
FPREGSET_NAMES = (*FLOAT_NAMES, "fcsr")


class DamagedNote(Exception):
    """A note does not hold what its type promises; the text says what."""


@dataclass(frozen=True)
class HartRecord:
    """The registers of one hart by GDB's names, unsigned."""

    number: int
    registers: Mapping[str, int]


@dataclass(frozen=True)
class Facts:
    """What is true of the machine and is in no register.

    `kept` says in words which memory the file holds; None if it holds all. `regions` is None where they are not known.
    """

    current_hart: int = 0
    kept: str | None = None
    regions: tuple[MemoryRegion, ...] | None = None
    page_table_region: PageTableRegion | None = None
    rules: Mapping[int, TranslationRules] = field(default_factory=dict)


def pack_note(owner: bytes, note_type: int, content: bytes) -> bytes:
    """One ELF note, padded to four bytes."""
    name = owner + b"\0"
    header = struct.pack("<III", len(name), len(content), note_type)
    return header + name + bytes(-len(name) % 4) + content + bytes(-len(content) % 4)


def pack_notes(harts: Sequence[HartRecord], facts: Facts) -> bytes:
    """All notes of a core. GDB selects the thread of the first hart in `harts`."""
    csr_names = list_csrs(harts)
    has_float = any(not hart.registers.keys().isdisjoint(FLOAT_NAMES) for hart in harts)
    # GDB expects room for fcsr if the description has it, and none if it does not.
    float_names = FPREGSET_NAMES if "fcsr" in csr_names else FLOAT_NAMES
    notes = bytearray()
    for hart in harts:
        notes += pack_note(OWNER_CORE, NT_PRSTATUS, _pack_prstatus(hart))
        if has_float:
            notes += pack_note(OWNER_CORE, NT_FPREGSET, _pack_words(hart, float_names))
        notes += pack_note(OWNER_GDB, NT_RISCV_CSR, _pack_words(hart, csr_names))
    notes += pack_note(OWNER_GDB, NT_GDB_TDESC, describe_target(csr_names, has_float).encode() + b"\0")
    notes += pack_note(OWNER_FACTS, NT_FACTS, _pack_facts(harts, facts, csr_names))
    return bytes(notes)


def list_csrs(harts: Sequence[HartRecord]) -> list[str]:
    """What some hart has besides the integer and floating-point registers, in the order of the first that has it."""
    others = {"pc", *INTEGER_NAMES, *FLOAT_NAMES}
    return list(dict.fromkeys(name for hart in harts for name in hart.registers if name not in others))


def describe_target(csr_names: Sequence[str], has_float: bool) -> str:
    """GDB's target description for a core with these CSRs, and with or without floating-point registers.

    The osabi `none` selects GDB's bare-metal core reader, which is the one that knows of CSRs. `priv` counts as a CSR:
    no other note has room for it, and GDB finds it by its name all the same.
    """

    pointers = {"pc": "code_ptr", "ra": "code_ptr", **dict.fromkeys(("sp", "gp", "tp", "fp"), "data_ptr")}
    return "\n".join(
        [
            '<?xml version="1.0"?>',
            '<!DOCTYPE target SYSTEM "gdb-target.dtd">',
            "<target>",
            "<architecture>riscv:rv64</architecture>",
            "<osabi>none</osabi>",
            '<feature name="org.gnu.gdb.riscv.cpu">',
            *(_describe_register(name, pointers.get(name, "int")) for name in (*INTEGER_NAMES, "pc")),
            "</feature>",
            *(FLOAT_FEATURE if has_float else ()),
            f'<feature name="{CSR_FEATURE}">',
            *(_describe_register(name, "int") for name in csr_names),
            "</feature>",
            "</target>",
        ]
    )


def _describe_register(name: str, kind: str) -> str:
    return f'<reg name="{name}" bitsize="64" type="{kind}"/>'


FLOAT_FEATURE = (
    '<feature name="org.gnu.gdb.riscv.fpu">',
    '<union id="riscv_double">',
    '<field name="float" type="ieee_single"/>',
    '<field name="double" type="ieee_double"/>',
    "</union>",
    *(_describe_register(name, "riscv_double") for name in FLOAT_NAMES),
    "</feature>",
)


def _pack_prstatus(hart: HartRecord) -> bytes:
    content = bytearray(PRSTATUS_SIZE)
    # A thread needs a number that is not 0: that of the hart plus one, as QEMU's stub counts them.
    struct.pack_into("<I", content, PRSTATUS_PID_OFFSET, hart.number + 1)
    words = _pack_words(hart, PRSTATUS_NAMES)
    content[PRSTATUS_REGISTERS_OFFSET : PRSTATUS_REGISTERS_OFFSET + len(words)] = words
    return bytes(content)


def _pack_words(hart: HartRecord, names: Sequence[str]) -> bytes:
    return struct.pack(f"<{len(names)}Q", *(hart.registers.get(name, 0) for name in names))


def _pack_facts(harts: Sequence[HartRecord], facts: Facts, csr_names: Sequence[str]) -> bytes:
    region = facts.page_table_region
    document = {
        "version": FACTS_VERSION,
        "current_hart": facts.current_hart,
        "harts": [
            {
                "number": hart.number,
                # The note of the CSRs has a place for each hart, also where only another one has that CSR.
                "absent": [name for name in (*FLOAT_NAMES, *csr_names) if name not in hart.registers],
                **_rules_document(facts.rules.get(hart.number)),
            }
            for hart in harts
        ],
        "kept": facts.kept,
        "memory": None
        if facts.regions is None
        else [
            {"start": hex(r.start), "end": hex(r.end), "name": r.name, "ram": r.is_ram, "rom": r.is_rom}
            for r in facts.regions
        ],
        "page_table_region": None
        if region is None
        else {"start": hex(region.start), "end": hex(region.end), "source": region.source},
    }
    return json.dumps(document).encode()


def _rules_document(rules: TranslationRules | None) -> dict[str, object]:
    if rules is None:
        return {}
    return {
        "rules": {
            "ad_update": rules.ad_update.value,
            "svnapot": rules.svnapot,
            "svpbmt": rules.svpbmt,
            "assumed": list(rules.assumed),
        }
    }


def iter_notes(content: bytes) -> Iterator[tuple[bytes, int, bytes]]:
    """(owner, type, content) of each note in a PT_NOTE segment. Raises `DamagedNote` where one is cut short."""
    position = 0
    while position + 12 <= len(content):
        name_size, size, note_type = struct.unpack_from("<III", content, position)
        name_start = position + 12
        start = name_start + name_size + -name_size % 4
        if start + size > len(content):
            raise DamagedNote("a note is cut short")
        yield content[name_start : name_start + name_size].rstrip(b"\0"), note_type, content[start : start + size]
        position = start + size + -size % 4
    if content[position:].strip(b"\0"):
        raise DamagedNote("a note is cut short")


def unpack_notes(content: bytes) -> tuple[list[HartRecord], Facts | None]:
    """The harts and the facts that the notes of a core tell. Raises `DamagedNote`.

    A hart begins with its NT_PRSTATUS; the other register notes that follow belong to it. Without facts of ours the
    harts are numbered in the order of the file.
    """
    harts: list[dict[str, int]] = []
    csr_notes: list[tuple[dict[str, int], bytes]] = []
    csr_layout: list[tuple[str, int]] | None = None
    document: Mapping[str, Any] | None = None
    for owner, note_type, note in iter_notes(content):
        kind = (owner, note_type)
        if kind == (OWNER_CORE, NT_PRSTATUS):
            harts.append(_unpack_prstatus(note))
        elif kind == (OWNER_CORE, NT_FPREGSET) and harts:
            harts[-1].update(_unpack_fpregset(note))
        elif kind == (OWNER_GDB, NT_RISCV_CSR) and harts:
            csr_notes.append((harts[-1], note))
        elif kind == (OWNER_GDB, NT_GDB_TDESC):
            csr_layout = unpack_csr_layout(note)
        elif kind == (OWNER_FACTS, NT_FACTS):
            document = _unpack_document(note)
    for registers, note in csr_notes:
        # Without a description nobody knows which CSR is which.
        registers.update(_unpack_csrs(note, csr_layout or []))
    if document is None:
        return [HartRecord(number, registers) for number, registers in enumerate(harts)], None
    return unpack_facts(document, harts)


def _unpack_prstatus(note: bytes) -> dict[str, int]:
    if len(note) != PRSTATUS_SIZE:
        raise DamagedNote(f"NT_PRSTATUS has {len(note)} bytes; that of a 64-bit RISC-V hart has {PRSTATUS_SIZE}")
    words = struct.unpack_from(f"<{len(PRSTATUS_NAMES)}Q", note, PRSTATUS_REGISTERS_OFFSET)
    return {"zero": 0, **dict(zip(PRSTATUS_NAMES, words, strict=True))}


def _unpack_fpregset(note: bytes) -> dict[str, int]:
    if len(note) not in FPREGSET_SIZES:
        raise DamagedNote(f"NT_FPREGSET has {len(note)} bytes; that of a hart with D has one of {FPREGSET_SIZES}")
    registers = dict(zip(FLOAT_NAMES, struct.unpack_from("<32Q", note), strict=True))
    if len(note) > FPREGSET_SIZES[-1]:
        registers["fcsr"] = int.from_bytes(note[256:260], "little")
    return registers


def unpack_csr_layout(note: bytes) -> list[tuple[str, int]]:
    """(name, size in bytes) of the CSRs in the order of a target description."""
    if len(note) > DESCRIPTION_LIMIT:
        raise DamagedNote(f"the target description has {len(note)} bytes")
    text = note.rstrip(b"\0")
    if b"<!ENTITY" in text:
        raise DamagedNote("the target description defines entities")
    layout = []
    try:
        root = ElementTree.fromstring(text)
        for feature in root.iter("feature"):
            if feature.get("name") == CSR_FEATURE:
                for register in feature.iter("reg"):
                    layout.append((register.attrib["name"], _bytes_of(register.get("bitsize", ""))))
    except (ElementTree.ParseError, KeyError, ValueError, LookupError, RecursionError) as error:
        raise DamagedNote(f"the target description is no XML that GDB would take: {error}") from error
    return layout


def _bytes_of(bitsize: str) -> int:
    if bitsize not in ("32", "64"):
        raise DamagedNote(f"the target description has a CSR of {bitsize!r} bits")
    return int(bitsize) // 8


def _unpack_csrs(note: bytes, layout: Sequence[tuple[str, int]]) -> dict[str, int]:
    csrs: dict[str, int] = {}
    position = 0
    for name, size in layout:
        if position + size > len(note):
            raise DamagedNote(f"NT_RISCV_CSR ends before {name}")
        csrs[name] = int.from_bytes(note[position : position + size], "little")
        position += size
    return csrs


def _unpack_document(note: bytes) -> Mapping[str, Any]:
    if len(note) > FACTS_LIMIT:
        raise DamagedNote(f"the note of owner SV39 has {len(note)} bytes")
    try:
        document = json.loads(note.rstrip(b"\0"))
    except (ValueError, RecursionError) as error:
        raise DamagedNote(f"the note of owner SV39 is no JSON: {error}") from error
    if not isinstance(document, dict) or not isinstance(document.get("version"), int):
        raise DamagedNote("the note of owner SV39 has no version")
    if document["version"] > FACTS_VERSION:
        raise DamagedNote(f"the note of owner SV39 has version {document['version']}: a newer sv39 wrote this core")
    return document


def unpack_facts(document: Mapping[str, Any], harts: Sequence[dict[str, int]]) -> tuple[list[HartRecord], Facts]:
    """The facts, and `harts` by their true numbers without the registers that they lack. Raises `DamagedNote`."""
    try:
        entries = [_unpack_hart(entry) for entry in document["harts"]]
        if len(entries) != len(harts) or len({number for number, _, _ in entries}) != len(entries):
            raise DamagedNote("the note of owner SV39 speaks of other harts than the core has")
        records = [
            HartRecord(number, {name: value for name, value in registers.items() if name not in absent})
            for (number, absent, _), registers in zip(entries, harts, strict=True)
        ]
        regions = None
        if document["memory"] is not None:
            regions = tuple(sorted(_unpack_region(entry) for entry in document["memory"]))
        region = None
        if document["page_table_region"] is not None:
            found = document["page_table_region"]
            region = PageTableRegion(_unpack_hex(found["start"]), _unpack_hex(found["end"]), str(found["source"]))
        facts = Facts(
            current_hart=_unpack_number(document["current_hart"]),
            kept=None if document["kept"] is None else str(document["kept"]),
            regions=regions,
            page_table_region=region,
            rules={number: rules for number, _, rules in entries if rules is not None},
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DamagedNote(f"the note of owner SV39 lacks something: {error!r}") from error
    if facts.current_hart not in {record.number for record in records}:
        raise DamagedNote("the note of owner SV39 speaks of other harts than the core has")
    return records, facts


def _unpack_hart(entry: Mapping[str, Any]) -> tuple[int, set[str], TranslationRules | None]:
    rules = None
    if "rules" in entry:
        document = entry["rules"]
        rules = TranslationRules(
            ad_update=AdUpdate(document["ad_update"]),
            svnapot=bool(document["svnapot"]),
            svpbmt=bool(document["svpbmt"]),
            assumed=tuple(str(sentence) for sentence in document["assumed"]),
        )
    return _unpack_number(entry["number"]), {str(name) for name in entry["absent"]}, rules


def _unpack_region(entry: Mapping[str, Any]) -> MemoryRegion:
    start, end = _unpack_hex(entry["start"]), _unpack_hex(entry["end"])
    return MemoryRegion(start, end, str(entry["name"]), bool(entry["ram"]), bool(entry["rom"]))


def _unpack_hex(text: str) -> int:
    if not re.fullmatch(r"0x[0-9a-f]{1,16}", text):
        raise ValueError(f"not an address: {text[:20]!r}")
    return int(text, 16)


def _unpack_number(value: object) -> int:
    if not isinstance(value, int) or not 0 <= value < 1 << 16:
        raise ValueError("not a hart number")
    return value
