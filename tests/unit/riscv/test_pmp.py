"""PMP entries computed by hand, and who may do what where."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gdbext.riscv.pmp import PmpAnswer, PmpEntry, check_pmp, decode_pmp
from gdbext.riscv.traps import Access, Privilege

OFF, TOR, NA4, NAPOT = 0x00, 0x08, 0x10, 0x18
RWX = 0x07
LOCKED = 0x80


def make_entries(*entries: tuple[int, int]) -> tuple[PmpEntry, ...]:
    """The entries 0, 1, ... of pairs of configuration byte and pmpaddr."""
    csrs = {f"pmpcfg{register}": 0 for register in range(0, 16, 2)} | {f"pmpaddr{n}": 0 for n in range(64)}
    for number, (cfg, pmpaddr) in enumerate(entries):
        csrs[f"pmpcfg{number // 8 * 2}"] |= cfg << number % 8 * 8
        csrs[f"pmpaddr{number}"] = pmpaddr
    return decode_pmp(csrs)


def check(
    entries: tuple[PmpEntry, ...],
    pa: int,
    size: int = 1,
    access: Access = Access.LOAD,
    privilege: Privilege = Privilege.S,
) -> PmpAnswer:
    return check_pmp(entries, pa, size, access, privilege)


@pytest.mark.parametrize(
    ("cfg", "pmpaddr", "start", "end"),
    [
        (OFF, 0x2000_0000, 0, 0),
        (TOR, 0x2000_0000, 0, 0x8000_0000),
        (NA4, 0x2000_0000, 0x8000_0000, 0x8000_0004),
        (NAPOT, 0x2000_0000, 0x8000_0000, 0x8000_0008),
        (NAPOT, 0x2000_0001, 0x8000_0000, 0x8000_0010),
        (NAPOT, 0x2000_01FF, 0x8000_0000, 0x8000_1000),
        (NAPOT, 0x2000_1FFF, 0x8000_0000, 0x8001_0000),
        (NAPOT, 0x20FF_FFFF, 0x8000_0000, 0x8800_0000),
        (NAPOT, (1 << 54) - 1, 0, 1 << 57),
    ],
)
def test_ranges_by_hand(cfg: int, pmpaddr: int, start: int, end: int) -> None:
    entry = make_entries((cfg | RWX, pmpaddr))[0]
    assert (entry.start, entry.end) == (start, end)


@given(st.integers(3, 56), st.integers(0, 2**53 - 1))
def test_napot_gives_back_the_range_that_was_encoded(size_log2: int, block: int) -> None:
    size = 1 << size_log2
    start = block * size % (1 << 56)
    entry = make_entries((NAPOT | RWX, start // 4 + size // 8 - 1))[0]
    assert (entry.start, entry.end) == (start, start + size)


def test_tor_begins_where_the_address_of_the_entry_before_says_even_if_that_is_off() -> None:
    entries = make_entries((OFF, 0x1000), (TOR | RWX, 0x3000), (NAPOT | RWX, 0x2000_01FF), (TOR | RWX, 0x2000_0400))
    assert (entries[1].start, entries[1].end) == (0x4000, 0xC000)
    assert (entries[3].start, entries[3].end) == (0x2000_01FF * 4, 0x8000_1000)


@pytest.mark.parametrize("second", [0x1000, 0x0800])
def test_tor_with_its_end_at_or_below_its_start_matches_nothing(second: int) -> None:
    entries = make_entries((OFF, 0x1000), (TOR | RWX, second))
    assert not any(check(entries, pa).allowed for pa in (0, second * 4 - 1, second * 4, 0x3FFF, 0x4000))


def test_tor_borders() -> None:
    entries = make_entries((OFF, 0x1000), (TOR | RWX, 0x3000))
    assert [check(entries, pa).allowed for pa in (0x3FFF, 0x4000, 0xBFFF, 0xC000)] == [False, True, True, False]


def test_na4_borders() -> None:
    entries = make_entries((NA4 | RWX, 0x2000_0000))
    borders = (0x7FFF_FFFF, 0x8000_0000, 0x8000_0003, 0x8000_0004)
    assert [check(entries, pa).allowed for pa in borders] == [False, True, True, False]


@pytest.mark.parametrize(
    ("cfg", "allowed"),
    [(0, ""), (1, "load"), (3, "load store"), (4, "fetch"), (5, "load fetch"), (7, "load store fetch")],
)
@pytest.mark.parametrize("privilege", [Privilege.S, Privilege.U])
def test_the_entry_permits_by_kind_of_access(cfg: int, allowed: str, privilege: Privilege) -> None:
    entries = make_entries((NAPOT | cfg, 0x2000_01FF))
    found = [a.value for a in Access if check(entries, 0x8000_0000, access=a, privilege=privilege).allowed]
    assert found == allowed.split()


def test_the_lowest_entry_decides() -> None:
    entries = make_entries((NAPOT, 0x2000_01FF), (NAPOT | RWX, 0x2000_1FFF))
    barred, allowed = check(entries, 0x8000_0000), check(entries, 0x8000_1000)
    assert (barred.allowed, barred.entry) == (False, entries[0])
    assert (allowed.allowed, allowed.entry) == (True, entries[1])


@pytest.mark.parametrize("privilege", list(Privilege))
@pytest.mark.parametrize("pa", [0x7FFF_FFFC, 0x8000_0FFC])
def test_an_access_across_the_border_of_the_deciding_entry_fails_in_every_mode(pa: int, privilege: Privilege) -> None:
    entries = make_entries((NAPOT | RWX, 0x2000_01FF), (NAPOT | RWX, (1 << 54) - 1))
    answer = check(entries, pa, 8, privilege=privilege)
    assert (answer.allowed, answer.partial, answer.entry) == (False, True, entries[0])


@pytest.mark.parametrize(("cfg", "allowed"), [(NAPOT, True), (NAPOT | LOCKED, False), (NAPOT | LOCKED | 1, True)])
def test_machine_mode_is_bound_by_locked_entries_alone(cfg: int, allowed: bool) -> None:
    assert check(make_entries((cfg, 0x2000_01FF)), 0x8000_0000, privilege=Privilege.M).allowed is allowed


@pytest.mark.parametrize(("privilege", "allowed"), [(Privilege.M, True), (Privilege.S, False), (Privilege.U, False)])
def test_without_a_match_only_machine_mode_passes(privilege: Privilege, allowed: bool) -> None:
    answer = check(make_entries((NAPOT | RWX, 0x2000_01FF)), 0x9000_0000, privilege=privilege)
    assert (answer.allowed, answer.entry) == (allowed, None)


def test_a_hart_without_pmp_bars_nobody() -> None:
    assert decode_pmp({}) == ()
    assert check((), 0x8000_0000).allowed


def test_only_the_even_configuration_registers_exist_and_hold_eight_entries_each() -> None:
    csrs = {"pmpcfg0": 0x1F << 56, "pmpaddr7": 0x2000_01FF, "pmpcfg2": 0x1D, "pmpaddr8": 0x2000_1FFF}
    assert [(e.number, e.permissions, e.end) for e in decode_pmp(csrs)] == [
        (7, "RWX", 0x8000_1000),
        (8, "R-X", 0x8001_0000),
    ]


def test_entries_describe_themselves() -> None:
    entry = make_entries((NAPOT | LOCKED | 5, 0x2000_01FF))[0]
    assert (entry.address_mode, entry.is_locked, entry.permissions) == ("NAPOT", True, "R-X")
    assert entry.describe() == "PMP entry 0 (NAPOT 0x80000000-0x80001000 R-X)"
