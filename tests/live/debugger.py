"""A GDB in batch as the live tests see it: what each command printed, and what it left behind."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.qemu import PATIENCE, SAMPLE_KERNEL, Machine, gdb_command

REPORT_SCRIPT = Path(__file__).with_name("gdb_report.py")
REPORT = re.compile(r"^@@report (.*)$", re.MULTILINE)
OURS = re.compile(r"sv39(-\w+)* ")


@dataclass(frozen=True)
class Answer:
    """What one command printed, on stdout and stderr in the order in which it came, and what held after it."""

    command: str
    text: str
    status: int | None
    physical: str | None
    breakpoints: tuple[str, ...]

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    def json(self) -> list[Any]:
        """Every line of the answer, decoded."""
        assert all(line.startswith("{") for line in self.lines), f"{self.command} answers\n{self.text}"
        return [json.loads(line) for line in self.lines]


class Transcript(Sequence[Answer]):
    """The answers of one GDB, in order; as text, all that it printed."""

    def __init__(self, commands: Sequence[str], output: str) -> None:
        self.output = output
        texts = REPORT.split(output)
        # Before the first report: the greeting, and what loading and connecting print.
        self.opening = texts[0].strip("\n")
        assert len(texts) == 2 * len(commands) + 3, f"GDB did not come to its end:\n{output}"
        self._answers = tuple(self._iter_answers(commands, texts))

    @staticmethod
    def _iter_answers(commands: Sequence[str], texts: Sequence[str]) -> Iterator[Answer]:
        for number, command in enumerate(commands):
            report = json.loads(texts[2 * number + 3])
            text = texts[2 * number + 2].strip("\n")
            yield Answer(command, text, report["status"], report["physical"], tuple(report["breakpoints"]))

    def __getitem__(self, index: Any) -> Any:
        return self._answers[index]

    def __len__(self) -> int:
        return len(self._answers)

    def __str__(self) -> str:
        return self.output

    def check(self, *, keeps_breakpoints: bool = False) -> None:
        """Nothing is left behind: the stub reads virtual memory again, and no breakpoint has come with our commands."""
        before: tuple[str, ...] = ()
        for answer in self:
            assert answer.physical in ("0", None), f"{answer.command} leaves PhyMemMode {answer.physical}\n{self}"
            if OURS.match(answer.command) and not keeps_breakpoints:
                added = set(answer.breakpoints) - set(before)
                assert not added, f"{answer.command} leaves the breakpoints {added}\n{self}"
            before = answer.breakpoints


def command_line(machine: Machine | None, commands: Sequence[str], *, elf: Path | None = SAMPLE_KERNEL) -> list[str]:
    """The command line of a batch GDB that reports after each of `commands`; one of several lines is reported once."""
    lines = [f"source {REPORT_SCRIPT}", "python report()"]
    for command in commands:
        lines += [*command.splitlines(), "python report()"]
    if machine is not None:
        # Leaving without it would let the machine run.
        lines.append("disconnect")
    words = gdb_command(machine, lines, elf=elf)
    return [words[0], "-batch", *words[1:]]


def debug(
    machine: Machine | None,
    *commands: str,
    elf: Path | None = SAMPLE_KERNEL,
    keeps_breakpoints: bool = False,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    patience: int = PATIENCE,
) -> Transcript:
    """Run `commands` in a fresh batch GDB with the extension, on `machine` where one is given; it stays as it is then.

    Fails when GDB dies, when a command leaves PhyMemMode on, and, unless the test says that it `keeps_breakpoints`,
    when one of ours leaves a breakpoint.
    """
    ran = subprocess.run(
        command_line(machine, commands, elf=elf),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=patience,
        check=False,
        cwd=cwd,
        env=env,
    )
    transcript = Transcript(commands, ran.stdout)
    transcript.check(keeps_breakpoints=keeps_breakpoints)
    return transcript


def stop_at(machine: Machine, location: str) -> None:
    """Let `machine` run to `location` and leave it stopped there, with no debugger on it."""
    transcript = debug(machine, f"hbreak {location}", "continue")
    assert "Breakpoint 1, " in transcript[1].text, f"the kernel never came to {location}:\n{transcript}"
