"""`sv39 trace -log`: QEMU's log of traps, switched on for as long as the machine runs."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gdbext.commands.trace import LogResult
from gdbext.errors import TargetLost, UnsupportedTarget
from gdbext.live.running import is_alive, resume
from gdbext.live.target import LiveTarget
from gdbext.riscv.csrs import Satp
from gdbext.trace.shadow import Shadow
from gdbext.trace.trap_log import count_traps, iter_traps

TABLE_LIMIT = 1 << 14


def run_logged(target: LiveTarget) -> LogResult:
    """Resume the machine until it stops, without a stop of ours, and count the traps that QEMU has logged."""
    assert target.stub is not None
    region = target.page_table_region()
    before = find_shadow(target)
    directory = Path(tempfile.mkdtemp(prefix="sv39-"))
    try:
        with trap_logging(target, directory / "traps"):
            resume()
        path = directory / "traps"
        if not path.exists():
            raise UnsupportedTarget("QEMU has written no log: it runs on another host, or may not write here")
        with path.open(encoding="ascii", errors="replace") as lines:
            counts = count_traps(iter_traps(lines), region)
    finally:
        shutil.rmtree(directory)
    symbols = {pc: target.describe_symbol(pc) for pc, _ in counts.pcs.most_common(LogResult.SHOWN)}
    return LogResult(counts, symbols, describe_tables(target, before))


@contextmanager
def trap_logging(target: LiveTarget, path: Path) -> Iterator[None]:
    """Inside, QEMU logs every trap to `path`. Raises `UnsupportedTarget` where it cannot."""
    stub = target.stub
    assert stub is not None
    refused = stub.monitor(f"logfile {path}") or stub.monitor("log int")
    if refused:
        raise UnsupportedTarget(f"QEMU does not log traps: {refused}")
    try:
        yield
    finally:
        if is_alive(target):
            try:
                stub.monitor("log none")
                stub.monitor("logfile /dev/stderr")
            except TargetLost:
                pass  # A QEMU that is gone logs no more.


def find_shadow(target: LiveTarget) -> Shadow | None:
    """The present tables of the selected hart; None where paging is off."""
    satp = Satp(target.read_csr(target.current_hart, "satp") or 0)
    if satp.mode is None or satp.is_bare:
        return None
    with target.reading():
        shadow = Shadow(target, satp.mode, satp.root_pa, target.page_table_region(), limit=TABLE_LIMIT)
        shadow.remember_idle_pages()
    return shadow


def describe_tables(target: LiveTarget, before: Shadow | None) -> str:
    """What has become of the page tables, in a sentence."""
    if not is_alive(target):
        return "the machine has ended, and its page tables with it"
    if before is None:
        after = find_shadow(target)
        return f"{len(after.tables)} table pages now, and paging was off before" if after else "paging is off"
    count = len(before.tables)
    with target.reading():
        difference = before.refresh()
    return (
        f"{count} table pages before, {len(before.tables)} now; {len(difference.changes)} PTEs changed, "
        f"{len(difference.new_pages)} pages came into use"
    )
