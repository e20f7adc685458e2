"""The commands through the other doors of GDB: MI, Python, pipes, aliases, a terminal with colours."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess

from scripts.qemu import PATIENCE, SAMPLE_KERNEL, Machine, gdb_command
from tests.live.conftest import Boot
from tests.live.debugger import debug, stop_at

ESCAPE = re.compile(r"\x1b\[[\d;]*m")


def test_over_mi(finished: Machine) -> None:
    words = gdb_command(finished, [], elf=SAMPLE_KERNEL)
    ran = subprocess.run(
        [words[0], "-i=mi", *words[1:]],
        input=(
            '1-interpreter-exec console "sv39 walk -json $pc"\n'
            '2-interpreter-exec console "sv39 walk nosuch"\n'
            "3-data-evaluate-expression $sv39_status\n"
            "-target-disconnect\n-gdb-exit\n"
        ),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    records = ran.stdout.splitlines()
    streams = [json.loads(record[1:]) for record in records if record.startswith('~"{')]
    assert json.loads("".join(streams))["schema"] == "sv39.walk/1", ran.stdout
    assert "1^done" in records
    assert '2^error,msg="\\"nosuch\\": No symbol \\"nosuch\\" in current context."' in records
    assert '3^done,value="2"' in records


def test_from_python_and_into_a_pipe_and_by_an_alias(finished: Machine) -> None:
    direct, python, pipe, _, alias = debug(
        finished,
        "sv39 walk $pc",
        "python print(gdb.execute('sv39 walk $pc', to_string=True), end='')",
        "pipe sv39 walk $pc | cat",
        "alias translate = sv39 walk",
        "translate $pc",
    )
    assert direct.text == python.text == pipe.text == alias.text
    assert direct.text


def test_colours_are_those_of_gdb_and_change_no_column(finished: Machine) -> None:
    plain = debug(finished, "sv39 walk $pc 0x40000000", "sv39 maps", "sv39 satp")
    commands = ["set style enabled on", "set width 0", "set style address foreground magenta"]
    commands += [*(answer.command for answer in plain), "set style enabled off", "sv39 walk $pc", "disconnect"]
    words = gdb_command(finished, commands, elf=SAMPLE_KERNEL)
    terminal, other_end = pty.openpty()
    with subprocess.Popen(
        [words[0], "-batch", *words[1:]],
        stdin=subprocess.DEVNULL,
        stdout=other_end,
        stderr=subprocess.STDOUT,
        env=os.environ | {"TERM": "xterm"},
    ) as gdb:
        os.close(other_end)
        shown = read_all(terminal)
        assert gdb.wait(PATIENCE) == 0
    expected = "\n".join(answer.text for answer in plain)
    assert expected in ESCAPE.sub("", shown)
    assert "\x1b[35m0x" in shown
    assert ESCAPE.search(shown[shown.rindex("va 0x") :]) is None


def read_all(terminal: int) -> str:
    """What comes out of a terminal until nobody has its other end."""
    content = b""
    try:
        while piece := os.read(terminal, 65536):
            content += piece
    except OSError:
        pass  # The other end is closed.
    finally:
        os.close(terminal)
    return content.decode().replace("\r\n", "\n")


def test_the_selected_thread_and_frame_stay(boot: Boot) -> None:
    machine = boot(append="smp", extra=["-smp", "2"])
    stop_at(machine, "stop")
    where = "python print(gdb.selected_thread().num, gdb.selected_frame().level())"
    commands = [
        "sv39 satp",
        "sv39 walk $pc -hart 1",
        "sv39 why",
        "sv39 maps -hart 1",
        "sv39 tables",
        "sv39 pmp -hart 1",
    ]
    transcript = debug(machine, "thread 1", "up", where, *(line for command in commands for line in (command, where)))
    assert transcript[2].text == "1 1"
    for answer, place in zip(transcript[3::2], transcript[4::2], strict=True):
        assert answer.status in (0, 1), answer
        assert place.text == "1 1", answer.command
