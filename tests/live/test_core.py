"""Cores: what a live machine answers, its core answers too, in the system's GDB, in a newer one, and in the shell."""

from __future__ import annotations

import contextlib
import io
import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from gdbext import open_core
from gdbext.cli import main
from gdbext.target.symbols import ElfSymbols
from scripts.qemu import GDB, PATIENCE, ROOT, SAMPLE_KERNEL, Machine, gdb_command
from tests.live.conftest import Boot
from tests.live.debugger import debug, stop_at
from tests.live.monitor import Monitor

COMMANDS = (
    "sv39 satp",
    "sv39 walk $pc $sp",
    "sv39 walk 0x84000000 0x84010000 0x80000000 0 0x8000000000",
    "sv39 walk $mtval -json",
    "sv39 maps",
    "sv39 maps -holes -json",
    "sv39 tree",
    "sv39 tables",
    "sv39 why",
    "sv39 pmp",
    "sv39 lint",
    "sv39 rmap 0x84000000",
    "sv39 x/6gx 0x84000000",
    "sv39 read $sp 32 -va",
)
# These read all memory.
WHOLE_COMMANDS = ("sv39 roots", "sv39 find -string region -perm r--", "sv39 find 0x21000401 -physical")


def save(machine: Machine, location: str, path: Path, commands: Sequence[str], *options: str) -> list[str]:
    """Stop `machine` at `location`, save a core, and return what the live `commands` answer."""
    stop_at(machine, location)
    transcript = debug(machine, *commands, " ".join(["sv39 core save", str(path), *options]))
    assert transcript[-1].status == 0, transcript
    return [answer.text for answer in transcript][:-1]


def ask_gdb(gdb: str, core: Path, commands: Sequence[str], *, elf: Path | None = SAMPLE_KERNEL) -> list[str]:
    """What the commands answer in a GDB with the extension on a core."""
    lines = [f"core-file {core}"]
    for command in commands:
        lines += ["echo @@\\n", command]
    words = gdb_command(None, lines, elf=elf, gdb=gdb)
    return _split(run([words[0], "-batch", *words[1:]]))


def ask_plain_gdb(gdb: str, core: Path, *commands: str) -> list[str]:
    """What the commands print in a GDB without the extension and without symbols."""
    words = [gdb, "-nx", "-q", "-batch", "-ex", f"core-file {core}"]
    for command in commands:
        words += ["-ex", "echo @@\\n", "-ex", command]
    return _split(run(words))


def run(words: Sequence[str]) -> str:
    """What a program prints, complaints among it."""
    ran = subprocess.run(
        words,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    return ran.stdout


def _split(output: str) -> list[str]:
    return [text.strip("\n") for text in output.split("@@\n")[1:]]


def ask_shell(core: Path, commands: Sequence[str], *options: str) -> list[str]:
    """What the shell front end prints for the commands, in this process; of a complaint what GDB would print."""
    answers = []
    for command in commands:
        output, complaint = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(complaint):
            main([str(core), *command.split()[1:], *options])
        answers.append(output.getvalue().strip("\n") or complaint.getvalue().removeprefix("sv39: ").strip("\n"))
    return answers


def compare(live: Sequence[str], later: Sequence[str], commands: Sequence[str]) -> None:
    for command, expected, answer in zip(commands, live, later, strict=True):
        assert expected, command
        assert answer == expected, command


SCENARIOS = re.findall(r'\.name = "([\w-]+)"', (ROOT / "kernel_sample/common/scenario.c").read_text(encoding="utf-8"))
# Ten thousand faults say no more here than ten.
COUNTS = {"churn": "churn 10"}


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_at_its_end_the_core_answers_what_the_machine_does(boot: Boot, tmp_path: Path, scenario: str) -> None:
    machine = boot(append=COUNTS.get(scenario, scenario), extra=("-smp", "2"))
    check_compact_core(machine, "end_machine", tmp_path)


@pytest.mark.parametrize("scenario", ["retry", "outside", "recursion"])
def test_in_a_trap_the_core_answers_what_the_machine_does(boot: Boot, tmp_path: Path, scenario: str) -> None:
    check_compact_core(boot(append=scenario), "handle_page_fault", tmp_path)


def check_compact_core(machine: Machine, location: str, directory: Path) -> None:
    core = directory / "small.core"
    live = save(machine, location, core, COMMANDS, "-compact")
    compare(live, ask_shell(core, COMMANDS, "-elf", str(SAMPLE_KERNEL)), COMMANDS)
    compare(live, ask_gdb(GDB, core, COMMANDS), COMMANDS)


@pytest.fixture(scope="module")
def two_harts(tmp_path_factory: pytest.TempPathFactory, sample_kernel: Path) -> tuple[Path, list[str]]:
    """A whole core of two harts, both with paging on, and the answers of the machine that it was."""
    core = tmp_path_factory.mktemp("core") / "two.core"
    commands = (*COMMANDS, *WHOLE_COMMANDS)
    with Machine(sample_kernel, append="smp", extra=("-smp", "2")) as machine:
        return core, save(machine, "handle_page_fault", core, commands)


class TestWholeCore:
    COMMANDS = (*COMMANDS, *WHOLE_COMMANDS)

    def test_in_gdb(self, gdb: str, two_harts: tuple[Path, list[str]]) -> None:
        core, live = two_harts
        compare(live, ask_gdb(gdb, core, self.COMMANDS), self.COMMANDS)

    def test_in_the_shell(self, two_harts: tuple[Path, list[str]]) -> None:
        core, live = two_harts
        compare(live, ask_shell(core, self.COMMANDS, "-elf", str(SAMPLE_KERNEL)), self.COMMANDS)

    def test_gdbs_threads_are_the_harts(self, gdb: str, two_harts: tuple[Path, list[str]]) -> None:
        core, _ = two_harts
        own = ask_gdb(gdb, core, ["thread 2", "sv39 maps", "p/x $satp"])[1]
        named, other = ask_shell(core, ["sv39 maps -hart 1", "sv39 maps -hart 0"], "-elf", str(SAMPLE_KERNEL))
        hart = open_core(core).target.capture.harts[1].number
        assert own == (other, named)[hart]
        assert own != (named, other)[hart]

    def test_plain_gdb_shows_threads_registers_and_memory(self, gdb: str, two_harts: tuple[Path, list[str]]) -> None:
        core, _ = two_harts
        registers = ("satp", "mcause", "mtval", "mepc", "mstatus", "medeleg", "pmpaddr0", "priv", "pc", "sp", "a0")
        commands = [f"p/x ${name}" for name in registers]
        threads, memory, *printed = ask_plain_gdb(
            gdb, core, "info threads", "x/6gx 0x84000000", *commands, "thread 2", *commands
        )
        assert threads.count("process ") == 2
        assert memory == ask_shell(core, ["sv39 x/6gx 0x84000000"])[0]
        first, second = printed[: len(registers)], printed[len(registers) + 1 :]
        for record, values in zip(open_core(core).target.capture.harts, (first, second), strict=True):
            shown = {name: int(text.split()[-1], 16) for name, text in zip(registers, values, strict=True)}
            assert shown == {name: record.registers[name] for name in registers}
            assert shown["satp"] >> 60 == 8

    def test_plain_gdb_takes_it_without_a_warning(self, gdb: str, two_harts: tuple[Path, list[str]]) -> None:
        words = ["-ex", f"core-file {two_harts[0]}", "-ex", "thread apply all info registers float"]
        output = run([gdb, "-nx", "-q", "-batch", *words])
        assert output.count("ft11") == 2
        assert "warning" not in output.lower()

    @pytest.mark.parametrize("letter", "xzduotacf")
    def test_x_prints_what_gdbs_x_prints(self, gdb: str, two_harts: tuple[Path, list[str]], letter: str) -> None:
        core, _ = two_harts
        sizes = {"a": "g", "f": "wg"}.get(letter, "bhwg")
        commands = [f"x/37{letter}{size} {pa:#x}" for size in sizes for pa in (0x80000000, 0x84000003)]
        ours = ask_shell(core, [f"sv39 {command}" for command in commands])
        assert ours == ask_plain_gdb(gdb, core, *commands)


def test_each_hart_has_its_own_satp(gdb: str, boot: Boot, tmp_path: Path) -> None:
    core = tmp_path / "small.core"
    # The scenario has use for one hart; the other one waits in M-mode, with paging off.
    save(boot(extra=("-smp", "2")), "kalloc", core, (), "-compact")
    first, _, second = ask_plain_gdb(gdb, core, "p/x $satp", "thread 2", "p/x $satp")
    assert (first.split()[-1], second.split()[-1]) == ("0x8000000000084000", "0x0")
    walks = ask_shell(core, ["sv39 walk 0x84000000 -hart 0", "sv39 walk 0x84000000 -hart 1"])
    assert "Sv39 asid 0 root 0x84000000 (hart 0)" in walks[0]
    assert "Bare (hart 1)" in walks[1]


def test_symbols_are_those_that_gdb_names(gdb: str, sample_kernel: Path, two_harts: tuple[Path, list[str]]) -> None:
    symbols = ElfSymbols(sample_kernel)
    addresses = [section.start + offset for section in symbols.sections() for offset in range(0, 0x1000, 0x94)]
    commands = [f"output/a (char **) {address}" for address in addresses]
    for address, text in zip(addresses, ask_gdb(gdb, two_harts[0], commands), strict=True):
        symbol = symbols.describe(address)
        assert text == (f"{address:#x} <{symbol}>" if symbol else f"{address:#x}")


def test_what_a_compact_core_leaves_out_is_not_zero(boot: Boot, tmp_path: Path) -> None:
    core = tmp_path / "small.core"
    save(boot(), "stop", core, (), "-compact", "&next_frame")
    with open_core(core, elf=SAMPLE_KERNEL) as opened:
        [kept] = opened.ask("read", "next_frame", 8)
        [missing] = opened.ask("read", 0x8300_0000, 8)
        [device] = opened.ask("read", 0x1000_0000, 1)
    assert (kept["complete"], missing["complete"], device["complete"]) == (True, False, False)
    assert missing["pieces"][0]["unreadable"].startswith("not in this core, which keeps only page tables, stacks")
    assert "not RAM, but the device serial" in device["pieces"][0]["unreadable"]


def test_the_core_of_qemu_and_an_image_of_the_ram(boot: Boot, tmp_path: Path) -> None:
    """What has no satp in it answers with -satp, and `roots` finds the table without."""
    machine = boot(extra=("-smp", "2"))
    stop_at(machine, "stop")
    [live, satp] = debug(machine, "sv39 maps -json", "sv39 satp -json")
    satp_value = satp.json()[0]["satp"]
    core, image = tmp_path / "qemu.core", tmp_path / "ram.bin"
    with Monitor(machine) as monitor:
        monitor.ask(f"dump-guest-memory {core}")
        monitor.ask(f'pmemsave 0x80000000 0x8000000 "{image}"')
    for options in ([str(core)], [str(image), "-base", "0x80000000"]):
        words = [*options, "maps", "-json", "-satp", satp_value, "-elf", str(SAMPLE_KERNEL)]
        found = json.loads(run([sys.executable, "-m", "gdbext", *words]))
        assert found["maps"] == live.json()[0]["maps"]
    with open_core(core, elf=SAMPLE_KERNEL) as opened:
        assert opened.harts == (0, 1)
        assert opened.ask("roots")[0]["roots"][0]["satp"] == satp_value
        assert opened.walk("kalloc", satp=satp_value)["assumed"]
    [in_gdb] = ask_gdb(GDB, core, [f"sv39 maps -json -satp {satp_value}"])
    assert json.loads(in_gdb)["maps"] == live.json()[0]["maps"]


def list_pages(maps: str) -> dict[int, tuple[int, str]]:
    """The pa and the flags of every mapped page, by va, out of the JSON of `maps`."""
    return {
        int(m["va"], 16) + offset: (int(m["pa"], 16) + offset, m["flags"])
        for m in json.loads(maps)["maps"]
        for offset in range(0, m["size"], 0x1000)
    }


@pytest.mark.parametrize("scenario", ["retry", "double", "no-dirty-d"])
def test_diff_is_the_difference_of_the_maps(boot: Boot, tmp_path: Path, scenario: str) -> None:
    machine = boot(append=scenario)
    snapshot = tmp_path / "before"
    stop_at(machine, "kalloc")
    before, _ = debug(machine, "sv39 maps -json", f"sv39 snapshot save {snapshot}")
    stop_at(machine, "end_machine")
    after, diff = debug(machine, "sv39 maps -json", f"sv39 diff {snapshot} -json")
    old, new = list_pages(before.text), list_pages(after.text)
    changed = {
        int(change["va"], 16) + offset: [
            state and (int(state["pa"], 16) + offset, state["flags"]) for state in (change["old"], change["new"])
        ]
        for change in diff.json()[0]["ranges"]
        for offset in range(0, change["size"], 0x1000)
    }
    assert changed
    assert diff.status == 1
    assert changed == {va: [old.get(va), new.get(va)] for va in old.keys() | new.keys() if old.get(va) != new.get(va)}
