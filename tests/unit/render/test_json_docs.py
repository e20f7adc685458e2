"""gdbext/render/JSON.md shows what the commands answer: the same members in every object."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from gdbext import open_core
from gdbext.frontend import load_commands
from gdbext.target.corefile import iter_write_core
from gdbext.target.corenotes import Facts
from tests.unit.target.cores import FACTS, make_hart, make_tables

ROOT = Path(__file__).resolve().parents[3]
DOCUMENT = (ROOT / "gdbext" / "render" / "JSON.md").read_text(encoding="utf-8")
EXAMPLES = {
    example["schema"]: example
    for example in map(json.loads, re.findall(r"^```json\n(.*?)^```$", DOCUMENT, re.M | re.S))
}
# Objects whose members are data: names of rules, numbers of harts.
OPEN_MEMBERS = ("counts", "registers")
# At least one for each command; {0} is the directory of the fixture.
LINES = (
    "satp",
    "satp 8",
    "split 0x80000000 0x80201000",
    "plan 0x80000000 +2M",
    "walk 0x80000000 0",
    "maps -holes",
    "maps -root 0x80000000",
    "tree",
    "tables",
    "why",
    "pmp",
    "lint",
    "roots",
    "rmap 0x80000000",
    "read 0x84000000 16",
    "read 0x80000000 16 -va",
    "x /2gx 0x84000000",
    "find 0x21000401",
    "core save {0}/new.core",
    "diff {0}/before",
)


def merge_shapes(shapes: list[Any]) -> Any:
    """One shape for the elements of a list; that of None gives way to any other."""
    known = [shape for shape in shapes if shape is not None]
    if not known:
        return None
    if all(isinstance(shape, dict) for shape in known):
        keys = dict.fromkeys(key for shape in known for key in shape)
        assert all(shape.keys() == keys.keys() for shape in known), (
            f"objects of one list differ in their members: {keys}"
        )
        return {key: merge_shapes([shape[key] for shape in known]) for key in keys}
    if all(isinstance(shape, list) for shape in known):
        return [merge_shapes([element for shape in known for element in shape])]
    assert len({type(shape) for shape in known}) == 1, shapes
    return known[0]


def shape_of(value: Any, name: str = "") -> Any:
    """The members of an object, recursively, with the kind of each value in its place, such as `0x` and `bool`."""
    if isinstance(value, dict):
        return {} if name in OPEN_MEMBERS else {key: shape_of(member, key) for key, member in value.items()}
    if isinstance(value, list):
        return [merge_shapes([shape_of(element) for element in value])]
    if isinstance(value, str):
        return "0x" if re.fullmatch(r"0x[0-9a-f]+", value) else "text"
    return None if value is None else type(value).__name__


def agree(documented: Any, answered: Any, place: str) -> None:
    """Fails where two shapes differ; None and the element of an empty list agree with anything."""
    if documented is None or answered is None:
        return
    assert type(documented) is type(answered), place
    if isinstance(documented, dict):
        assert documented.keys() == answered.keys(), place
        for key in documented:
            agree(documented[key], answered[key], f"{place}.{key}")
    elif isinstance(documented, list):
        agree(documented[0], answered[0], f"{place}[]")
    else:
        assert documented == answered, place


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A core in a page fault, and a snapshot from before one of its PTEs was changed."""
    directory = tmp_path_factory.mktemp("json")
    target, builder = make_tables()
    hart = make_hart(
        0,
        satp=builder.satp,
        mstatus=1 << 11,
        priv=3,
        mcause=15,
        mtval=0x84010000,
        mepc=0x80000000,
        pmpcfg0=0x1F,
        pmpaddr0=0,
    )
    for name in ("before", "after"):
        facts = Facts(regions=FACTS.regions, page_table_region=FACTS.page_table_region, rules=FACTS.rules)
        ranges = [(builder.root_pa, builder.next_free)]
        for _ in iter_write_core(directory / name, [hart], facts, ranges, target.read_physical):
            pass
        builder.map(0x8000_0000, 0x8000_0000, "r")
    return directory


@pytest.mark.parametrize("line", LINES)
def test_the_example_has_the_members_of_the_answer(directory: Path, line: str) -> None:
    command, *words = line.format(directory).split()
    with open_core(directory / "after") as core:
        answers = core.ask(command, *words)
    assert answers
    for answer in answers:
        agree(shape_of(EXAMPLES[answer["schema"]]), shape_of(answer), answer["schema"])


def test_every_command_is_there() -> None:
    documented = {schema.partition("/")[0].removeprefix("sv39.") for schema in EXAMPLES}
    # A snapshot is answered like a core; gdbext/trace/FORMAT.md has what the tracer writes.
    assert documented == load_commands().keys() - {"snapshot", "trace", "watch"}
