"""The control and status registers that address translation depends on, decoded.

Source: RISC-V privileged specification, "Machine Status Registers", "Supervisor Address Translation and Protection",
"Machine Environment Configuration".
"""

from __future__ import annotations

from dataclasses import dataclass

from gdbext.riscv.paging import BARE, MODE_BY_SATP, PAGE_SHIFT, PagingMode

SATP_MODE_SHIFT = 60
SATP_ASID_SHIFT = 44
SATP_ASID_MASK = 0xFFFF
SATP_PPN_MASK = (1 << 44) - 1

MSTATUS_SPP = 1 << 8
MSTATUS_MPP_SHIFT = 11
MSTATUS_MPRV = 1 << 17
MSTATUS_SUM = 1 << 18
MSTATUS_MXR = 1 << 19

MENVCFG_ADUE = 1 << 61
MENVCFG_PBMTE = 1 << 62


@dataclass(frozen=True)
class Satp:
    """A value of satp. `mode` is None for an encoding that the specification reserves."""

    value: int

    @property
    def mode_number(self) -> int:
        return self.value >> SATP_MODE_SHIFT

    @property
    def mode(self) -> PagingMode | None:
        return MODE_BY_SATP.get(self.mode_number)

    @property
    def asid(self) -> int:
        return (self.value >> SATP_ASID_SHIFT) & SATP_ASID_MASK

    @property
    def root_pa(self) -> int:
        return (self.value & SATP_PPN_MASK) << PAGE_SHIFT

    @property
    def is_bare(self) -> bool:
        return self.mode is BARE


@dataclass(frozen=True)
class Status:
    """The bits of mstatus that translation uses; of sstatus, where only that is known, MPRV and MPP read as 0."""

    value: int

    @property
    def sum(self) -> bool:
        return bool(self.value & MSTATUS_SUM)

    @property
    def mxr(self) -> bool:
        return bool(self.value & MSTATUS_MXR)

    @property
    def mprv(self) -> bool:
        return bool(self.value & MSTATUS_MPRV)

    @property
    def mpp(self) -> int:
        return (self.value >> MSTATUS_MPP_SHIFT) & 0b11

    @property
    def spp(self) -> int:
        return 1 if self.value & MSTATUS_SPP else 0


PMP_ENTRIES = 64
PMP_ENTRIES_PER_CFG = 8
PMPCFG_NAMES = tuple(f"pmpcfg{number}" for number in range(0, 16, 2))
PMPADDR_NAMES = tuple(f"pmpaddr{number}" for number in range(PMP_ENTRIES))

# QEMU's $priv: the privilege level, and from QEMU 8 on bit 2 for V=1.
PRIV_MASK = 0b11
PRIV_VIRTUALISED = 0b100
