"""The text and the JSON of `sv39 core`."""

from __future__ import annotations

from collections.abc import Iterator

from gdbext.commands.core import CoreResult
from gdbext.render.json import dumps, hex_string
from gdbext.render.style import Style
from gdbext.riscv.paging import describe_size
from gdbext.target.base import describe_harts

SCHEMA = "sv39.core/1"
# A core that is written in a moment needs no word of how far it is.
PROGRESS_FROM = 64 << 20
PROGRESS_STEPS = 8


def iter_text(result: CoreResult, style: Style) -> Iterator[str]:
    total = result.memory_size
    step = total // PROGRESS_STEPS
    mark = step if total >= PROGRESS_FROM else total
    for done in result.iter_write():
        if mark <= done < total:
            yield style.dim(f"  {done * 100 // total:3}% of {describe_size(total)}")
            mark += step
    harts = describe_harts([hart.number for hart in sorted(result.harts, key=lambda hart: hart.number)])
    registers = max(len(hart.registers) for hart in result.harts)
    yield f"saved {harts} ({registers} registers each) and {describe_size(total)} of memory to {result.path}"
    if result.kept:
        yield f"  memory: only {result.kept}"


def iter_json(result: CoreResult) -> Iterator[str]:
    for _ in result.iter_write():
        pass
    yield dumps(
        {
            "schema": SCHEMA,
            "file": str(result.path),
            "harts": [hart.number for hart in result.harts],
            "registers": {str(hart.number): len(hart.registers) for hart in result.harts},
            "kept": result.kept,
            "memory": [{"start": hex_string(start), "end": hex_string(end)} for start, end in result.ranges],
        }
    )
