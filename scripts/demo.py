"""The demo: boot the sample kernel, look at its tables, trace its page faults, compare with the kernel's own counts."""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from scripts.qemu import PATIENCE, SAMPLE_KERNEL, Machine, gdb_command

# Where the demo stops for a first look: S-mode has just begun, with the tables that M-mode built.
FIRST_STOP = "supervisor_main"
LOOK = (
    "sv39 satp",
    "sv39 split 0x84000000 0x84010000 0xc0000000",
    "sv39 walk 0x84010000 $pc",
    "sv39 maps",
    "sv39 tables",
)
SUMMARY = re.compile(r"^kernel: scenario=(\S+) status=(\S+) (.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Account:
    """How many page-table-region faults there were, table pages they brought, and PTEs the handler wrote."""

    region_faults: int
    table_pages: int
    pte_writes: int

    def __str__(self) -> str:
        return f"{self.region_faults} region faults, {self.table_pages} table pages, {self.pte_writes} PTEs written"


def read_kernel_account(uart: str) -> Account | None:
    """What the kernel says at its end that it did; None if it never came there."""
    match = SUMMARY.search(uart)
    if match is None:
        return None
    counts = dict(pair.split("=") for pair in match[3].split())
    return Account(int(counts["region_faults"]), int(counts["table_pages"]), int(counts["pte_writes"]))


def read_trace_account(path: Path) -> Account:
    """What the tracer saw, from the file that `sv39 trace save` wrote."""
    faults = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    region = [fault for fault in faults if fault["in_region"]]
    return Account(
        len(region),
        sum(len(fault["pages_allocated"]) for fault in region),
        sum(len(fault["pte_writes"]) for fault in region),
    )


def run_batch(machine: Machine) -> int:
    """Look, trace to the kernel's end, compare. Returns the exit status."""
    trace_file = machine.directory / "trace.jsonl"
    commands = [f"hbreak {FIRST_STOP}", "continue", "delete"]
    for command in (*LOOK, "sv39 trace run"):
        commands += [rf"echo \n(gdb) {command}\n", command]
    commands.append(f"sv39 trace save {trace_file}")
    command_line = gdb_command(machine, commands, elf=SAMPLE_KERNEL)
    subprocess.run(
        [command_line[0], "-batch", *command_line[1:]], stdin=subprocess.DEVNULL, check=True, timeout=PATIENCE
    )
    status = machine.wait()
    uart = machine.read_uart()
    print(f"\nThe kernel's own words (QEMU ended with status {status}):\n{uart.strip()}\n")
    kernel = read_kernel_account(uart)
    if kernel is None:
        print("scripts/demo: the kernel did not come to its end", file=sys.stderr)
        return 1
    traced = read_trace_account(trace_file)
    print(f"The kernel counted {kernel}.\nThe trace shows    {traced}.")
    if traced != kernel:
        print("scripts/demo: they differ", file=sys.stderr)
        return 1
    print("They agree.")
    return 0


def run_interactive(machine: Machine) -> int:
    """Leave the person at GDB's prompt, stopped where S-mode begins."""
    print("Try: sv39 satp, sv39 walk 0x84010000, sv39 maps, sv39 trace run; help sv39 lists the commands.")
    command_line = gdb_command(
        machine, ["set pagination on", f"hbreak {FIRST_STOP}", "continue", "delete"], elf=SAMPLE_KERNEL
    )
    return subprocess.run(command_line, check=False).returncode


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/demo", description=__doc__)
    parser.add_argument(
        "scenario", nargs="?", default="double", help="what the kernel does; see kernel_sample/README.md"
    )
    parser.add_argument("--interactive", action="store_true", help="end at GDB's prompt instead of tracing")
    arguments = parser.parse_args()
    with Machine(append=arguments.scenario) as machine:
        return run_interactive(machine) if arguments.interactive else run_batch(machine)


if __name__ == "__main__":
    sys.exit(main())
