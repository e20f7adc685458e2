"""The benchmark: it runs to its end, and what it measures are right answers."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from scripts.guest_tables import (
    Builder,
    Leaf,
    iter_contiguous,
    iter_scattered,
    iter_small_kernel,
    iter_sparse,
    iter_superpages,
)
from scripts.qemu import PATIENCE, ROOT
from tests.live.conftest import Boot
from tests.live.debugger import debug
from tests.live.monitor import Monitor

RAM_MIB = 1024
KINDS: dict[str, Callable[[], Iterator[Leaf]]] = {
    "small kernel": iter_small_kernel,
    "contiguous": lambda: iter_contiguous(3000),
    "scattered": lambda: iter_scattered(3000),
    "sparse": lambda: iter_sparse(40),
    "superpages": lambda: iter_superpages(700),
}


@pytest.mark.parametrize("kind", KINDS)
def test_its_tables_are_listed_alike_by_every_transport_and_by_info_mem(boot: Boot, kind: str) -> None:
    machine = boot(None, ram_mib=RAM_MIB)
    space = Builder(machine.ram, RAM_MIB << 20).build(kind, KINDS[kind]())
    transports = ("file", "process", "stub")
    commands = [f"set $satp = {space.satp:#x}"]
    for transport in transports:
        commands += [f"set sv39 transport {transport}", "sv39 maps -json"]
    answers = debug(machine, *commands, elf=None)[2::2]
    assert len({answer.text for answer in answers}) == 1
    [listing] = answers[0].json()
    assert (listing["leaves"], listing["tables"], listing["complete"]) == (space.leaf_count, len(space.table_pas), True)
    with Monitor(machine) as monitor:
        theirs = sum(size for _, _, size, _ in monitor.iter_mappings())
    assert sum(mapping["size"] for mapping in listing["maps"]) == theirs


def test_it_runs_to_its_end() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "scripts.bench", "--quick", "--json", "maps", "start"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    rows = [json.loads(line) for line in ran.stdout.splitlines()]
    assert {row["section"] for row in rows} == {"maps", "start"}
    assert all(row["milliseconds"] > 0 or row["section"] == "start" for row in rows)
    assert {row["against"] for row in rows} >= {"info mem", "raw read", "plain script", "GDB's bare start"}
