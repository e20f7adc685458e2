"""What QEMU's monitor tells of the machine: its memory map, and which extensions a hart has."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from gdbext.riscv.csrs import MENVCFG_ADUE, MENVCFG_PBMTE
from gdbext.riscv.rules import AdUpdate
from gdbext.target.base import MemoryRegion

if TYPE_CHECKING:
    from gdbext.live.stub import Stub

FLAT_VIEW = re.compile(r"^FlatView #", re.MULTILINE)
CPU_VIEW = re.compile(r'AS "(?:memory|cpu-memory-\d+)"')
REGION_LINE = re.compile(
    r"^\s*([0-9a-f]{16})-([0-9a-f]{16}) \(prio -?\d+, ([\w/-]+)\): (.+?)(?: @([0-9a-f]+))?(?: KVM)?$", re.MULTILINE
)
# Where QEMU's boards keep their harts in the object tree: virt and spike, sifive_e and the like, sifive_u.
HART_PATHS = ("/machine/soc0/harts[{0}]", "/machine/soc/cpus/harts[{0}]", "/machine/soc/u-cpus/harts[{1}]")


class FlatRange(NamedTuple):
    """A line of QEMU's flat view: the physical addresses [start, end) show its memory region `name` from `offset` on.

    `kind` is QEMU's: ram, rom, romd (a flash that may turn into a device), i/o.
    """

    start: int
    end: int
    kind: str
    name: str
    offset: int


def decode_flat_ranges(text: str) -> tuple[FlatRange, ...]:
    """What a CPU sees, in order, from the text of `info mtree -f`; empty if no view of a CPU is in it."""
    for view in FLAT_VIEW.split(text):
        if CPU_VIEW.search(view):
            found = REGION_LINE.findall(view)
            return tuple(
                sorted(
                    FlatRange(int(start, 16), int(last, 16) + 1, kind, name, int(offset or "0", 16))
                    for start, last, kind, name, offset in found
                )
            )
    return ()


def decode_flat_view(text: str) -> tuple[MemoryRegion, ...]:
    """The regions that a CPU sees, from the text of `info mtree -f`; empty if no view of a CPU is in it."""
    return tuple(MemoryRegion(r.start, r.end, r.name, r.kind != "i/o") for r in decode_flat_ranges(text))


class HartProperties:
    """The CPU options of one hart, asked of QEMU's object tree."""

    def __init__(self, stub: Stub, hart: int) -> None:
        self.stub = stub
        self.path = next((p for p in self._paths(hart) if self._get(p, "svnapot") is not None), None)

    @staticmethod
    def _paths(hart: int) -> list[str]:
        return [path.format(hart, hart - 1) for path in HART_PATHS]

    def _get(self, path: str, name: str) -> bool | None:
        answer = self.stub.monitor(f"qom-get {path} {name}")
        return {"true": True, "false": False}.get(answer)

    def get(self, name: str) -> bool | None:
        """The option `name` as on QEMU's -cpu; None where this QEMU or board does not tell."""
        return self._get(self.path, name) if self.path else None


def choose_ad_update(svade: bool | None, svadu: bool | None, menvcfg: int) -> AdUpdate:
    """Who sets A and D, by QEMU's own rule.

    With Svadu menvcfg.ADUE decides. Without, QEMU 9.1 and later fault if the CPU has Svade; the versions from 8.0 on
    that knew only Svadu always faulted; older ones know neither option and always update in hardware.
    """
    if svadu:
        return AdUpdate.HARDWARE if menvcfg & MENVCFG_ADUE else AdUpdate.FAULT
    if svadu is None and svade is None:
        return AdUpdate.HARDWARE
    return AdUpdate.HARDWARE if svade is False else AdUpdate.FAULT


def choose_svpbmt(option: bool | None, menvcfg: int | None) -> bool | None:
    """Whether PBMT bits are legal: menvcfg.PBMTE decides where it exists; it stays 0 on a hart without Svpbmt."""
    return bool(menvcfg & MENVCFG_PBMTE) if menvcfg is not None else option
