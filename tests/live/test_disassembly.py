"""Our decoder of the instructions that touch memory, against the disassembler of the toolchain."""

from __future__ import annotations

import random
import re
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

from gdbext.riscv.instruction import decode_instruction
from gdbext.riscv.traps import Access
from tests.live.conftest import CROSS_COMPILE, need

OBJDUMP = f"{CROSS_COMPILE}objdump"
LINE = re.compile(r"^\s*[0-9a-f]+:\t([0-9a-f]+)\s+(\S+)(?:\t([^#<\n]*))?", re.MULTILINE)
# What either side calls a load or a store of the base, A, F and D extensions.
LOAD = re.compile(r"(l[bhw]u?|ld|fl[wd]|lr\.[wd](\.aq)?(rl|\.rl)?)$")
STORE = re.compile(r"(s[bhwd]|fs[wd]|sc\.[wd].*|amo\w+\.[wd].*)$")
FULL_OPCODES = (0x03, 0x07, 0x23, 0x27, 0x2F)


def iter_disassembly(instructions: Iterable[bytes], directory: Path) -> Iterator[tuple[int, str, str]]:
    """For each of `instructions` its raw bits, mnemonic and operands, as the toolchain sees them."""
    path = directory / "instructions.bin"
    path.write_bytes(b"".join(instructions))
    command = [OBJDUMP, "-D", "-z", "-b", "binary", "-m", "riscv:rv64", str(path)]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    for raw, mnemonic, operands in LINE.findall(text):
        yield int(raw, 16), mnemonic, operands.strip()


def access_of(mnemonic: str) -> Access | None:
    return Access.LOAD if LOAD.match(mnemonic) else Access.STORE if STORE.match(mnemonic) else None


def check_instructions(instructions: list[bytes], directory: Path) -> None:
    """Both sides find the same accesses, and tell them in the same words."""
    seen = 0
    wrong = []
    for raw, mnemonic, operands in iter_disassembly(instructions, directory):
        ours = decode_instruction(raw)
        expected = access_of(mnemonic)
        seen += 1
        if ours.access is not expected or (expected and ours.text != f"{mnemonic} {operands}"):
            wrong.append(f"{raw:#x}: {ours.text} ({ours.access}), the toolchain: {mnemonic} {operands}")
    assert seen == len(instructions)
    assert not wrong, "\n".join(wrong[:20])


def test_every_compressed_instruction(tmp_path: Path) -> None:
    need(OBJDUMP)
    check_instructions([half.to_bytes(2, "little") for half in range(1 << 16) if half % 4 != 3], tmp_path)


def test_loads_stores_and_atomics(tmp_path: Path) -> None:
    need(OBJDUMP)
    numbers = random.Random(39)
    words = [numbers.getrandbits(32) & ~0x7F | opcode for opcode in FULL_OPCODES for _ in range(4000)]
    check_instructions([word.to_bytes(4, "little") for word in words], tmp_path)
