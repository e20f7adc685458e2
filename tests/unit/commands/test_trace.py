"""`sv39 trace` on a saved file, and what it refuses without GDB."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from gdbext.commands.trace import desk
from gdbext.errors import BadInput, UnsupportedTarget
from gdbext.trace.log import TraceLog
from tests.unit.fakes import ROOT_PA, FakeTarget, pte_value, run
from tests.unit.trace.machine import Traps

PAGE = ROOT_PA + 0x1_0000


@pytest.fixture(autouse=True)
def no_trace_before() -> Iterator[None]:
    desk.log, desk.is_live = None, False
    yield
    desk.log, desk.is_live = None, False


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """Two faults of one chain, and one that ended the machine."""
    traps = Traps()
    traps.serve(PAGE)
    traps.target.write_pte(ROOT_PA + 8 * 3, pte_value(PAGE))
    traps.serve(PAGE + 0x1000)
    traps.enter(0x10)
    log = TraceLog()
    for record in traps.finish():
        log.append(record)
    path = tmp_path / "faults"
    log.save(path)
    return path


def test_show(saved: Path) -> None:
    text, status = run(FakeTarget(), f"trace show 1 -file {saved}")
    assert status == 0
    lines = text.splitlines()
    assert lines[0] == ("fault 1  hart 0  store/AMO page fault (15)  va 0x0000000084010000  in the page-table region")
    assert "  allocated 0x84010000: a level-1 table, zeroed, mapped at 0x84010000" in lines
    assert (
        "  wrote L0 pte @0x84002080  0x0000000000000000 --------- -> 0x00000000210040c7 VRW---AD-  for 0x84010000 4K"
    ) in lines
    assert lines[-1] == "  retried: the store was retried and worked"


def test_show_all_as_json_is_what_was_saved(saved: Path) -> None:
    text, _ = run(FakeTarget(), f"trace show -json -file {saved}")
    assert text == saved.read_text(encoding="ascii")


def test_chains(saved: Path) -> None:
    text, _ = run(FakeTarget(), f"trace show -chains -file {saved}")
    assert [line.split()[:2] for line in text.splitlines()] == [
        ["chain", "1"],
        ["fault", "1"],
        ["fault", "2"],
        ["chain", "3"],
        ["fault", "3"],
    ]
    chain = json.loads(run(FakeTarget(), f"trace show -chains -json -file {saved}")[0].splitlines()[0])
    assert [fault["seq"] for fault in chain["faults"]] == [1, 2]


def test_summary(saved: Path) -> None:
    run(FakeTarget(), f"trace load {saved}")
    text, status = run(FakeTarget(), "trace summary")
    assert text.splitlines()[:2] == [
        "3 page faults: 2 in the page-table region, 1 outside; 2 pages allocated, 2 PTEs written",
        "  outcome: 2 retried, 1 ended; 1 went on with the next table of a chain",
    ]
    assert status == 1


def test_save_again(saved: Path, tmp_path: Path) -> None:
    run(FakeTarget(), f"trace load {saved}")
    text, _ = run(FakeTarget(), f"trace save {tmp_path / 'copy'}")
    assert text == f"saved 3 faults to {tmp_path / 'copy'}\n"
    assert (tmp_path / "copy").read_bytes() == saved.read_bytes()


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("trace show", "there is no trace yet"),
        ("trace save", "needs the name of a file"),
        ("trace summary 3", "takes no argument"),
        ("trace run -log -count 3", "-log goes with run alone"),
        ("trace show -log", "-log goes with run alone"),
    ],
)
def test_what_makes_no_sense(line: str, reason: str) -> None:
    with pytest.raises(BadInput, match=reason):
        run(FakeTarget(), line)


@pytest.mark.parametrize(("number", "reason"), [("7", "there is no fault 7: the trace has 3"), ("x", "no number")])
def test_no_such_fault(saved: Path, number: str, reason: str) -> None:
    with pytest.raises(BadInput, match=reason):
        run(FakeTarget(), f"trace show {number} -file {saved}")


@pytest.mark.parametrize("action", ["run", "start", "stop", ""])
def test_a_run_needs_gdb(action: str) -> None:
    with pytest.raises(UnsupportedTarget, match="needs GDB"):
        run(FakeTarget(), f"trace {action}")


def test_a_watch_needs_gdb() -> None:
    with pytest.raises(UnsupportedTarget, match="needs GDB"):
        run(FakeTarget({"satp": 8 << 60 | ROOT_PA >> 12}), "watch 0x1000")
