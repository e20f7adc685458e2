"""What anyone would write to watch page faults: a breakpoint at the handler and one at its mret, five CSRs, three PTEs.

The benchmark runs this inside GDB, for the deep trace to be measured against.
"""

from __future__ import annotations

import re

import gdb

PAGE_FAULTS = (12, 13, 15)
PPN_MASK = (1 << 44) - 1
U64_MASK = (1 << 64) - 1


def set_physical(mode: int) -> None:
    """What GDB has cached of memory is of the other mode, and has to go."""
    gdb.execute(f"maintenance packet Qqemu.PhyMemMode:{mode}", to_string=True)
    gdb.execute("maintenance flush dcache", to_string=True)


def walk(satp: int, va: int) -> list[int]:
    """The PTEs for a va, from the root on, as far as they are valid pointers."""
    ptes = []
    table = (satp & PPN_MASK) << 12
    set_physical(1)
    for level in (2, 1, 0):
        content = gdb.selected_inferior().read_memory(table + (va >> 12 + 9 * level & 511) * 8, 8)
        ptes.append(int.from_bytes(bytes(content), "little"))
        table = (ptes[-1] >> 10 & PPN_MASK) << 12
        if not ptes[-1] & 1 or ptes[-1] & 0xE:
            break
    set_physical(0)
    return ptes


class Entry(gdb.Breakpoint):  # type: ignore[misc]
    def stop(self) -> bool:
        names = ("mcause", "mtval", "mepc", "satp", "mstatus")
        cause, va, pc, satp, status = (int(gdb.parse_and_eval(f"${name}")) & U64_MASK for name in names)
        if cause in PAGE_FAULTS:
            ptes = " ".join(f"{pte:#x}" for pte in walk(satp, va))
            print(f"page fault {cause} at {pc:#x} for {va:#x}, mstatus {status:#x}: {ptes}")
        return False


class Exit(gdb.Breakpoint):  # type: ignore[misc]
    def stop(self) -> bool:
        print("mret")
        return False


code = gdb.execute("disassemble machine_trap_entry,+600", to_string=True)
mret = re.search(r"^\s*(0x[0-9a-f]+).*\bmret$", code, re.MULTILINE)
assert mret is not None
Entry("*machine_trap_entry")
Exit(f"*{mret[1]}")
