"""sv39 walk as it is typed: what the options choose, the status, and what is assumed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gdbext.commands.declaration import Status
from gdbext.errors import BadInput, UnsupportedTarget
from gdbext.riscv.paging import SV48
from gdbext.riscv.rules import AdUpdate, TranslationRules
from tests.unit.fakes import RAM, ROOT_PA, FakeTarget, TableBuilder, make_space, run

VA, PA = 0x1234_5000, 0x8060_0000
SUM, MXR = 1 << 18, 1 << 19


def walk_json(target: FakeTarget, line: str) -> list[dict[str, Any]]:
    text, _ = run(target, f"walk -json {line}")
    return [json.loads(answer) for answer in text.splitlines()]


def causes(answer: dict[str, Any]) -> dict[str, dict[str, int | None]]:
    return {p: {access: v["cause"] for access, v in verdicts.items()} for p, verdicts in answer["verdict"].items()}


@pytest.fixture
def target() -> FakeTarget:
    """One page mapped for user mode, to execute."""
    target, builder = make_space()
    builder.map(VA, PA, "xua")
    target.csrs[0]["mstatus"] = 0
    return target


def test_several_addresses_are_answered_in_order(target: FakeTarget) -> None:
    answers = walk_json(target, f"{VA:#x} 0 {VA + 8:#x}")
    assert [answer["va"] for answer in answers] == [hex(VA), "0x0", hex(VA + 8)]
    assert [answer["pa"] for answer in answers] == [hex(PA), None, hex(PA + 8)]


def test_the_hart_s_own_sum_and_mxr_are_judged_by(target: FakeTarget) -> None:
    for mstatus, load in ((0, 13), (SUM, 13), (MXR, 13), (SUM | MXR, None)):
        target.csrs[0]["mstatus"] = mstatus
        [answer] = walk_json(target, hex(VA))
        assert causes(answer)["S"] == {"load": load, "store": 15, "fetch": 12}


def test_options_stand_for_other_status_bits(target: FakeTarget) -> None:
    [asked] = walk_json(target, f"{VA:#x} -sum 1 -mxr 1 -priv S -access load")
    assert causes(asked) == {"S": {"load": None}}
    target.csrs[0]["mstatus"] = SUM | MXR
    [asked] = walk_json(target, f"{VA:#x} -sum 0 -priv S -access load")
    assert causes(asked) == {"S": {"load": 13}}


@pytest.mark.parametrize(("option", "cause"), [("", 15), ("-ad hardware", None), ("-ad fault", 15)])
def test_who_sets_a_and_d_can_be_asked_for(option: str, cause: int | None) -> None:
    target, builder = make_space()
    builder.map(VA, PA, "rwa")
    target.rules = TranslationRules(AdUpdate.FAULT)
    [answer] = walk_json(target, f"{VA:#x} -priv S -access store {option}")
    assert causes(answer) == {"S": {"store": cause}}


@pytest.mark.parametrize(
    ("csrs", "assumed"),
    [
        ({"mstatus": 0}, []),
        ({"sstatus": SUM}, []),
        ({}, ["SUM=0 and MXR=0: there is no status register"]),
    ],
)
def test_what_had_to_be_assumed_is_said(csrs: dict[str, int], assumed: list[str]) -> None:
    target, builder = make_space()
    builder.map(VA, PA, "rwad")
    target.csrs[0] |= csrs
    [answer] = walk_json(target, hex(VA))
    assert answer["assumed"] == assumed
    text, _ = run(target, f"walk {VA:#x}")
    assert [line for line in text.splitlines() if "assumed" in line] == [f"  assumed: {a}" for a in assumed]


def test_assumptions_of_the_target_are_passed_on() -> None:
    target, _ = make_space()
    target.rules = TranslationRules(assumed=("no PMP",))
    assert walk_json(target, "0")[0]["assumed"] == ["no PMP", "SUM=0 and MXR=0: there is no status register"]


def test_the_status_is_bad_news_if_nothing_works(target: FakeTarget) -> None:
    assert run(target, f"walk {VA:#x}")[1] is Status.ANSWERED
    assert run(target, f"walk {VA:#x} -priv S")[1] is Status.BAD_NEWS
    assert run(target, f"walk {VA:#x} 0")[1] is Status.BAD_NEWS
    assert run(target, f"walk 0 -root {RAM.end:#x}")[1] is Status.BAD_NEWS


def test_the_status_is_incomplete_if_a_table_is_unknown(target: FakeTarget) -> None:
    target.not_captured.add(ROOT_PA)
    text, status = run(target, f"walk {VA:#x}")
    assert status is Status.INCOMPLETE
    assert "not known" in text


# Whose tables


def test_another_hart() -> None:
    target = FakeTarget([{"satp": 0}, {}])
    builder = TableBuilder(target)
    builder.map(VA, PA)
    target.csrs[1]["satp"] = builder.satp
    assert walk_json(target, f"{VA:#x}")[0]["mode"] == "Bare"
    [answer] = walk_json(target, f"{VA:#x} -hart 1")
    assert (answer["mode"], answer["hart"], answer["pa"]) == ("Sv39", 1, hex(PA))
    target.selected_hart = 1
    assert walk_json(target, f"{VA:#x}")[0] == answer


def test_satp_and_root_name_other_tables() -> None:
    target, _ = make_space()
    other = TableBuilder(target, 0x8100_0000)
    other.map(VA, PA)
    for option in (f"-satp {other.satp:#x}", "-root 0x81000000", "-root 0x81000000 -mode sv39"):
        assert walk_json(target, f"{VA:#x} {option}")[0]["pa"] == hex(PA), option
    assert walk_json(target, hex(VA))[0]["pa"] is None


def test_root_takes_the_mode_of_the_hart_unless_one_is_named() -> None:
    target, builder = make_space(SV48)
    builder.map(VA, PA)
    assert walk_json(target, f"{VA:#x} -root {ROOT_PA:#x}")[0]["mode"] == "Sv48"
    assert walk_json(target, f"{VA:#x} -root {ROOT_PA:#x} -mode sv57")[0]["mode"] == "Sv57"
    target.csrs[0]["satp"] = 0
    assert walk_json(target, f"{VA:#x} -root {ROOT_PA:#x}")[0]["mode"] == "Sv39"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("-hart 3", "there is no hart 3: a fake has hart 0"),
        ("-root 0x84000001", "-root 0x84000001 is not the start of a page"),
        ("-root 0x100000000000000", "-root 0x100000000000000 is no physical address: those have 56 bits"),
        ("-root 0 -satp 0", "-satp and -root exclude each other"),
        ("-mode sv48", "-mode goes with -root PA"),
        ("-satp 0x7000000000084000", "satp 0x7000000000084000 has the mode 7, which is reserved"),
    ],
)
def test_tables_that_make_no_sense(target: FakeTarget, options: str, message: str) -> None:
    with pytest.raises(BadInput, match=f"^{message}"):
        run(target, f"walk 0 {options}")


def test_a_target_without_satp_says_what_to_name_instead() -> None:
    with pytest.raises(UnsupportedTarget, match="a fake has no satp for hart 0: name the tables with -satp"):
        run(FakeTarget(), "walk 0")
    assert run(FakeTarget(), f"walk 0 -root {ROOT_PA:#x}")[1] is Status.BAD_NEWS
