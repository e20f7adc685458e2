"""Runs inside GDB: times our commands, a raw read of the same tables, a plain script, and QEMU's `info mem`.

GDB connects, then sources this with $bench_job naming a file of JSON; the answer is written beside it.
"""

from __future__ import annotations

import json
import os
import re
import socket
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import gdb

PAGE_SIZE = 4096
ENTRIES = 512
PACKET_SIZE = 0x800
FAST_TRANSPORT = "file"
PROMPT = b"(qemu) "
WALK_LINE = re.compile(r"pte @(0x[0-9a-f]+)")


class Monitor:
    """QEMU's monitor on its own socket."""

    def __init__(self, path: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(path)
        self._read_answer()

    def ask(self, question: str) -> bytes:
        self._socket.sendall(question.encode() + b"\n")
        return self._read_answer()

    def _read_answer(self) -> bytes:
        answer = bytearray()
        while not answer.endswith(PROMPT):
            answer += self._socket.recv(1 << 20)
        return bytes(answer)


class RawReader:
    """Reads physical memory in the least that each transport takes: the floor under everything else."""

    def __init__(self, transport: str, job: dict[str, Any]) -> None:
        self.is_stub = transport == "stub"
        if self.is_stub:
            self._connection = gdb.selected_inferior().connection
        else:
            path = job["ram"] if transport == "file" else f"/proc/{job['pid']}/mem"
            answer = gdb.execute(f"monitor gpa2hva {job['ram_base']:#x}", to_string=True)
            self._shift = -job["ram_base"] if transport == "file" else int(answer.split()[-1], 16) - job["ram_base"]
            self._descriptor = os.open(path, os.O_RDONLY)

    def read(self, places: list[tuple[int, int]]) -> list[bytes]:
        """The `size` bytes at each (pa, size)."""
        if not self.is_stub:
            return [os.pread(self._descriptor, size, pa + self._shift) for pa, size in places]
        send = self._connection.send_packet
        send("Qqemu.PhyMemMode:1")
        found = [
            b"".join(
                bytes.fromhex(send(f"m{start:x},{min(size, PACKET_SIZE):x}").decode())
                for start in range(pa, pa + size, PACKET_SIZE)
            )
            for pa, size in places
        ]
        send("Qqemu.PhyMemMode:0")
        return found


def plain_script(root_pa: int) -> None:
    """The listing that anyone would write: recursive, PTE by PTE, merging as it goes."""
    inferior = gdb.selected_inferior()
    runs: list[list[int]] = []

    def visit(table_pa: int, level: int, base: int) -> None:
        page = bytes(inferior.read_memory(table_pa, PAGE_SIZE))
        for index in range(ENTRIES):
            pte = int.from_bytes(page[index * 8 : index * 8 + 8], "little")
            if not pte & 1:
                continue
            size = PAGE_SIZE << 9 * level
            va = base + index * size
            pa = (pte >> 10 & (1 << 44) - 1) << 12
            flags = pte & 0xFE
            if not pte & 0xE:
                visit(pa, level - 1, va)
            elif runs and runs[-1][0] + runs[-1][2] == va and runs[-1][1] + runs[-1][2] == pa and runs[-1][3] == flags:
                runs[-1][2] += size
            else:
                runs.append([va, pa, size, flags])

    gdb.execute("maintenance packet Qqemu.PhyMemMode:1", to_string=True)
    gdb.execute("maintenance flush dcache", to_string=True)
    visit(root_pa, 2, 0)
    gdb.execute("maintenance packet Qqemu.PhyMemMode:0", to_string=True)
    for va, pa, size, flags in runs:
        start = va | ((1 << 64) - 1) & ~((1 << 39) - 1) if va >> 38 else va
        letters = "".join(letter if flags >> bit & 1 else "-" for bit, letter in enumerate("rwxugad", 1))
        print(f"{start:#018x}-{start + size:#018x} {pa:#018x} {size:#10x} {letters}")


class Work(NamedTuple):
    """Something that is timed; `prepare` is not."""

    name: str
    run: Callable[[], object]
    prepare: Callable[[], object]
    most_rounds: int


def iter_works(space: dict[str, Any], job: dict[str, Any], monitor: Monitor) -> Iterator[Work]:
    """All that is measured on one address space."""
    repeat = space["repeat"]
    few = min(repeat, 3)
    pages = [(pa, PAGE_SIZE) for pa in space["table_pas"]]
    walk = f"sv39 walk {space['mapped_va']:#x}"

    def stop() -> None:
        """As after a stop: a changed register drops all that was read."""
        gdb.execute(f"set $satp = {space['satp']:#x}")

    def use(transport: str) -> None:
        gdb.execute(f"set sv39 transport {transport}")
        gdb.execute("show sv39 transport", to_string=True)
        stop()

    def forget_tables() -> None:
        """As when these tables have never been listed."""
        use(FAST_TRANSPORT)
        gdb.execute("python import gdbext.tables.scan; gdbext.tables.scan.forget_tables()")

    def answer(command: str) -> Callable[[], object]:
        return lambda: gdb.execute(command)

    def read_and_print(reader: RawReader, ptes: list[tuple[int, int]], text: str) -> None:
        reader.read(ptes)
        gdb.write(text)

    stop()
    yield Work("info mem", partial(monitor.ask, "info mem"), stop, repeat)
    if space["plain"]:
        yield Work("plain script", partial(plain_script, space["root_pa"]), stop, few)
    yield Work("first maps", answer("sv39 maps"), forget_tables, repeat)
    text = gdb.execute(walk, to_string=True)
    ptes = [(int(pte_pa, 16), 8) for pte_pa in WALK_LINE.findall(text)]
    for transport in job["transports"]:
        reader = RawReader(transport, job)
        rounds = few if reader.is_stub else repeat
        yield Work(f"maps {transport}", answer("sv39 maps"), partial(use, transport), rounds)
        yield Work(f"raw {transport}", partial(reader.read, pages), stop, rounds)
        yield Work(f"walk {transport}", answer(walk), partial(use, transport), repeat)
        yield Work(f"walk again {transport}", answer(walk), lambda: None, repeat)
        yield Work(f"raw walk {transport}", partial(read_and_print, reader, ptes, text), lambda: None, repeat)


def measure_space(space: dict[str, Any], job: dict[str, Any], monitor: Monitor) -> dict[str, list[float]]:
    """The times in milliseconds by work, which takes turns: what slows the machine down slows all of it down."""
    works = list(iter_works(space, job, monitor))
    times: dict[str, list[float]] = {work.name: [] for work in works}
    for turn in range(space["repeat"]):
        for work in works:
            if turn < work.most_rounds:
                work.prepare()
                start = time.perf_counter()
                work.run()
                times[work.name].append((time.perf_counter() - start) * 1000)
    return times


def main() -> None:
    path = Path(gdb.convenience_variable("bench_job").string())
    job = json.loads(path.read_text(encoding="utf-8"))
    monitor = Monitor(job["monitor"])
    answer = {space["name"]: measure_space(space, job, monitor) for space in job["spaces"]}
    path.with_suffix(".answer").write_text(json.dumps(answer), encoding="utf-8")


main()
