"""An address space: which root table, in which mode, on which hart, and who says so."""

from __future__ import annotations

from dataclasses import dataclass

from gdbext.riscv.paging import PagingMode


@dataclass(frozen=True)
class AddressSpace:
    """A root table to walk from. `source` tells people where it comes from: `hart 0`, `-satp`, `-root`."""

    mode: PagingMode
    root_pa: int
    asid: int
    hart: int
    source: str

    @property
    def satp(self) -> int:
        """The value of satp that stands for this address space."""
        return self.mode.satp_mode << 60 | self.asid << 44 | self.root_pa >> 12

    def describe(self) -> str:
        """`Sv39 asid 0 root 0x84000000 (hart 0)`."""
        if self.mode.levels == 0:
            return f"Bare ({self.source})"
        return f"{self.mode.name} asid {self.asid} root {self.root_pa:#x} ({self.source})"
