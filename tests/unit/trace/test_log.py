"""Records as lines of JSON: written, read, refused."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from gdbext.errors import BadFile, BadInput
from gdbext.trace import diagnosis, tracer
from gdbext.trace.log import TraceLog
from gdbext.trace.record import FaultOutcome, FaultRecord, Frame, encode, from_json, to_json
from gdbext.trace.summary import summarize
from tests.unit.fakes import ROOT_PA
from tests.unit.trace.machine import Traps

PAGE = ROOT_PA + 0x1_0000


@pytest.fixture
def records() -> list[FaultRecord]:
    traps = Traps()
    traps.frames = [Frame("store+4"), Frame("main+8")]
    traps.serve(PAGE)
    traps.enter(0x10)
    return traps.finish()


def test_a_record_comes_back(records: list[FaultRecord]) -> None:
    for record in records:
        assert from_json(json.loads(encode(record))) == record


def test_the_keys_that_are_promised(records: list[FaultRecord]) -> None:
    data = to_json(records[0])
    assert data["schema"] == "sv39.trace/1"
    assert data["pages_allocated"][0]["pa"] == hex(PAGE)
    assert set(data) >= {"seq", "hart", "cause", "va", "pc", "outcome"}
    assert set(data["pte_writes"][0]) >= {"pte_pa", "level", "old", "new"}
    assert data["backtrace"] == ["store+4", "main+8"]


def test_save_and_load(records: list[FaultRecord], tmp_path: Path) -> None:
    log = TraceLog()
    log.append(records[0])
    path = tmp_path / "faults"
    log.save(path, records[1:])
    loaded = TraceLog.load(path)
    assert list(loaded) == records
    log.append(records[1])
    assert list(log) == records
    assert path.stat().st_mode & 0o077 == 0


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot write"):
        TraceLog().save(tmp_path / "missing" / "faults")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "holds no fault"),
        ("{}\n", "line 1: it is no sv39.trace/1 record: KeyError 'schema'"),
        ("[]\n", "line 1: it is no sv39.trace/1 record"),
        ("not JSON\n", "line 1: not JSON"),
        ('{"schema": "sv39.trace/2"}\n', "line 1: its schema is 'sv39.trace/2', not 'sv39.trace/1'"),
    ],
)
def test_what_is_no_trace(tmp_path: Path, content: str, reason: str) -> None:
    path = tmp_path / "faults"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(BadFile) as caught:
        TraceLog.load(path)
    assert reason in str(caught.value)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="No such file"):
        TraceLog.load(tmp_path / "faults")


@pytest.mark.parametrize("key", ["va", "walk_before", "pages_allocated", "outcome", "notices", "handler"])
@pytest.mark.parametrize("value", [None, 5, "x", []])
def test_a_damaged_record_is_refused_or_read(records: list[FaultRecord], key: str, value: object) -> None:
    data = to_json(records[0]) | {key: value}
    if key in ("pages_allocated", "notices") and value == []:
        assert from_json(data).seq == 1
        return
    with pytest.raises(BadFile):
        from_json(data)


def test_the_summary(records: list[FaultRecord]) -> None:
    summary = summarize(records)
    assert (summary.faults, summary.region_faults, summary.outside) == (2, 1, 1)
    assert (summary.pages_allocated, summary.pte_writes) == (1, 1)
    assert summary.outcomes == {"retried": 1, "ended": 1}
    assert not summary.is_good
    assert summarize(records[:1]).is_good


def test_every_key_and_kind_is_documented(records: list[FaultRecord]) -> None:
    text = (Path(__file__).resolve().parents[3] / "gdbext" / "trace" / "FORMAT.md").read_text(encoding="utf-8")
    words = [*to_json(records[0]), *(outcome.value for outcome in FaultOutcome)]
    source = Path(diagnosis.__file__).read_text(encoding="utf-8") + Path(tracer.__file__).read_text(encoding="utf-8")
    words += re.findall(r'Notice\(\s*"([a-z-]+)"', source)
    assert len(words) > 30
    assert [word for word in words if f"`{word}`" not in text] == []
