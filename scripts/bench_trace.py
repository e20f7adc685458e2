"""The section of the tracer: what a fault costs in the deep trace and in the log, against a plain script."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from scripts.benchmark import Row
from scripts.qemu import SAMPLE_KERNEL, Machine, gdb_command

SECONDS = 1800
ROUNDS = 5
PLAIN_SCRIPT = Path(__file__).with_name("plain_trace_in_gdb.py")
# The scenarios of the sample kernel that fault most: one with the same few tables for ever, one with ever more tables.
SCENARIOS = (("churn", 1000), ("exhausted", 500))
DEEP_AT_MOST, LOG_AT_MOST = 1.0, 0.05
TIMED = "python import time; started = time.perf_counter()"
REPORT = 'python print("@@seconds", time.perf_counter() - started)'

# What is run in GDB, by the name of the work.
WORKS = {
    "plain": (f"source {PLAIN_SCRIPT}", TIMED, "continue", REPORT),
    "deep": (TIMED, "sv39 trace run -quiet", REPORT),
    "log": (TIMED, "sv39 trace run -log", REPORT),
}


def measure_seconds(scenario: str, commands: tuple[str, ...]) -> float:
    """How long GDB takes for a scenario from reset to its end."""
    with Machine(append=scenario) as machine:
        words = gdb_command(machine, commands, elf=SAMPLE_KERNEL)
        ran = subprocess.run(
            [words[0], "-batch", *words[1:]],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    for line in ran.stdout.splitlines():
        if line.startswith("@@seconds "):
            return float(line.split()[1])
    raise RuntimeError(f"GDB did not come to its end:\n{ran.stdout[-2000:]}\n{ran.stderr[-2000:]}")


def measure(quick: bool) -> Iterator[Row]:
    for name, full_count in SCENARIOS:
        count = 20 if quick else full_count
        times: dict[str, list[float]] = {work: [] for work in WORKS}
        for _ in range(1 if quick else ROUNDS):
            for work, commands in WORKS.items():
                times[work].append(measure_seconds(f"{name} {count}", commands) * 1000 / count)
        medians = {work: median(taken) for work, taken in times.items()}
        where = f"{name} {count}"
        for work, label, at_most in (("deep", "deep trace", DEEP_AT_MOST), ("log", "log", LOG_AT_MOST)):
            yield Row("trace", f"{label}, a fault: {where}", medians[work], "plain script", medians["plain"], at_most)
