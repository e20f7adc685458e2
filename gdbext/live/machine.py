"""What QEMU's monitor tells of the machine: its memory map, and which extensions a hart has."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
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
HART_PATHS = ("/machine/soc0/harts[{0}]", "/machine/soc/cpus/harts[{0}]", "/machine/soc/u-cluster/u-cpus/harts[{1}]")


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
    return tuple(
        MemoryRegion(r.start, r.end, r.name, is_ram=r.kind != "i/o", is_rom=r.kind.startswith("rom"))
        for r in decode_flat_ranges(text)
    )


@dataclass(frozen=True)
class HartOptions:
    """The CPU options of a hart, as on QEMU's -cpu, which never change; None where this QEMU or board does not tell."""

    version: tuple[int, ...]
    is_known: bool
    svnapot: bool | None
    svpbmt: bool | None
    svade: bool | None
    svadu: bool | None


def read_hart_options(stub: Stub, hart: int) -> HartOptions:
    """Ask QEMU's object tree for the options of `hart`."""

    def get(path: str | None, name: str) -> bool | None:
        return {"true": True, "false": False}.get(stub.monitor(f"qom-get {path} {name}")) if path else None

    paths = [path.format(hart, hart - 1) for path in HART_PATHS]
    path = next((path for path in paths if get(path, "svnapot") is not None), None)
    version = decode_version(stub.monitor("info version"))
    options = {name: get(path, name) for name in ("svnapot", "svpbmt", "svade", "svadu")}
    return HartOptions(version, path is not None, **options)


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


def choose_svpbmt(option: bool | None, menvcfg: int | None, version: tuple[int, ...]) -> bool | None:
    """Whether PBMT bits are legal: menvcfg.PBMTE decides where it exists; it stays 0 on a hart without Svpbmt.

    QEMU before 8 does not look at PBMTE (seen in 7.2): there the CPU's option alone decides.
    """
    if option is not None and version < (8,):
        return option
    return bool(menvcfg & MENVCFG_PBMTE) if menvcfg is not None else option


def decode_version(text: str) -> tuple[int, ...]:
    """The version of QEMU from the text of `info version`; a text without one counts as the newest there can be."""
    match = re.match(r"(\d+)\.(\d+)", text)
    return (int(match[1]), int(match[2])) if match else (sys.maxsize,)
