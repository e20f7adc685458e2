"""Ctrl-C, and a machine that dies, in the middle of a command: one line at most, and nothing left behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer

import pytest

from scripts.qemu import PATIENCE, Machine
from tests.live.conftest import Boot
from tests.live.debugger import Transcript, command_line, debug, stop_at

INTERRUPT_SCRIPT = Path(__file__).with_name("gdb_interrupt.py")
ROUNDS = 8
TRANSPORTS = ("auto", "stub")
# The kernel's tables are small: listing them over and over is what keeps a command under way.
LOOPS = {
    "maps": "sv39 maps",
    "walk": "sv39 walk " + "0x80000000 0x90000000 0x40000000 " * 40,
    "tables": "sv39 tables",
    "why": "sv39 why",
    "condition": "if $sv39_mapped($pc)\necho mapped\\n\nend",
}


@contextmanager
def start_gdb(machine: Machine, commands: list[str]) -> Iterator[subprocess.Popen[str]]:
    """A GDB that runs `commands` while the test watches what it prints."""
    with subprocess.Popen(
        command_line(machine, commands),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        bufsize=1,
        start_new_session=True,
    ) as gdb:
        watchdog = _Watchdog(gdb)
        try:
            yield gdb
        finally:
            watchdog.stop()
            gdb.kill()


class _Watchdog:
    """Kills a GDB that hangs, so that the test fails with what it has printed instead of hanging too."""

    def __init__(self, gdb: subprocess.Popen[str]) -> None:
        self._timer = Timer(PATIENCE, gdb.kill)
        self._timer.start()

    def stop(self) -> None:
        self._timer.cancel()


def write_loop(directory: Path, command: str) -> str:
    """GDB's command to run `command` until it is interrupted."""
    path = directory / "loop.gdb"
    path.write_text(f"while 1\n{command}\nend\n", encoding="utf-8")
    return f"source {path}"


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("loop", LOOPS)
def test_ctrl_c_leaves_nothing_behind(boot: Boot, tmp_path: Path, loop: str, transport: str) -> None:
    machine = boot()
    stop_at(machine, "stop")
    commands = [f"set sv39 transport {transport}", *[write_loop(tmp_path, LOOPS[loop])] * ROUNDS, "sv39 walk $pc"]
    printed = []
    with start_gdb(machine, commands) as gdb:
        assert gdb.stdout is not None
        lines_of_round = 0
        rounds = -2
        for line in gdb.stdout:
            printed.append(line)
            lines_of_round += 1
            if line.startswith("@@report"):
                rounds += 1
                lines_of_round = 0
            elif 0 <= rounds < ROUNDS and lines_of_round == 5 + rounds * 7:
                # Each round is caught at another line, and so at another place.
                os.kill(gdb.pid, signal.SIGINT)
    transcript = Transcript(commands, "".join(printed))
    transcript.check()
    for answer in transcript[1:-1]:
        assert answer.lines[-1] in ("Quit", "Python Exception <class 'KeyboardInterrupt'>: "), answer.text[-2000:]
        assert "Traceback" not in answer.text
    assert transcript[-1].status == 0


@pytest.mark.parametrize("loop", ["maps", "walk", "tables"])
def test_a_machine_killed_in_the_middle(boot: Boot, tmp_path: Path, loop: str) -> None:
    # Over the stub, since the file that was its RAM outlives a machine.
    machine = boot()
    stop_at(machine, "stop")
    commands = ["set sv39 transport stub", write_loop(tmp_path, LOOPS[loop]), "sv39 maps"]
    printed = []
    with start_gdb(machine, commands) as gdb:
        assert gdb.stdout is not None
        for line in gdb.stdout:
            printed.append(line)
            if len(printed) == 100:
                machine.process.kill()
    transcript = Transcript(commands, "".join(printed))
    transcript.check()
    killed, after = transcript[1:]
    assert "the target went away" in killed.lines[-1], killed.text[-2000:]
    assert killed.text.count("went away") == 1
    assert killed.status == 2
    assert "no target" in after.text


def test_ctrl_c_at_any_line_leaves_nothing_behind(boot: Boot) -> None:
    machine = boot()
    # A root table where the kernel maps nothing: the right answer takes physical reads.
    debug(machine, "set {long}0x86000000 = 0x20000001", "set {long}0x86000008 = 0xcf")
    stop_at(machine, "stop")
    walk = "sv39 walk 0x1234 0x40000000 -root 0x86000000 -priv S -access load"
    [_, _, answer] = debug(
        machine, "set sv39 transport stub", f"source {INTERRUPT_SCRIPT}", f"python interrupt_everywhere({walk!r})"
    )
    assert re.fullmatch(r"interrupted \d{3,}", answer.text), answer.text
