"""The section of listing and walking: our commands on each transport, against `info mem`, raw reads, a plain script."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from scripts.benchmark import Row
from scripts.guest_tables import (
    RAM_BASE,
    AddressSpace,
    Builder,
    iter_contiguous,
    iter_scattered,
    iter_small_kernel,
    iter_sparse,
    iter_superpages,
)
from scripts.qemu import Machine, gdb_command

RAM_MIB = 1024
SCRIPT = Path(__file__).with_name("measure_in_gdb.py")
TRANSPORTS = ("file", "process", "stub")
FAST = TRANSPORTS[:2]
SMALL = "small kernel"
SECONDS = 1800
# How many times something is measured, by how many tables it has at most.
REPEATS = ((300, 15), (1_100, 5), (10**6, 3))

Times = dict[str, dict[str, float]]
"""Medians in milliseconds, by address space and by work."""


def build_spaces(builder: Builder, quick: bool) -> list[AddressSpace]:
    """The address spaces that are measured."""
    kinds = {
        "contiguous": (iter_contiguous, (1_000, 10_000, 100_000, 1_000_000)),
        "scattered": (iter_scattered, (1_000, 10_000, 100_000, 200_000, 1_000_000)),
        "sparse": (iter_sparse, (1_000, 10_000)),
        "superpages": (iter_superpages, (1_000, 10_000, 100_000)),
    }
    spaces = [builder.build(SMALL, iter_small_kernel())]
    for name, (make, counts) in kinds.items():
        spaces += [builder.build(f"{name} {count:,}", make(count)) for count in counts[: 1 if quick else None]]
    return spaces


def run_in_gdb(machine: Machine, spaces: list[AddressSpace], quick: bool) -> Times:
    """Have one GDB measure all of `spaces`."""
    job = {
        "monitor": str(machine.monitor),
        "ram": str(machine.ram),
        "ram_base": RAM_BASE,
        "pid": machine.process.pid,
        "transports": TRANSPORTS,
        "spaces": [
            {
                "name": space.name,
                "root_pa": space.root_pa,
                "satp": space.satp,
                "table_pas": space.table_pas,
                "mapped_va": space.mapped_va,
                "repeat": 1 if quick else next(repeat for most, repeat in REPEATS if len(space.table_pas) <= most),
                "plain": space.leaf_count <= 200_000,
            }
            for space in spaces
        ],
    }
    path = machine.directory / "job"
    path.write_text(json.dumps(job), encoding="utf-8")
    words = gdb_command(machine, [f'set $bench_job = "{path}"', f"source {SCRIPT}"], elf=None)
    ran = subprocess.run(
        [words[0], "-batch", *words[1:]],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    answer = path.with_suffix(".answer")
    if not answer.exists():
        raise RuntimeError(f"GDB did not come to its end:\n{ran.stderr[-2000:]}")
    measured = json.loads(answer.read_text(encoding="utf-8"))
    return {space: {work: median(times) for work, times in all_times.items()} for space, all_times in measured.items()}


def iter_space_rows(space: AddressSpace, times: dict[str, float]) -> Iterator[Row]:
    """The rows of one address space."""
    kind = space.name.split(maxsplit=1)[0]
    where = f"{space.name}, {len(space.table_pas):,} tables"
    at_most = {SMALL: 1.0, "scattered 200,000": 0.5, "contiguous 1,000,000": 0.25}.get(space.name)
    for transport in FAST:
        ours = times[f"maps {transport}"]
        yield Row("maps", f"maps over {transport}: {where}", ours, "info mem", times["info mem"], at_most)
        yield Row("maps", f"maps over {transport}: {where}", ours, "raw read", times[f"raw {transport}"])
    first = times["first maps"]
    yield Row("maps", f"maps over file, the first time: {where}", first, "info mem", times["info mem"])
    stub = times["maps stub"]
    at_most = 2.0 if kind == "scattered" else 1.3
    yield Row("maps", f"maps over stub: {where}", stub, "raw read", times["raw stub"], at_most)
    yield Row("maps", f"maps over stub: {where}", stub, "info mem", times["info mem"])
    if "plain script" in times:
        yield Row("maps", f"maps over file: {where}", times["maps file"], "plain script", times["plain script"])
        yield Row("maps", f"maps over stub: {where}", stub, "plain script", times["plain script"])


def iter_growth_rows(times: Times) -> Iterator[Row]:
    """How time grows from 10^5 to 10^6 leaves of one kind: per leaf, so that 1 is linear."""
    for kind in ("contiguous", "scattered"):
        small, large = f"{kind} 100,000", f"{kind} 1,000,000"
        if small in times and large in times:
            works = {"first maps": "maps over file, the first time"}
            works |= {f"maps {transport}": f"maps over {transport}" for transport in TRANSPORTS}
            for work, label in works.items():
                yield Row(
                    "maps",
                    f"growth, {label}: {large}, for each 100,000",
                    times[large][work] / 10,
                    small,
                    times[small][work],
                    1.0,
                )


def measure(quick: bool) -> Iterator[Row]:
    with Machine(None, ram_mib=RAM_MIB) as machine:
        spaces = build_spaces(Builder(machine.ram, RAM_MIB << 20), quick)
        times = run_in_gdb(machine, spaces, quick)
    for space in spaces:
        yield from iter_space_rows(space, times[space.name])
    for transport in TRANSPORTS:
        small = times[SMALL]
        floor = small[f"raw walk {transport}"]
        floor_name = "3 PTEs raw, and printing"
        yield Row("maps", f"walk over {transport}, first after a stop", small[f"walk {transport}"], floor_name, floor)
        yield Row("maps", f"walk over {transport}", small[f"walk again {transport}"], floor_name, floor, 2.0)
    yield from iter_growth_rows(times)
