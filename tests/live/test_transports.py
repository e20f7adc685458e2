"""Where physical memory comes from: the same bytes by every way, and none of another machine."""

from __future__ import annotations

import hashlib
import json
import os
import random
import selectors
import shutil
import socket
import threading
from pathlib import Path

import pytest

from scripts.qemu import Machine
from tests.live.conftest import Boot
from tests.live.debugger import Answer, debug

TRANSPORTS = ("file", "process", "stub")
READ_MEMORY = Path(__file__).with_name("gdb_read_memory.py")
RAM = 0x8000_0000
RAM_MIB = 8
ROM = 0x1000
UART = 0x1000_0000
NOTHING = 0x7000_0000_0000
WHERE = "show sv39 transport"
# Puts other bytes behind the descriptor of whatever transport is in use, as if its memory were another machine's.
SWAP = (
    "python import os; from gdbext.live.target import find_target; "
    "os.dup2(os.open('/dev/zero', os.O_RDONLY), find_target().transport.memory.windows[-1].descriptor)"
)


def fill_ram(machine: Machine) -> None:
    """Random bytes, but for a few holes, in RAM that no guest has used yet."""
    numbers = random.Random(39)
    with machine.ram.open("r+b") as ram:
        for start in range(0, RAM_MIB << 20, 1 << 20):
            ram.seek(start)
            ram.write(numbers.randbytes((1 << 20) - 0x3000))


def last_note(answer: Answer) -> list[str]:
    return [line for line in answer.lines if "over the stub from now on" in line]


def test_every_transport_reads_the_same_bytes(boot: Boot) -> None:
    machine = boot(None, ram_mib=RAM_MIB)
    fill_ram(machine)
    end = RAM + (RAM_MIB << 20)
    ranges = [(RAM, 1 << 20), (RAM + 0xFFFE3, 0x2001), (end - 0x5000, 0x5000), (end - 0x800, 0x1000), (ROM, 0x1000)]
    ranges += [(UART, 1), (NOTHING, 8), (end, 8), (RAM + 0x1000, 0)]
    commands = [f'set $sv39_ranges = "{json.dumps(ranges)}"', f"source {READ_MEMORY}"]
    answers = debug(machine, *commands, elf=None)[1].json()[0]
    assert answers["file"] == answers["process"] == answers["stub"] == answers["auto"]
    content = machine.ram.read_bytes()
    assert answers["file"][0][0] == hashlib.sha256(content[: 1 << 20]).hexdigest()
    whole = [answer for answer, _ in answers["file"]]
    assert ["cannot be read" in answer for answer in whole] == [False] * 3 + [True, False] + [True] * 3 + [False]


def test_every_transport_gives_the_same_answers_at_every_stop(boot: Boot) -> None:
    asked = ("sv39 maps", "sv39 walk 0x84000000 0x84010000 0xc0000000", "sv39 tables", "sv39 maps -json")
    answers = {}
    for transport in TRANSPORTS:
        stops = ("hbreak supervisor_main", "continue", *asked, "hbreak stop", "continue", *asked)
        transcript = debug(boot(append="double"), f"set sv39 transport {transport}", *stops, keeps_breakpoints=True)
        answers[transport] = [(a.text, a.status) for a in transcript if a.command in asked]
        assert answers[transport][0] != answers[transport][len(asked)]
    assert answers["file"] == answers["process"] == answers["stub"]


def test_the_file_comes_first(machine: Machine) -> None:
    [answer] = debug(machine, WHERE)
    assert str(machine.ram) in answer.text
    assert "Not" not in answer.text


def test_without_a_file_the_process(boot: Boot) -> None:
    machine = boot(ram_file=False)
    answer, refused, _ = debug(machine, WHERE, "set sv39 transport file", "sv39 walk 0x80000000 -root 0x80000000")
    assert f"the process {machine.process.pid}" in answer.text
    assert "Not the file" in answer.text
    assert refused.text == ""


def test_a_choice_that_cannot_be_had_is_refused(boot: Boot) -> None:
    commands = ("set sv39 transport file", "sv39 walk 0x80000000 -root 0x80000000", "set sv39 transport auto")
    _, refused, _, answered = debug(boot(ram_file=False), *commands, "sv39 walk 0x80000000 -root 0x80000000")
    assert (refused.status, len(refused.lines)) == (2, 1)
    assert "the transport file cannot be used" in refused.text
    assert answered.status in (0, 1)


def test_a_file_that_took_the_place_of_qemus_is_refused(machine: Machine) -> None:
    copy = machine.ram.with_suffix(".copy")
    shutil.copy(machine.ram, copy)
    copy.replace(machine.ram)
    [answer] = debug(machine, WHERE)
    assert f"the process {machine.process.pid}" in answer.text
    assert "is not the file that QEMU has mapped" in answer.text


@pytest.mark.parametrize("transport", ["file", "process"])
def test_other_memory_gives_place_to_the_stub_with_one_note(machine: Machine, transport: str) -> None:
    asked = "sv39 maps -root 0x84000000"
    stops = ("hbreak supervisor_main", "continue", f"set sv39 transport {transport}", asked, SWAP)
    commands = (*stops, "stepi", asked, asked, WHERE, f"set sv39 transport {transport}", asked)
    answers = debug(machine, *commands, keeps_breakpoints=True)
    *_, first, _, _, noted, again, where, _, anew = answers
    assert first.status == 0
    assert len(last_note(noted)) == 1
    assert noted.text.replace(last_note(noted)[0], "").strip() == first.text == again.text == anew.text
    assert "the stub" in where.text
    assert "differs" in where.text


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_condition_sees_what_was_written_between_two_stops_of_which_gdb_does_not_tell(
    boot: Boot, transport: str
) -> None:
    """The first fault is for the page after those of `supervisor_main`; at the next trap it is mapped."""
    page = "0x84006000"
    answers = debug(
        boot(append="churn 20"),
        f"set sv39 transport {transport}",
        "hbreak supervisor_main",
        "continue",
        f"print $sv39_mapped({page})",
        f"hbreak machine_trap_entry if $sv39_mapped({page})",
        "continue",
        f"print $mtval == {page}",
        f"print $sv39_mapped({page})",
        keeps_breakpoints=True,
    )
    assert [answers[index].text.partition(" = ")[2] for index in (3, 6, 7)] == ["0", "0", "1"]


class Relay:
    """A process, this one, between GDB and QEMU: the peer of the connection is not the machine."""

    def __init__(self, machine: Machine) -> None:
        self.path = machine.directory / "relay"
        self._stub = machine.stub
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.path))
        self._listener.listen()
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        near, _ = self._listener.accept()
        with near, socket.socket(socket.AF_UNIX) as far, selectors.DefaultSelector() as selector:
            far.connect(str(self._stub))
            selector.register(near, selectors.EVENT_READ, far)
            selector.register(far, selectors.EVENT_READ, near)
            while True:
                for key, _ in selector.select():
                    source = key.fileobj
                    assert isinstance(source, socket.socket)
                    data = source.recv(1 << 16)
                    if not data:
                        return
                    key.data.sendall(data)


def test_memory_of_a_process_that_is_not_the_machine_is_refused(machine: Machine) -> None:
    asked = "sv39 walk 0x80000000 -root 0x80000000"
    plain = debug(machine, "set sv39 transport stub", asked)[-1]
    relay = Relay(machine)
    machine.stub = relay.path
    where, answer = debug(machine, WHERE, asked)
    assert "the stub" in where.text
    assert "is not the file that QEMU has mapped" in where.text
    assert f"/proc/{os.getpid()}" in where.text or "failed" in where.text
    assert answer.text == plain.text
