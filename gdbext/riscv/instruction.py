"""The instructions that touch memory, decoded as far as the story of a trap needs them.

Source: RISC-V unprivileged specification, "RV32/64G Instruction Set Listings" and the "C" extension; `fence`-like and
system instructions from the privileged one. Anything else reads as its raw word.
"""

from __future__ import annotations

from dataclasses import dataclass

from gdbext.riscv.traps import Access

REGISTERS = (
    "zero ra sp gp tp t0 t1 t2 s0 s1 a0 a1 a2 a3 a4 a5 a6 a7 s2 s3 s4 s5 s6 s7 s8 s9 s10 s11 t3 t4 t5 t6"
).split()
FP_REGISTERS = (
    "ft0 ft1 ft2 ft3 ft4 ft5 ft6 ft7 fs0 fs1 fa0 fa1 fa2 fa3 fa4 fa5 fa6 fa7 fs2 fs3 fs4 fs5 fs6 fs7 fs8 fs9 fs10 fs11 "
    "ft8 ft9 ft10 ft11"
).split()

LOADS = {0: "lb", 1: "lh", 2: "lw", 3: "ld", 4: "lbu", 5: "lhu", 6: "lwu"}
STORES = {0: "sb", 1: "sh", 2: "sw", 3: "sd"}
FP_LOADS = {2: "flw", 3: "fld"}
FP_STORES = {2: "fsw", 3: "fsd"}
AMOS = {
    0x00: "amoadd",
    0x01: "amoswap",
    0x02: "lr",
    0x03: "sc",
    0x04: "amoxor",
    0x08: "amoor",
    0x0C: "amoand",
    0x10: "amomin",
    0x14: "amomax",
    0x18: "amominu",
    0x1C: "amomaxu",
}
AMO_ORDER = ("", ".rl", ".aq", ".aqrl")
SYSTEM = {0x00000073: "ecall", 0x00100073: "ebreak", 0x10200073: "sret", 0x30200073: "mret", 0x10500073: "wfi"}
SFENCE_VMA_MASK, SFENCE_VMA = 0xFE007FFF, 0x12000073

MRET = 0x30200073
SRET = 0x10200073


@dataclass(frozen=True)
class Instruction:
    """One instruction: raw bits, length in bytes, text in GDB's manner, and what it does with memory, if anything."""

    raw: int
    length: int
    text: str
    access: Access | None = None


def decode_length(raw: int) -> int:
    """2 for a compressed instruction, else 4: longer ones are not in use."""
    return 4 if raw & 0b11 == 0b11 else 2


def decode_instruction(raw: int) -> Instruction:
    """The instruction in the low 16 or 32 bits of `raw`."""
    if decode_length(raw) == 2:
        raw &= 0xFFFF
        text, access = _decode_compressed(raw) or (f".2byte {raw:#06x}", None)
        return Instruction(raw, 2, text, access)
    raw &= 0xFFFFFFFF
    text, access = _decode_full(raw) or (f".4byte {raw:#010x}", None)
    return Instruction(raw, 4, text, access)


def _sign_extend(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> (bits - 1) else value


def _decode_full(raw: int) -> tuple[str, Access | None] | None:
    opcode, funct3 = raw & 0x7F, raw >> 12 & 7
    rd, rs1, rs2 = raw >> 7 & 31, raw >> 15 & 31, raw >> 20 & 31
    if opcode in (0x03, 0x07):
        name = (LOADS if opcode == 0x03 else FP_LOADS).get(funct3)
        registers = REGISTERS if opcode == 0x03 else FP_REGISTERS
        return _memory(name, registers[rd], _sign_extend(raw >> 20, 12), rs1, Access.LOAD)
    if opcode in (0x23, 0x27):
        name = (STORES if opcode == 0x23 else FP_STORES).get(funct3)
        registers = REGISTERS if opcode == 0x23 else FP_REGISTERS
        return _memory(name, registers[rs2], _sign_extend(raw >> 25 << 5 | rd, 12), rs1, Access.STORE)
    if opcode == 0x2F and funct3 in (2, 3) and raw >> 27 in AMOS:
        name = f"{AMOS[raw >> 27]}.{'w' if funct3 == 2 else 'd'}{AMO_ORDER[raw >> 25 & 3]}"
        if name.startswith("lr"):
            # With rs2 other than 0 the encoding is reserved.
            return None if rs2 else (f"{name} {REGISTERS[rd]},({REGISTERS[rs1]})", Access.LOAD)
        return f"{name} {REGISTERS[rd]},{REGISTERS[rs2]},({REGISTERS[rs1]})", Access.STORE
    if raw in SYSTEM:
        return SYSTEM[raw], None
    if raw & SFENCE_VMA_MASK == SFENCE_VMA:
        operands = f" {REGISTERS[rs1]},{REGISTERS[rs2]}" if rs1 or rs2 else ""
        return f"sfence.vma{operands}", None
    return None


def _memory(
    name: str | None, register: str, offset: int, base: int, access: Access
) -> tuple[str, Access | None] | None:
    return (f"{name} {register},{offset}({REGISTERS[base]})", access) if name else None


def _decode_compressed(raw: int) -> tuple[str, Access | None] | None:
    quadrant, funct3 = raw & 3, raw >> 13
    if quadrant == 0 and funct3 in (1, 2, 3, 5, 6, 7):
        # fld lw ld fsd sw sd on the eight popular registers; the offset is in words or doublewords.
        base, register = 8 + (raw >> 7 & 7), 8 + (raw >> 2 & 7)
        if funct3 in (2, 6):
            offset = (raw >> 10 & 7) << 3 | (raw >> 6 & 1) << 2 | (raw >> 5 & 1) << 6
        else:
            offset = (raw >> 10 & 7) << 3 | (raw >> 5 & 3) << 6
        return _compressed_memory(funct3, register, offset, base)
    if quadrant == 2 and funct3 in (1, 2, 3):
        if funct3 != 1 and not raw >> 7 & 31:
            return None  # lwsp and ldsp into x0 are reserved.
        high = (raw >> 12 & 1) << 5
        if funct3 == 2:
            offset = high | (raw >> 4 & 7) << 2 | (raw >> 2 & 3) << 6
        else:
            offset = high | (raw >> 5 & 3) << 3 | (raw >> 2 & 7) << 6
        return _compressed_memory(funct3, raw >> 7 & 31, offset, 2)
    if quadrant == 2 and funct3 in (5, 6, 7):
        if funct3 == 6:
            offset = (raw >> 9 & 15) << 2 | (raw >> 7 & 3) << 6
        else:
            offset = (raw >> 10 & 7) << 3 | (raw >> 7 & 7) << 6
        return _compressed_memory(funct3, raw >> 2 & 31, offset, 2)
    if raw == 0x9002:
        return "ebreak", None
    return None


def _compressed_memory(funct3: int, register: int, offset: int, base: int) -> tuple[str, Access | None] | None:
    name = {1: "fld", 2: "lw", 3: "ld", 5: "fsd", 6: "sw", 7: "sd"}[funct3]
    registers = FP_REGISTERS if name.startswith("f") else REGISTERS
    return _memory(name, registers[register], offset, base, Access.STORE if funct3 > 3 else Access.LOAD)
