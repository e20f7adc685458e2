"""sv39 satp: what translation is in force, for each privilege and each state of mstatus."""

from __future__ import annotations

import json

import pytest

from gdbext.commands.declaration import Status
from gdbext.errors import BadInput
from tests.unit.fakes import FakeTarget, run

SV39_SATP = 0x8000_0000_0008_4000
MPRV, MPP_S, MPP_M = 1 << 17, 1 << 11, 3 << 11


@pytest.mark.parametrize(
    ("csrs", "translation"),
    [
        ({"satp": SV39_SATP, "priv": 0}, "Sv39"),
        ({"satp": SV39_SATP, "priv": 1}, "Sv39"),
        ({"satp": SV39_SATP, "priv": 3, "mstatus": 0}, "none: M-mode"),
        ({"satp": SV39_SATP, "priv": 3, "mstatus": MPRV | MPP_M}, "none: M-mode"),
        (
            {"satp": SV39_SATP, "priv": 3, "mstatus": MPRV | MPP_S},
            "loads and stores: Sv39, as from S (MPRV=1); fetches: none",
        ),
        (
            {"satp": SV39_SATP, "priv": 3, "mstatus": MPRV},
            "loads and stores: Sv39, as from U (MPRV=1); fetches: none",
        ),
        ({"satp": 0, "priv": 1}, "none: Bare"),
        ({"satp": 0x5 << 60, "priv": 1}, "reserved mode 5"),
        ({"satp": SV39_SATP, "priv": 5}, "two-stage (V=1): vsatp and hgatp decide, and satp is not in force"),
        ({"satp": SV39_SATP}, "Sv39 below M-mode; the present privilege is not known"),
        ({"priv": 3}, "none: the hart has no satp"),
        ({}, "not known: there is no satp"),
    ],
)
def test_what_is_in_force(csrs: dict[str, int], translation: str) -> None:
    text, status = run(FakeTarget(csrs), "satp -json")
    assert json.loads(text)["translation"] == translation
    assert status is (Status.ANSWERED if csrs else Status.INCOMPLETE)
    assert f"translation in force: {translation}" in run(FakeTarget(csrs), "satp")[0]


def test_every_hart_or_the_one_that_is_named() -> None:
    target = FakeTarget([{"satp": 0, "priv": 3}, {"satp": SV39_SATP, "priv": 1}])
    target.selected_hart = 1
    assert [json.loads(line)["hart"] for line in run(target, "satp -json")[0].splitlines()] == [0, 1]
    assert [json.loads(line)["hart"] for line in run(target, "satp -hart 0 -json")[0].splitlines()] == [0]
    with pytest.raises(BadInput, match="there is no hart 2: a fake has harts 0-1"):
        run(target, "satp -hart 2")


def test_a_value_is_decoded_without_asking_any_hart() -> None:
    text, status = run(FakeTarget(), f"satp {SV39_SATP:#x} -json")
    answer = json.loads(text)
    assert (answer["mode"], answer["asid"], answer["root"]) == ("Sv39", 0, "0x84000000")
    assert (answer["hart"], answer["privilege"], answer["translation"]) == (None, None, None)
    assert status is Status.ANSWERED
