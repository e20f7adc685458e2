"""The text and the JSON of sv39 satp, whole."""

from __future__ import annotations

import json

import pytest

from tests.unit.fakes import FakeTarget, run


def test_harts_stand_below_each_other_and_the_selected_one_is_marked() -> None:
    target = FakeTarget(
        [
            {"satp": 0, "priv": 3, "mstatus": 0},
            {"satp": 0x8002_A000_0008_4000, "priv": 1, "mstatus": 1 << 18 | 1 << 19},
            {"priv": 3},
            {},
        ]
    )
    target.selected_hart = 1
    assert run(target, "satp")[0].splitlines() == [
        "  hart 0  M-mode  0x0000000000000000  Bare",
        "            SUM=0 MXR=0 MPRV=0  translation in force: none: M-mode",
        "* hart 1  S-mode  0x8002a00000084000  Sv39 asid 42 root 0x84000000",
        "            SUM=1 MXR=1 MPRV=0  translation in force: Sv39",
        "  hart 2  M-mode  no satp",
        "            translation in force: none: the hart has no satp",
        "  hart 3  ?       no satp",
        "            translation in force: not known: there is no satp",
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("0", "0x0000000000000000  Bare"),
        ("5", "0x0000000000000005  Bare  (its other bits should be 0)"),
        ("0x8000000000084000", "0x8000000000084000  Sv39 asid 0 root 0x84000000"),
        ("0x9fffffffffffffff", "0x9fffffffffffffff  Sv48 asid 65535 root 0xfffffffffff000"),
        ("0x7000000000084000", "0x7000000000084000  reserved mode 7"),
    ],
)
def test_a_value(value: str, text: str) -> None:
    assert run(FakeTarget(), f"satp {value}")[0] == text + "\n"


def test_json_of_a_hart_and_of_a_value() -> None:
    target = FakeTarget({"satp": 0x8000_0000_0008_4000, "priv": 3, "mstatus": 1 << 17 | 1 << 11})
    assert json.loads(run(target, "satp -json")[0]) == {
        "schema": "sv39.satp/1",
        "hart": 0,
        "satp": "0x8000000000084000",
        "mode": "Sv39",
        "asid": 0,
        "root": "0x84000000",
        "privilege": "M",
        "virtualised": False,
        "sum": False,
        "mxr": False,
        "mprv": True,
        "translation": "loads and stores: Sv39, as from S (MPRV=1); fetches: none",
    }
    reserved = json.loads(run(target, "satp -json 0x7000000000084000")[0])
    assert (reserved["mode"], reserved["hart"], reserved["mprv"]) == (None, None, None)
