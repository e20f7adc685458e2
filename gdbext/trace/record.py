"""What is known of one page fault, from its trap to its retry, and its form as one line of JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from typing import Any

from gdbext.errors import BadFile
from gdbext.riscv.paging import MODE_BY_NAME
from gdbext.riscv.pte import Pte
from gdbext.riscv.traps import Access
from gdbext.tables.walk import Outcome, Step, Walk

SCHEMA = "sv39.trace/1"


class FaultOutcome(Enum):
    """What became of a fault."""

    RETRIED = "retried"
    REFAULTED = "refaulted"
    NEXT_TABLE = "next-table"
    LEFT = "left"
    ENDED = "ended"
    UNFINISHED = "unfinished"


@dataclass(frozen=True)
class CodePlace:
    """Where in the program a pc lies, as far as symbols tell; `symbol` is `name+offset`, `source` is `file:line`.

    `access` is what the instruction does with memory; a saved trace does not tell.
    """

    pc: int
    symbol: str | None = None
    source: str | None = None
    instruction: str | None = None
    access: Access | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Frame:
    """A frame of a backtrace: `symbol` is `name+offset`, `arguments` are the integer ones as far as they are known."""

    symbol: str
    arguments: Mapping[str, int] = field(default_factory=dict)

    @property
    def function(self) -> str:
        return self.symbol.partition("+")[0]


@dataclass
class AllocatedPage:
    """A page that the handler put into the page tables.

    `level` is that of the table it became; None while no PTE points to it as a table. `mapped_at` is a va that maps
    it: its own address, or one that a 4K leaf maps to a page of the region; None if there is none. `is_zeroed` is None
    where that is not known; `rubbish` counts PTEs that were left in it from before.
    """

    pa: int
    level: int | None
    mapped_at: int | None
    is_zeroed: bool | None
    rubbish: int = 0


@dataclass(frozen=True)
class PteWrite:
    """A PTE that the handler changed: in a table of `level`, where it serves `size` bytes from `va`."""

    pte_pa: int
    level: int
    va: int
    size: int
    old: int
    new: int


@dataclass(frozen=True)
class Notice:
    """Something that deserves attention. `kind` is one word for programs, `text` a sentence for people."""

    kind: str
    text: str


@dataclass
class FaultRecord:
    """One page fault. `compared` says which table pages were compared to find what the handler wrote.

    `chain` is the seq of the first fault of the chain that this one belongs to: its own, if it begins one.
    """

    seq: int
    hart: int
    cause: int
    va: int
    place: CodePlace
    privilege: int
    satp: int
    in_region: bool | None
    handler: CodePlace
    walk_before: Walk
    rule_before: str
    compared: str
    chain: int
    backtrace: tuple[str, ...] = ()
    pages_allocated: list[AllocatedPage] = field(default_factory=list)
    pte_writes: list[PteWrite] = field(default_factory=list)
    handler_exit: CodePlace | None = None
    walk_after: Walk | None = None
    rule_after: str | None = None
    outcome: FaultOutcome = FaultOutcome.UNFINISHED
    why: str = "the handler had not returned when the trace was looked at"
    notices: list[Notice] = field(default_factory=list)

    @property
    def pc(self) -> int:
        return self.place.pc


def to_json(record: FaultRecord) -> dict[str, Any]:
    """The record as what `json.dumps` takes. Addresses and raw values are "0x..." strings."""
    return {
        "schema": SCHEMA,
        "seq": record.seq,
        "hart": record.hart,
        "cause": record.cause,
        "va": hex(record.va),
        "pc": hex(record.pc),
        "symbol": record.place.symbol,
        "source": record.place.source,
        "instruction": record.place.instruction,
        "privilege": record.privilege,
        "satp": hex(record.satp),
        "in_region": record.in_region,
        "backtrace": list(record.backtrace),
        "handler": {
            "entry": hex(record.handler.pc),
            "entry_symbol": record.handler.symbol,
            "exit": hex(record.handler_exit.pc) if record.handler_exit else None,
            "exit_symbol": record.handler_exit.symbol if record.handler_exit else None,
        },
        "walk_before": _walk_to_json(record.walk_before, record.rule_before),
        "pages_allocated": [
            {
                "pa": hex(page.pa),
                "level": page.level,
                "mapped_at": _optional_hex(page.mapped_at),
                "zeroed": page.is_zeroed,
                "rubbish": page.rubbish,
            }
            for page in record.pages_allocated
        ],
        "pte_writes": [
            {
                "pte_pa": hex(write.pte_pa),
                "level": write.level,
                "va": hex(write.va),
                "size": write.size,
                "old": hex(write.old),
                "new": hex(write.new),
                "old_flags": describe_flags(write.old),
                "new_flags": describe_flags(write.new),
            }
            for write in record.pte_writes
        ],
        "compared": record.compared,
        "walk_after": _walk_to_json(record.walk_after, record.rule_after) if record.walk_after else None,
        "outcome": record.outcome.value,
        "why": record.why,
        "chain": record.chain,
        "notices": [{"kind": notice.kind, "text": notice.text} for notice in record.notices],
    }


def from_json(data: Any) -> FaultRecord:
    """The record that `to_json` made. Raises `BadFile`, without the name of the file, where it is none."""
    try:
        if data["schema"] != SCHEMA:
            raise BadFile(f"its schema is {data['schema']!r}, not {SCHEMA!r}")
        handler, after = data["handler"], data["walk_after"]
        va = int(data["va"], 16)
        return FaultRecord(
            seq=int(data["seq"]),
            hart=int(data["hart"]),
            cause=int(data["cause"]),
            va=va,
            place=CodePlace(int(data["pc"], 16), data["symbol"], data["source"], data["instruction"]),
            privilege=int(data["privilege"]),
            satp=int(data["satp"], 16),
            in_region=data["in_region"],
            handler=CodePlace(int(handler["entry"], 16), handler["entry_symbol"]),
            walk_before=_walk_from_json(va, data["walk_before"]),
            rule_before=data["walk_before"]["rule"],
            compared=data["compared"],
            chain=int(data["chain"]),
            backtrace=tuple(data["backtrace"]),
            pages_allocated=[
                AllocatedPage(
                    int(page["pa"], 16),
                    page["level"],
                    int(page["mapped_at"], 16) if page["mapped_at"] else None,
                    page["zeroed"],
                    page["rubbish"],
                )
                for page in data["pages_allocated"]
            ],
            pte_writes=[
                PteWrite(
                    int(write["pte_pa"], 16),
                    int(write["level"]),
                    int(write["va"], 16),
                    int(write["size"]),
                    int(write["old"], 16),
                    int(write["new"], 16),
                )
                for write in data["pte_writes"]
            ],
            handler_exit=CodePlace(int(handler["exit"], 16), handler["exit_symbol"]) if handler["exit"] else None,
            walk_after=_walk_from_json(va, after) if after else None,
            rule_after=after["rule"] if after else None,
            outcome=FaultOutcome(data["outcome"]),
            why=data["why"],
            notices=[Notice(notice["kind"], notice["text"]) for notice in data["notices"]],
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadFile(f"it is no {SCHEMA} record: {type(error).__name__} {error}") from error


def encode(record: FaultRecord) -> str:
    """The record as one line without its end."""
    return json.dumps(to_json(record))


@lru_cache(maxsize=4096)
def describe_flags(pte: int) -> str:
    """The flags column of a raw PTE; the same few come in every record."""
    return Pte(pte).flags


def _optional_hex(value: int | None) -> str | None:
    return None if value is None else hex(value)


def _walk_to_json(walked: Walk, rule: str | None) -> dict[str, Any]:
    return {
        "mode": walked.mode.name,
        "root": hex(walked.root_pa),
        "levels": [
            {
                "level": step.level,
                "index": step.index,
                "pte_pa": hex(step.pte_pa),
                "pte": hex(step.pte.value) if step.pte else None,
                "flags": describe_flags(step.pte.value) if step.pte else None,
            }
            for step in walked.steps
        ],
        "outcome": walked.outcome.name.lower(),
        "rule": rule if rule is not None else walked.rule,
        "pa": _optional_hex(walked.pa),
    }


def _walk_from_json(va: int, data: Any) -> Walk:
    steps = tuple(
        Step(
            int(step["level"]),
            int(step["index"]),
            int(step["pte_pa"], 16),
            Pte(int(step["pte"], 16)) if step["pte"] else None,
        )
        for step in data["levels"]
    )
    mode = MODE_BY_NAME[data["mode"].lower()]
    return Walk(va, mode, int(data["root"], 16), steps, Outcome[data["outcome"].upper()], data["rule"])
