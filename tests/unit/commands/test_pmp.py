"""sv39 pmp: every kind of entry in its columns."""

import json

import pytest

from gdbext.commands.declaration import Status
from gdbext.errors import BadInput
from tests.unit.fakes import FakeTarget, run

OFF, TOR, NA4, NAPOT = (mode << 3 for mode in range(4))
RWX, R, LOCKED = 0b111, 0b001, 0x80


def make_target() -> FakeTarget:
    cfgs = (NAPOT | RWX, OFF, TOR | R, NA4 | LOCKED | R, TOR)
    addresses = (0x2000_0000 | 0x1FF, 0x8000_0000 >> 2, 0x8000_1000 >> 2, 0x1000 >> 2, 0)
    csrs = {f"pmpaddr{number}": value for number, value in enumerate((*addresses, 0, 0, 0))}
    return FakeTarget([csrs | {"pmpcfg0": int.from_bytes(bytes(cfgs), "little")}, {}])


def test_the_entries_word_for_word() -> None:
    text, status = run(make_target(), "pmp")
    assert status is Status.ANSWERED
    assert text == (
        "entry  mode   start            end                 size  RWX  L  pmpaddr\n"
        "    0  NAPOT  0x00000080000000-0x00000080001000      4K  RWX  -  0x00000000200001ff\n"
        "    1  OFF    -                                          ---  -  0x0000000020000000\n"
        "    2  TOR    0x00000080000000-0x00000080001000      4K  R--  -  0x0000000020000400\n"
        "    3  NA4    0x00000000001000-0x00000000001004      4B  R--  L  0x0000000000000400\n"
        "    4  TOR    empty: it matches nothing                  ---  -  0x0000000000000000\n"
        "hart 0: what no entry matches, M-mode may do, S-mode and U-mode may not\n"
    )


def test_json() -> None:
    answer = json.loads(run(make_target(), "pmp -json")[0])
    assert answer["hart"] == 0
    assert answer["entries"][3] == {
        "entry": 3,
        "mode": "NA4",
        "start": "0x1000",
        "end": "0x1004",
        "permissions": "r--",
        "locked": True,
        "cfg": "0x91",
        "pmpaddr": "0x400",
    }


def test_a_hart_without_pmp_registers() -> None:
    text, status = run(make_target(), "pmp -hart 1")
    assert status is Status.INCOMPLETE
    assert text == "hart 1: the target tells of no PMP register\n"


def test_a_hart_that_there_is_not() -> None:
    with pytest.raises(BadInput, match="no hart 2"):
        run(make_target(), "pmp -hart 2")
