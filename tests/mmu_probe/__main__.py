"""python -m tests.mmu_probe: ask the oracle from the command line; see scripts/oracle."""

from __future__ import annotations

import argparse
import secrets
import subprocess
import sys
import time
from pathlib import Path

from tests.mmu_probe.driver import ProbeError, find_qemu, read_version
from tests.mmu_probe.oracle import Report, iter_reports, machines_of

FETCH_BACKPORT = Path(__file__).resolve().parents[2] / "scripts" / "fetch-qemu-backport"


def parse_arguments() -> argparse.Namespace:
    """The options of scripts/oracle."""
    parser = argparse.ArgumentParser(
        prog="scripts/oracle",
        description="Compare our walk with QEMU's MMU on random cases. "
        "Exit status: 0 no disagreement, 1 some, 2 it could not be run.",
    )
    parser.add_argument("--cases", type=int, default=100_000, help="how many, over all CPU models (100000)")
    parser.add_argument("--seed", default=secrets.token_hex(4), help="a fresh one by default; it is printed")
    parser.add_argument("--jobs", type=int, help="QEMUs side by side (one for each CPU)")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--qemu", help="the program to ask (qemu-system-riscv64 of PATH)")
    which.add_argument("--backport", action="store_true", help="the QEMU of bookworm-backports, unpacked into .cache")
    return parser.parse_args()


def main() -> int:
    arguments = parse_arguments()
    try:
        return ask(arguments)
    except ProbeError as error:
        print(f"scripts/oracle: {error}", file=sys.stderr)
        return 2


def ask(arguments: argparse.Namespace) -> int:
    """Ask each CPU model for its share of the cases, and print what came of it."""
    if arguments.backport:
        fetched = subprocess.run([str(FETCH_BACKPORT)], stdout=subprocess.PIPE, text=True, check=False)
        if fetched.returncode != 0:
            return 2
        qemu = fetched.stdout.strip()
    else:
        qemu = arguments.qemu or find_qemu()
    machines = machines_of(qemu)
    count = -(-arguments.cases // len(machines))
    disagreements = 0
    for machine in machines:
        print(f"QEMU {read_version(qemu)} -cpu {machine.cpu}, seed {arguments.seed}", flush=True)
        report = Report()
        start = time.monotonic()
        for part in iter_reports(qemu, machine, arguments.seed, count, arguments.jobs):
            report.add(part)
            print(f"\r{report.cases} of {count}", end="", file=sys.stderr, flush=True)
        print(f" in {time.monotonic() - start:.0f} s", file=sys.stderr)
        print(report.describe(), flush=True)
        disagreements += len(report.disagreements)
    return 1 if disagreements else 0


if __name__ == "__main__":
    sys.exit(main())
