"""sv39 split as it is typed."""

import json

import pytest

from gdbext.commands.declaration import Status
from tests.unit.fakes import FakeTarget, run


def test_one_address() -> None:
    text, status = run(FakeTarget(), "split 0x80201123")
    assert text == "va 0x0000000080201123 = L2[2] L1[1] L0[1] +0x123  canonical\n"
    assert status is Status.ANSWERED


def test_two_addresses_by_the_rules_of_the_notes() -> None:
    text, _ = run(FakeTarget(), "split 0x80201000 0x80400000")
    assert text.splitlines()[2:] == [
        "  0x1000        different multiples: different level-0 PTEs, so different pages",
        "  0x200000      different multiples: different level-1 PTEs, so different level-0 tables",
        "  0x40000000    one multiple: the same level-2 PTE, so the same level-1 table",
        "  0x8000000000  one multiple: one root table covers them",
    ]


@pytest.mark.parametrize(
    ("vas", "last", "status"),
    [
        ("0x1000 0xffffffff80000000", "being in its lower and its upper half", Status.ANSWERED),
        ("0x1000 0x8000000000", "Sv39 cannot cover all of them: an address is not canonical", Status.BAD_NEWS),
    ],
)
def test_addresses_that_are_0x8000000000_apart(vas: str, last: str, status: Status) -> None:
    text, answered = run(FakeTarget(), f"split {vas}")
    assert text.splitlines()[-1].endswith(last)
    assert answered is status


def test_three_addresses_are_grouped() -> None:
    text, _ = run(FakeTarget(), "split 0x1000 0x200000 0x2000")
    assert "  0x200000      2 multiples (0x1000 0x2000 | 0x200000): different level-1 PTEs" in text


def test_another_mode() -> None:
    text, _ = run(FakeTarget(), "split 0x8000000000 -mode sv48")
    assert text == "va 0x0000008000000000 = L3[1] L2[0] L1[0] L0[0] +0x000  canonical\n"


def test_split_json() -> None:
    answer = json.loads(run(FakeTarget(), "split 0x1ffc 0x8000000000 -json")[0])
    assert answer["addresses"][0] == {
        "va": "0x1ffc",
        "canonical": True,
        "indexes": [{"level": 2, "index": 0}, {"level": 1, "index": 0}, {"level": 0, "index": 1}],
        "offset": 0xFFC,
    }
    assert answer["addresses"][1]["canonical"] is False
    assert answer["sharing"][-1] == {"size": 1 << 39, "level": None, "groups": [["0x1ffc"], ["0x8000000000"]]}
