"""`sv39 why`: at a stop in the M-mode handler, after it, in S-mode's handler, and where nothing has trapped."""

from __future__ import annotations

import pytest

from tests.live.conftest import Boot
from tests.live.debugger import debug


def test_in_the_handler_of_the_first_region_fault_and_right_after_it(boot: Boot) -> None:
    transcript = debug(
        boot(),
        "hbreak machine_trap_entry",
        "hbreak stop",
        "continue",
        "sv39 why -json",
        "print/x $mtval",
        "print/x $mepc",
        "print $mcause",
        "delete 1",
        "hbreak *$mepc",
        "continue",
        "sv39 why -json",
    )
    [inside], [after] = transcript[3].json(), transcript[10].json()
    assert (inside["level"], inside["over"], inside["privilege"]) == ("M", False, "S")
    assert [inside["va"], inside["pc"], str(inside["cause"])] == [
        transcript[i].text.partition(" = ")[2] for i in (4, 5, 6)
    ]
    assert inside["instruction"].startswith("sd ")
    assert inside["in_table_region"] is True
    assert (inside["now"]["access"], inside["now"]["cause"]) == ("store", 15)
    assert transcript[3].status == 1
    # The same fault, seen from the instruction that is about to be tried again: now it would work.
    assert (after["over"], after["va"], after["pc"]) == (True, inside["va"], inside["pc"])
    assert (after["now"]["cause"], after["now"]["pa"]) == (None, inside["va"])
    assert transcript[10].status == 0


@pytest.mark.parametrize(
    ("scenario", "expected"),
    [
        ("outside", {"level": "M", "cause": 15, "va": "0x40000000", "in_table_region": False}),
        ("tamper", {"level": "M", "cause": 7, "in_table_region": False}),
    ],
)
def test_what_killed_the_kernel(boot: Boot, scenario: str, expected: dict[str, object]) -> None:
    transcript = debug(boot(append=scenario), "hbreak end_machine", "continue", "sv39 why -json", "sv39 why")
    [why] = transcript[2].json()
    assert {key: why[key] for key in expected} == expected
    assert why["now"]["cause"] == expected["cause"]
    assert why["pc_symbol"].startswith("store_word")
    assert f"cause {expected['cause']}" in transcript[3].lines[0]
    assert transcript[2].status == 1


def test_pmp_is_named_where_it_barred_the_access(boot: Boot) -> None:
    why = debug(boot(append="tamper"), "hbreak end_machine", "continue", "sv39 why")[2]
    assert "PMP entry" in why.text


def test_a_trap_that_is_delegated_to_s_mode(boot: Boot) -> None:
    transcript = debug(boot(append="illegal"), "hbreak supervisor_trap", "continue", "sv39 why -json", "sv39 why")
    [why] = transcript[2].json()
    assert (why["level"], why["cause"], why["privilege"]) == ("S", 2, "S")
    assert why["pc_symbol"].startswith("play_illegal")
    assert why["now"] is None
    assert "illegal instruction, cause 2" in transcript[3].lines[0]


def test_an_interrupt(boot: Boot) -> None:
    transcript = debug(
        boot(append="interrupts"), "hbreak machine_trap_entry if $mcause < 0", "continue", "sv39 why -json", "sv39 why"
    )
    [why] = transcript[2].json()
    assert (why["interrupt"], why["cause"]) == (True, 7)
    assert "machine timer interrupt" in transcript[3].lines[0]
    assert len(transcript[3].lines) == 2


def test_before_any_trap(boot: Boot) -> None:
    at_reset, _, _, in_kernel, of_s_mode = debug(
        boot(), "sv39 why", "hbreak supervisor_main", "continue", "sv39 why", "sv39 why -level s"
    )
    for answer, level in ((at_reset, "M"), (in_kernel, "M"), (of_s_mode, "S")):
        letter = level.lower()
        assert answer.lines == [f"hart 0 has not trapped to {level}-mode: {letter}cause and {letter}tval are 0"]
        assert answer.status == 2
