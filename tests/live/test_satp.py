"""`sv39 satp`: every hart's state, at reset, in each mode, and against the registers as GDB shows them."""

from __future__ import annotations

from tests.live.conftest import Boot
from tests.live.debugger import debug


def test_from_reset_to_the_kernel_s_end(boot: Boot) -> None:
    transcript = debug(
        boot(),
        "sv39 satp -json",
        "hbreak machine_trap_entry",
        "hbreak stop",
        "continue",
        "sv39 satp -json",
        "continue",
        "sv39 satp -json",
        "print/x $satp",
    )
    [at_reset], [in_handler], [at_end] = (transcript[i].json() for i in (0, 4, 6))
    assert (at_reset["mode"], at_reset["privilege"], at_reset["satp"]) == ("Bare", "M", "0x0")
    assert (in_handler["mode"], in_handler["privilege"]) == ("Sv39", "M")
    assert in_handler["translation"] == "none: M-mode"
    assert (at_end["mode"], at_end["privilege"], at_end["translation"]) == ("Sv39", "S", "Sv39")
    assert at_end["satp"] == transcript[7].text.partition(" = ")[2]
    assert at_end["root"] == "0x84000000"


def test_the_status_bits_are_those_of_mstatus(boot: Boot) -> None:
    answers = debug(
        boot(),
        "set $satp = 0x8000000000084000",
        *(line for bits in ("0", "1 << 18", "1 << 19", "1 << 17 | 1 << 11", "7 << 17") for line in (
            f"set $mstatus = {bits}",
            "sv39 satp -json",
        )),
    )  # fmt: skip
    found = [answer.json()[0] for answer in answers if answer.command == "sv39 satp -json"]
    assert [(f["sum"], f["mxr"], f["mprv"]) for f in found] == [
        (False, False, False),
        (True, False, False),
        (False, True, False),
        (False, False, True),
        (True, True, True),
    ]
    assert found[0]["translation"] == "none: M-mode"
    assert found[3]["translation"].startswith("loads and stores: Sv39, as from S (MPRV=1)")


def test_every_hart_and_the_selected_one(boot: Boot) -> None:
    machine = boot(append="smp", extra=["-smp", "2"])
    everyone, second, _, selected = debug(machine, "sv39 satp", "sv39 satp -hart 1 -json", "thread 2", "sv39 satp")
    assert [line[:8] for line in everyone.lines if "hart" in line] == ["* hart 0", "  hart 1"]
    assert [answer["hart"] for answer in second.json()] == [1]
    assert [line[:8] for line in selected.lines if "hart" in line] == ["  hart 0", "* hart 1"]
