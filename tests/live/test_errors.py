"""Questions that have no answer end in exactly one clear line, status 2, and a target as it was."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from scripts.qemu import Machine
from tests.live.conftest import Boot, need
from tests.live.debugger import Answer, debug, stop_at

COMMANDS = ("sv39 satp", "sv39 walk 0x80000000", "sv39 maps", "sv39 tree", "sv39 tables", "sv39 why")


def check_one_line(answer: Answer, *words: str) -> None:
    """One line that holds `words`, and the status that says that the question was wrong."""
    assert len(answer.lines) == 1, f"{answer.command} answers\n{answer.text}"
    assert answer.status == 2, f"{answer.command} sets {answer.status}"
    for word in words:
        assert word in answer.text, f"{answer.command} answers\n{answer.text}"


def test_words_that_make_no_sense(finished: Machine) -> None:
    expected = {
        "sv39 walk": ["VA", 'see "help sv39 walk"'],
        "sv39 walk 12zz": ['"12zz"', "Invalid number"],
        "sv39 walk 0x": ['"0x"', "Invalid number"],
        "sv39 walk nosuch": ['No symbol "nosuch"'],
        "sv39 walk &nosuch": ['No symbol "nosuch"'],
        "sv39 walk $nosuch": ["$nosuch", "void"],
        "sv39 walk 3.5": ["floating-point"],
        "sv39 walk (1": ['"(1"'],
        "sv39 walk *(long*)0x10": ["Cannot access memory at address 0x10"],
        "sv39 walk 0 -priv X": ["-priv", "'X'", "'S', 'U'"],
        "sv39 walk 0 -access": ["-access", "expected one argument"],
        "sv39 walk 0 -sum 2": ["-sum", "'2'"],
        "sv39 walk 0 -nosuch": ["-nosuch"],
        "sv39 walk 0 -hart 7": ["no hart 7", "hart 0"],
        "sv39 walk 0 -hart nosuch": ["nosuch"],
        "sv39 walk 0 -root 0x84000001": ["0x84000001", "aligned"],
        "sv39 walk 0 -root 0xfff0000000000000": ["0xfff0000000000000", "56 bits"],
        "sv39 walk 0 -root 0x84000000 -satp 0": ["-satp", "-root", "exclude"],
        "sv39 walk 0 -satp 0x7000000000084000": ["0x7000000000084000", "reserved"],
        "sv39 walk 0 -mode sv48": ["-mode", "-root"],
        "sv39 walk 0 -root 0 -mode sv32": ["-mode", "'sv32'"],
        "sv39 walk 0 -output /nonexistent/file": ["/nonexistent/file", "No such file"],
        "sv39 walk 0 -output /": ["/"],
        "sv39 satp 1 2": ["2"],
        "sv39 satp -hart 7": ["no hart 7"],
        "sv39 maps 5": ["5"],
        "sv39 maps -perm q": ["q"],
        "sv39 maps -from nosuch": ["nosuch"],
        "sv39 maps -satp 0": ["Bare"],
        "sv39 why 5": ["5"],
        "sv39 why -level u": ["-level", "'u'"],
        "sv39 nosuch": ['"nosuch"', "walk"],
    }
    for answer, words in zip(debug(finished, *expected), expected.values(), strict=True):
        check_one_line(answer, *words)


def test_what_was_answered_before_the_error_stays_and_the_status_is_of_the_last_command(finished: Machine) -> None:
    good, bad, good_again = debug(finished, "sv39 walk $pc", "sv39 walk nosuch", "sv39 walk $pc")
    assert (good.status, bad.status, good_again.status) == (0, 2, 0)
    assert good.text == good_again.text


def test_without_a_target() -> None:
    for answer in debug(None, *COMMANDS):
        check_one_line(answer, "no target", "target remote")
    values = debug(None, "sv39 satp 0x8000000000084000", elf=None)[0]
    assert (values.text, values.status) == ("0x8000000000084000  Sv39 asid 0 root 0x84000000", 0)


def test_a_program_that_is_not_risc_v() -> None:
    true = shutil.which("true")
    assert true is not None
    need(true)
    transcript = debug(None, "starti", *COMMANDS, elf=Path(true).resolve())
    if "Program stopped." not in transcript[0].text:
        pytest.skip(f"no process of this machine can be debugged: {transcript[0].text}")
    for answer in transcript[1:]:
        check_one_line(answer, "riscv")


def test_another_architecture_is_set(finished: Machine) -> None:
    transcript = debug(finished, "set architecture riscv:rv32", *COMMANDS, "set architecture riscv:rv64", "sv39 satp")
    for answer in transcript[1:-2]:
        check_one_line(answer, "rv32")
    assert transcript[-1].status == 0


def test_a_target_that_is_gone_is_no_target(boot: Boot) -> None:
    machine = boot()
    transcript = debug(machine, "sv39 satp", "kill", *COMMANDS)
    assert transcript[0].status == 0
    for answer in transcript[2:]:
        check_one_line(answer, "no target")


@pytest.mark.parametrize("transport", ["auto", "stub"])
@pytest.mark.parametrize("command", COMMANDS)
def test_a_machine_that_died_since_the_last_command(boot: Boot, transport: str, command: str) -> None:
    machine = boot()
    stop_at(machine, "stop")
    pid = machine.process.pid
    kill = f"shell kill -9 {pid}; until grep -q '^State:.*Z' /proc/{pid}/status; do :; done"
    transcript = debug(machine, f"set sv39 transport {transport}", "sv39 walk $pc", f"{kill}\n{command}", command)
    assert transcript[1].status == 0
    check_one_line(transcript[2], "the target went away")
    check_one_line(transcript[3], "no target")


def test_tables_in_no_memory_are_an_answer(finished: Machine) -> None:
    walk, maps, walk_of_pointer = debug(
        finished,
        "sv39 walk -json 0 -root 0x12345000",
        "sv39 maps -json -root 0x12345000",
        "sv39 walk -json 0 -root 0x10000000",
    )
    assert walk.json()[0]["verdict"]["S"]["load"]["cause"] == 5
    assert walk.status == 1
    assert maps.json()[0]["complete"] is False
    assert maps.json()[0]["unreadable"] == [{"pa": "0x12345000", "level": 2, "va": "0x0"}]
    assert maps.status == 3
    assert "device" in walk_of_pointer.json()[0]["rule"]


def test_any_page_as_root_ends_in_an_answer(boot: Boot) -> None:
    machine = boot()
    page = 0x8600_0000
    numbers = random.Random(39)
    contents = {
        "random": numbers.randbytes(4096),
        "ones": b"\xff" * 4096,
        # Every entry points to the table itself.
        "itself": (page >> 12 << 10 | 1).to_bytes(8, "little") * 512,
        # Pointers to random places, some of them in RAM.
        "pointers": b"".join((numbers.getrandbits(28) >> 2 << 10 | 1).to_bytes(8, "little") for _ in range(512)),
    }
    commands = []
    for content in contents.values():
        words = ",".join(str(int.from_bytes(content[i : i + 8], "little")) for i in range(0, 4096, 8))
        commands += [
            f"python import struct; gdb.selected_inferior().write_memory({page}, struct.pack('<512Q', {words}))",
            *(f"sv39 {command} -root {page}" for command in ("walk 0 -8 0x123456789", "maps", "tree", "tables")),
        ]
    for answer in debug(machine, *commands):
        if answer.command.startswith("sv39"):
            assert answer.status in (0, 1, 3), f"{answer.command}\n{answer.text[-2000:]}"
            assert "Traceback" not in answer.text
            assert answer.text
