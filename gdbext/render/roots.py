"""The text and the JSON of `sv39 roots`."""

from __future__ import annotations

from collections.abc import Iterator

from gdbext.commands.roots import RootsResult
from gdbext.render.json import dumps, hex_string, optional_hex
from gdbext.render.listing import count
from gdbext.render.style import Style
from gdbext.riscv.paging import describe_size
from gdbext.tables.roots import Root

SCHEMA = "sv39.roots/1"


def iter_text(result: RootsResult, style: Style) -> Iterator[str]:
    if result.roots:
        yield style.title(f"{'root':18}  {'satp':18}  {'tables':>6}  {'leaves':>8}  evidence")
    for root in result.roots:
        evidence = "; ".join(iter_evidence(root, result.section_count))
        place = style.address(f"0x{root.pa:016x}")
        yield f"{place}  0x{root.satp:016x}  {root.tables:6}  {root.leaves:8}  {evidence}"
    searched = describe_size(result.searched_size)
    yield f"{count(len(result.roots), f'{result.mode.name} root')} in {searched} of memory"
    if not result.is_complete:
        yield style.bad("incomplete") + ": not all of the machine's memory could be searched"


def iter_evidence(root: Root, section_count: int) -> Iterator[str]:
    """What speaks for a root, and what against it."""
    if root.harts:
        yield "satp of " + " and ".join(f"hart {hart}" for hart in root.harts)
    if section_count:
        yield f"translates {root.sections} of {count(section_count, 'section')}"
    if root.self_va is not None:
        yield f"maps itself at {root.self_va:#x}"
    if root.parents:
        yield f"reached from {count(root.parents, 'other root')}: perhaps a lower table"
    if root.invalid:
        yield f"{count(root.invalid, 'PTE')} that always fault" + ("s" if root.invalid == 1 else "")
    if root.unreadable:
        yield f"{count(root.unreadable, 'table')} that cannot be read"


def iter_json(result: RootsResult) -> Iterator[str]:
    roots = [
        {
            "root": hex_string(root.pa),
            "satp": hex_string(root.satp),
            "harts": list(root.harts),
            "tables": root.tables,
            "leaves": root.leaves,
            "sections": root.sections,
            "self_va": optional_hex(root.self_va),
            "parents": root.parents,
            "invalid": root.invalid,
            "unreadable": root.unreadable,
        }
        for root in result.roots
    ]
    yield dumps(
        {
            "schema": SCHEMA,
            "mode": result.mode.name,
            "sections": result.section_count,
            "searched": result.searched_size,
            "complete": result.is_complete,
            "roots": roots,
        }
    )
