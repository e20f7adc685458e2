"""What a hart does where the specification leaves it a choice: extensions, A and D bits, PMP.

Source: RISC-V privileged specification, chapters Svade, Svadu, Svnapot, Svpbmt, "Physical Memory Protection".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from gdbext.riscv.pmp import PmpEntry


class AdUpdate(Enum):
    """Who sets the A and D bits: the hardware, or software after a page fault."""

    HARDWARE = "hardware"
    FAULT = "fault"


@dataclass(frozen=True)
class TranslationRules:
    """The choices of one hart. `assumed` says, a sentence each, what could not be found out on the target."""

    ad_update: AdUpdate = AdUpdate.HARDWARE
    svnapot: bool = True
    svpbmt: bool = True
    pmp: tuple[PmpEntry, ...] = ()
    assumed: tuple[str, ...] = field(default=())
