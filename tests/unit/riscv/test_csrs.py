"""satp and mstatus, field by field."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gdbext.riscv.csrs import Satp, Status
from gdbext.riscv.paging import BARE, SV39, SV48, SV57, PagingMode


@pytest.mark.parametrize(
    ("value", "mode", "asid", "root_pa"),
    [
        (0x0, BARE, 0, 0),
        (0x8000_0000_0008_4000, SV39, 0, 0x8400_0000),
        (0x9002_A000_0008_0200, SV48, 0x2A, 0x8020_0000),
        (0xAFFF_FFFF_FFFF_FFFF, SV57, 0xFFFF, 0xFF_FFFF_FFFF_F000),
        (0x5000_0000_0008_4000, None, 0, 0x8400_0000),
    ],
)
def test_golden_satp(value: int, mode: PagingMode | None, asid: int, root_pa: int) -> None:
    satp = Satp(value)
    assert (satp.mode, satp.asid, satp.root_pa) == (mode, asid, root_pa)
    assert satp.is_bare == (mode is BARE)


@given(st.integers(0, 15), st.integers(0, 0xFFFF), st.integers(0, 2**44 - 1))
def test_the_fields_of_satp_fill_it(mode: int, asid: int, ppn: int) -> None:
    satp = Satp(mode * 2**60 + asid * 2**44 + ppn)
    assert (satp.mode_number, satp.asid, satp.root_pa) == (mode, asid, ppn * 4096)


@pytest.mark.parametrize(
    ("value", "names"),
    [
        (0, ""),
        (1 << 17, "mprv"),
        (1 << 18, "sum"),
        (1 << 19, "mxr"),
        (0xE_0000, "mprv sum mxr"),
        (1 << 16 | 1 << 20, ""),
    ],
)
def test_status_bits(value: int, names: str) -> None:
    assert " ".join(name for name in ("mprv", "sum", "mxr") if getattr(Status(value), name)) == names


@pytest.mark.parametrize(
    ("value", "mpp", "spp"), [(0, 0, 0), (0x800, 1, 0), (0x1800, 3, 0), (0x100, 0, 1), (0x2000, 0, 0)]
)
def test_previous_privileges(value: int, mpp: int, spp: int) -> None:
    assert (Status(value).mpp, Status(value).spp) == (mpp, spp)
