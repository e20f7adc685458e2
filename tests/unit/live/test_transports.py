"""Choosing a transport, proving it, and falling back, on a machine that is a file and some answers."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest

from gdbext.errors import TransportUnavailable
from gdbext.live.transports import AUTO, FILE, PROCESS, STUB, Transport
from gdbext.riscv.paging import PAGE_SIZE

RAM = 0x8000_0000
PAGES = 64
HVA = 0x7F00_0000_0000


class Qemu:
    """Answers as QEMU's monitor and stub do. Its RAM is `content`, which a test may have differ from the file's."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.content = bytearray(b"".join(page.to_bytes(2, "little") * (PAGE_SIZE // 2) for page in range(PAGES)))
        self.path.write_bytes(self.content)
        self.region = "ram"
        self.backends = {"ram": {"mem-path": f'"{path}"', "share": "true"}}
        self.hva = HVA
        self.questions: list[str] = []

    def monitor(self, question: str) -> str:
        self.questions.append(question)
        command, *words = question.split()
        if command == "info":
            end = RAM + PAGES * PAGE_SIZE - 1
            return f'FlatView #0\n AS "memory", root: system\n  {RAM:016x}-{end:016x} (prio 0, ram): {self.region}'
        if command == "qom-list":
            return "type (string)\n" + "\n".join(f"{name} (child<memory-backend-file>)" for name in self.backends)
        if command == "qom-get":
            name = words[0].removeprefix("/objects/")
            return self.backends[name].get(words[1], f"Error: Property 'memory-backend-file.{words[1]}' not found")
        if command == "gpa2hva":
            pa = int(words[0], 16)
            return f"Host virtual address for {pa:#x} ({self.region}) is {self.hva + pa - RAM:#x}"
        assert command == "xp"
        pa = int(words[1], 16)
        values = [self.read(pa + 8 * index, 8) for index in range(int(words[0][1:-2]))]
        lines = [values[index : index + 2] for index in range(0, len(values), 2)]
        return "\n".join(
            f"{pa + 16 * number:016x}: " + " ".join(f"0x{int.from_bytes(value, 'little'):016x}" for value in line)
            for number, line in enumerate(lines)
        )

    def read(self, pa: int, size: int) -> bytes:
        return bytes(self.content[pa - RAM : pa - RAM + size])

    def physical(self) -> AbstractContextManager[None]:
        return nullcontext()

    def page(self, number: int) -> bytes:
        return self.read(RAM + number * PAGE_SIZE, PAGE_SIZE)


@pytest.fixture
def qemu(tmp_path: Path) -> Qemu:
    return Qemu(tmp_path / "ram")


def connect(qemu: Qemu, wanted: str = AUTO) -> Transport:
    return Transport(qemu, "/nowhere", wanted)


def test_file_is_chosen_and_read(qemu: Qemu) -> None:
    transport = connect(qemu)
    assert str(qemu.path) in transport.describe()
    assert transport.read(RAM + 0x1001, 5) == qemu.read(RAM + 0x1001, 5)
    pas = [RAM + number * PAGE_SIZE for number in (5, 0, PAGES - 1, 5)]
    assert transport.read_pages(pas) == [qemu.page(number) for number in (5, 0, PAGES - 1, 5)]


def test_outside_the_file_the_stub_is_asked(qemu: Qemu) -> None:
    transport = connect(qemu)
    assert transport.read(0x1000, 8) is None
    assert transport.read(RAM + PAGES * PAGE_SIZE - 4, 8) is None
    assert transport.read_pages([0x1000, RAM, RAM + PAGES * PAGE_SIZE]) == [None, qemu.page(0), None]
    assert transport.take_notes() == []


def test_a_part_of_a_backend_lies_at_its_offset(qemu: Qemu) -> None:
    qemu.region = "ram @0000000000002000"
    qemu.path.write_bytes(bytes(2 * PAGE_SIZE) + qemu.content)
    assert connect(qemu).read_pages([RAM]) == [qemu.page(0)]


def test_a_backend_may_begin_within_its_file(qemu: Qemu) -> None:
    qemu.backends["ram"]["offset"] = "4096"
    qemu.path.write_bytes(bytes(PAGE_SIZE) + qemu.content)
    assert connect(qemu).read_pages([RAM]) == [qemu.page(0)]


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("share", "false", "share=on"),
        ("mem-path", '"ram"', "relative"),
        ("mem-path", '"/nowhere/ram"', "No such file"),
        ("mem-path", '"/tmp"', "reading"),
    ],
)
def test_why_not_the_file(qemu: Qemu, name: str, value: str, reason: str) -> None:
    qemu.backends["ram"][name] = value
    transport = connect(qemu)
    assert transport.memory is None
    assert reason in transport.describe()
    assert "the process: " in transport.describe()
    with pytest.raises(TransportUnavailable, match=reason):
        connect(qemu, FILE).read(RAM, 8)


def test_ram_that_is_no_file(qemu: Qemu) -> None:
    qemu.backends = {}
    assert "no memory-backend-file" in connect(qemu).describe()


def test_another_machines_file_is_refused(qemu: Qemu) -> None:
    qemu.content[PAGE_SIZE + 9] ^= 1
    transport = connect(qemu)
    assert transport.memory is None
    assert "differs" in transport.describe()


def test_the_users_choice_is_kept(qemu: Qemu) -> None:
    assert connect(qemu, STUB).read(RAM, 8) is None
    with pytest.raises(TransportUnavailable, match="process"):
        connect(qemu, PROCESS).read(RAM, 8)


def test_one_check_a_stop(qemu: Qemu) -> None:
    transport = connect(qemu)
    transport.read(RAM, 8)
    qemu.questions.clear()
    transport.read_pages([RAM, RAM + PAGE_SIZE])
    transport.read(RAM + 5 * PAGE_SIZE, 8)
    assert qemu.questions == []
    transport.forget()
    transport.read(RAM, 8)
    assert [question.split()[0] for question in qemu.questions] == ["gpa2hva", "xp"]


def changed_memory(qemu: Qemu) -> None:
    qemu.content[3 * PAGE_SIZE] ^= 1


def moved_ram(qemu: Qemu) -> None:
    qemu.hva += PAGE_SIZE


def truncated_file(qemu: Qemu) -> None:
    os.truncate(qemu.path, PAGE_SIZE)


@pytest.mark.parametrize("accident", [changed_memory, moved_ram, truncated_file])
def test_what_stops_working_gives_place_to_the_stub_with_one_note(qemu: Qemu, accident) -> None:  # type: ignore[no-untyped-def]
    transport = connect(qemu)
    pas = [RAM + 3 * PAGE_SIZE, RAM]
    assert transport.read_pages(pas) == [qemu.page(3), qemu.page(0)]
    accident(qemu)
    transport.forget()
    assert transport.read_pages(pas) == [None, None]
    assert transport.read(RAM, 8) is None
    (note,) = transport.take_notes()
    assert str(qemu.path) in note
    transport.forget()
    assert transport.read_pages(pas) == [None, None]
    assert transport.take_notes() == []
    assert note.rpartition("not from ")[2] in transport.describe()


def test_a_file_that_shrinks_after_the_check(qemu: Qemu) -> None:
    transport = connect(qemu)
    assert transport.read_pages([RAM]) == [qemu.page(0)]
    truncated_file(qemu)
    assert transport.read_pages([RAM, RAM + 2 * PAGE_SIZE]) == [None, None]
    assert len(transport.take_notes()) == 1


def test_a_new_choice_after_a_fall_back(qemu: Qemu) -> None:
    transport = connect(qemu)
    truncated_file(qemu)
    assert transport.read(RAM + PAGE_SIZE, 8) is None
    qemu.path.write_bytes(qemu.content)
    transport.choose(AUTO)
    assert transport.read(RAM, 8) == qemu.read(RAM, 8)


def test_descriptors_are_given_back(qemu: Qemu) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        transport = connect(qemu)
        transport.read(RAM, 8)
        transport.choose(STUB)
        qemu.content[0] ^= 1
        assert connect(qemu).memory is None
        qemu.content[0] ^= 1
    assert len(os.listdir("/proc/self/fd")) == before
