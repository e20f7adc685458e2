"""What the tracer notices by itself, each as a `Notice`: why there is no progress, and what looks wrong."""

from __future__ import annotations

from collections.abc import Sequence

from gdbext.riscv.paging import PAGE_SIZE
from gdbext.riscv.pte import Pte, V
from gdbext.tables.walk import Outcome
from gdbext.target.base import Target
from gdbext.trace.record import FaultRecord, Frame, Notice, PteWrite
from gdbext.trace.shadow import Shadow

MIN_ROUNDS = 3
ROUNDS_SHOWN = 4


def diagnose(rounds: Sequence[FaultRecord], works_after: bool) -> Notice:
    """Why the retry of a fault faults again, from what its handler did in all `rounds` of it."""
    record = rounds[-1]
    after = record.walk_after
    assert after is not None
    writes = [write for one in rounds for write in one.pte_writes]
    pages = {page.pa for one in rounds for page in one.pages_allocated if page.rubbish}
    last = after.steps[-1] if after.steps else None
    if works_after:
        return Notice(
            "no-fence",
            "the tables allow the access now, so the hart uses an older translation: an sfence.vma is missing",
        )
    if last and last.pte_pa & -PAGE_SIZE in pages and all(write.pte_pa != last.pte_pa for write in writes):
        text = f"the table page {last.pte_pa & -PAGE_SIZE:#x} came back with rubbish in it: {record.rule_after}"
        return Notice("rubbish", text)
    if after.outcome is Outcome.LEAF:
        return Notice("permission", f"the PTE is valid now, but a permission is missing: {record.rule_after}")
    path = {step.pte_pa for step in after.steps}
    off_path = [write for write in writes if write.pte_pa not in path and Pte(write.new).is_leaf]
    if off_path:
        served = "; ".join(describe_service(write) for write in off_path)
        return Notice("wrong-va", f"no leaf on the path of {record.va:#x} was written: {served}")
    if writes:
        served = "; ".join(describe_service(write) for write in writes)
        return Notice("wrong-level", f"the path of {record.va:#x} ends in no page: {served}; {record.rule_after}")
    return Notice("nothing-written", f"the handler wrote no PTE: {record.rule_after}")


def describe_service(write: PteWrite) -> str:
    """Which addresses a PTE that was written serves."""
    new = Pte(write.new)
    kind = "cleared, it served" if not new.is_valid else "maps" if new.is_leaf else "points to a table for"
    what = f"{write.va:#x}" if write.size == PAGE_SIZE else f"{write.va:#x} to {write.va + write.size:#x}"
    return f"the level-{write.level} PTE @{write.pte_pa:#x} {kind} {what}"


def note_oddities(record: FaultRecord, reused: dict[int, str]) -> None:
    """Add what looks wrong in what the handler did, whether or not the retry works."""
    for pa, how in reused.items():
        record.notices.append(Notice("reused-page", f"the page {pa:#x} was handed out twice: {how}"))
    for write in record.pte_writes:
        if write.old & V and write.new & V:
            text = f"the level-{write.level} PTE @{write.pte_pa:#x} for {write.va:#x} was valid and was overwritten"
            record.notices.append(Notice("overwritten", text))
    for page in record.pages_allocated:
        if page.rubbish:
            text = f"the page {page.pa:#x} was not zeroed: {page.rubbish} PTEs in it are from before"
            record.notices.append(Notice("dirty-page", text))


def describe_exhaustion(shadow: Shadow) -> Notice:
    """What the region still had when its handler did not return."""
    return Notice("no-return", f"the handler did not return; {describe_region_use(shadow)}")


def describe_region_use(shadow: Shadow) -> str:
    """How full the region is, and how many more mappings fit into what is left."""
    region = shadow.region
    assert region is not None
    total = (region.end - region.start) // PAGE_SIZE
    used = sum(1 for _ in shadow.iter_region_pages())
    left = total - used
    # Every stretch of the region that no level-0 table serves yet takes one of the pages to become editable.
    span = shadow.mode.table_span(0)
    stretches = set(range(region.start // span, (region.end - 1) // span + 1))
    served = {table.va // span for table in shadow.tables.values() if table.level == 0}
    free = max(left - len(stretches - served), 0)
    levels = shadow.mode.root_level
    return (
        f"{used} of the region's {total} pages are in use, {left} are left: room for {free} more mappings that take a "
        f"level-0 table each, or for {free // levels} that take a table of each level below the root"
    )


def describe_outside(target: Target, shadow: Shadow, va: int) -> Notice:
    """Whose an address outside the region is, and what is mapped next to it."""
    parts = [f"{va:#x} is outside the page-table region"]
    symbol = target.describe_symbol(va)
    section = next((s.name for s in target.sections() if s.start <= va < s.end), None)
    region = target.region_at(va)
    if symbol is not None:
        parts.append(f"it is {symbol}" + (f" in {section}" if section else ""))
    elif section is not None:
        parts.append(f"it is in {section}")
    elif region is not None:
        parts.append(f"at this pa there is {'RAM' if region.is_ram else 'the device ' + region.name}")
    else:
        parts.append("there is no symbol, and at this pa nothing answers")
    below, above = find_neighbours(shadow, va)
    if below is not None:
        parts.append(f"the nearest mapping below ends at {below:#x}, {describe_distance(va - below)} before it")
    if above is not None:
        parts.append(f"the nearest above begins at {above:#x}, {describe_distance(above - va)} after it")
    return Notice("outside", "; ".join(parts))


def describe_distance(size: int) -> str:
    """A distance in bytes, in the largest unit that leaves three digits or less."""
    for unit, letter in ((1 << 30, "G"), (1 << 20, "M"), (1 << 10, "K")):
        if size >= unit:
            return f"{size // unit}{letter}"
    return f"{size}B"


def find_neighbours(shadow: Shadow, va: int) -> tuple[int | None, int | None]:
    """Where the nearest mapping below `va` ends and the nearest above it begins."""
    leaves = [(start, shadow.mode.page_size(level)) for start, level, _ in shadow.iter_leaves()]
    below = max((start + size for start, size in leaves if start + size <= va), default=None)
    above = min((start for start, _ in leaves if start > va), default=None)
    return below, above


def find_cycle(names: Sequence[str]) -> tuple[int, int, int] | None:
    """The shortest cycle that a backtrace repeats: (where it begins, its length, how often it comes).

    Only one that comes at least `MIN_ROUNDS` times counts.
    """
    for start in range(min(len(names), 8)):
        for length in range(1, (len(names) - start) // MIN_ROUNDS + 1):
            rounds = 1
            while names[start + rounds * length : start + (rounds + 1) * length] == names[start : start + length]:
                rounds += 1
            if rounds >= MIN_ROUNDS:
                return start, length, rounds
    return None


def describe_recursion(frames: Sequence[Frame]) -> Notice | None:
    """The cycle in a backtrace, by name and depth, and which page each round wanted."""
    names = [frame.function for frame in frames]
    cycle = find_cycle(names)
    if cycle is None:
        return None
    start, length, rounds = cycle
    path = " <- ".join(names[start : start + length])
    text = f"{path} comes {rounds} times in a backtrace of {len(frames)} frames"
    wanted = find_wanted(frames[start : start + rounds * length], length)
    if wanted is not None:
        name, pages = wanted
        shown = [f"{pa:#x}" for pa in pages[:ROUNDS_SHOWN]]
        more = f" and so on to {pages[-1]:#x}" if len(pages) > ROUNDS_SHOWN else ""
        text += f"; each round wants one more page ({name}), from the innermost on: {', '.join(shown)}{more}"
    return Notice("recursion", text)


def find_wanted(frames: Sequence[Frame], length: int) -> tuple[str, list[int]] | None:
    """The argument that names another page in every round, if there is one, and its values; a round has `length`
    frames."""
    for position in range(length):
        column = frames[position::length]
        for name in column[0].arguments:
            values = [frame.arguments.get(name, 0) for frame in column]
            if len(set(values)) == len(values) and all(value and value % PAGE_SIZE == 0 for value in values):
                return f"{column[0].function}'s {name}", values
    return None
