"""The host's side of the MMU probe: builds the guest, runs it in QEMU, sends cases and collects what happened.

The guest's RAM is a file that both sides map, so a batch of cases costs no debugger traffic at all. guest/probe.h
describes the layouts; the formats below repeat them, and `Probe` refuses a guest that was built with others.
"""

from __future__ import annotations

import mmap
import os
import shutil
import struct
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from types import TracebackType
from typing import IO

from gdbext.riscv.traps import INTERRUPT, Privilege

GUEST = Path(__file__).parent / "guest"

# The map of guest/probe.h.
RAM_BASE = 0x8000_0000
MAILBOX_PA = 0x8010_0000
CASES_PA = 0x8020_0000
RESULTS_PA = 0x80A0_0000
ROUTINES_PA = 0x8100_0000
TABLES_PA = 0x8100_1000
ARENA_PA = 0x8110_0000
RAM_END_PA = 0x8200_0000
# The `virt` machine answers reads and swallows writes all over its PCI window.
PCI_WINDOW_PA = 0x4_0000_0000
PCI_WINDOW_SIZE = 0x4_0000_0000

MAGIC = 0x65626F72502D554D
VERSION = 1
PMP_ENTRIES = 16
POKES = 12

CASE_HEAD = struct.Struct("<6Q4BI")
CASE_PMP = struct.Struct(f"<{PMP_ENTRIES}B{PMP_ENTRIES}Q")
CASE_POKES_OFFSET = CASE_HEAD.size + CASE_PMP.size
CASE_POKES = tuple(struct.Struct(f"<{2 * count}Q") for count in range(POKES + 1))
CASE_SIZE = CASE_POKES_OFFSET + CASE_POKES[POKES].size
RESULT = struct.Struct(f"<{6 + POKES}Q")
MAILBOX_HEAD = struct.Struct("<Q4I3Q")
MAILBOX_FEATURES = struct.Struct("<7Q")
# As indexes of 64-bit words, which are read and written whole.
MAGIC_WORD, REQUEST_WORD, DONE_WORD, COUNT_WORD = 0, 3, 4, 5

PMP_R, PMP_W, PMP_X, PMP_TOR, PMP_NA4, PMP_NAPOT = 1, 2, 4, 1 << 3, 2 << 3, 3 << 3
PmpPair = tuple[int, int]
# These come before a case's own entries. A wild access from S or U can then harm neither the probe nor a device.
GUARDS: tuple[PmpPair, ...] = (
    (PMP_TOR, ROUTINES_PA >> 2),
    (PMP_NAPOT | PMP_X, ROUTINES_PA >> 2 | 0x1FF),
    (PMP_NAPOT, PCI_WINDOW_PA >> 2 | (PCI_WINDOW_SIZE >> 3) - 1),
)
ALLOW_ALL: PmpPair = (PMP_NAPOT | PMP_R | PMP_W | PMP_X, (1 << 54) - 1)
CASE_PMP_ENTRIES = PMP_ENTRIES - len(GUARDS)

# What the guest fills the arena with: `lui a0, page; mret` in every 8 bytes; mret is illegal in S and U.
SLOT_LUI_A0 = 0x0000_0537
SLOT_MRET = 0x3020_0073
ILLEGAL_INSTRUCTION = 2
ECALLS = (8, 9, 11)

FLAG_SUM, FLAG_MXR, FLAG_MPRV = 1, 2, 4
NONCE = 0xC0DE_0000

BOOT_SECONDS = 30
BATCH_SECONDS = 120
POLL_SECONDS = 0.0002


class ProbeError(Exception):
    """The probe cannot be built, does not start, or died; the text says why, with what QEMU said."""


class MissingTool(ProbeError):
    """A program that the probe needs is not installed."""


class ProbeAccess(IntEnum):
    """What the guest does at the address, numbered as in probe.h."""

    LOAD = 0
    STORE = 1
    AMO = 2
    FETCH = 3


@dataclass(frozen=True)
class Case:
    """One access to perform, and the machine to perform it on. Addresses in bytes.

    `privilege` is S or U. With `mprv` the access is made from M-mode with mstatus.MPRV=1 and MPP=`privilege`; without,
    a load, store or AMO is made by a routine that must be executable at `routine_va`. `pokes` are (pa, 64-bit word)
    pairs, written before and undone after. `hint_pa` is where a store is looked for first.
    """

    satp: int
    va: int
    access: ProbeAccess
    privilege: Privilege
    width: int = 8
    mprv: bool = False
    sum_bit: bool = False
    mxr: bool = False
    menvcfg: int = 0
    routine_va: int = ROUTINES_PA
    hint_pa: int = 0
    pmp: tuple[PmpPair, ...] = (ALLOW_ALL,)
    pokes: tuple[tuple[int, int], ...] = ()

    @property
    def routine_entry_va(self) -> int:
        """Where S or U begins to run in order to make a load, store or AMO."""
        return self.routine_va + routine_offset(self.access, self.width)


@dataclass(frozen=True)
class Observation:
    """What the hart did with a case. `satp` is the value in force; `poked` the words of the pokes afterwards.

    `cause` is mcause, or None where the access went through. `answered_pa` is the pa that served it, found without
    any prediction; None if nothing of the arena did.
    """

    cause: int | None
    tval: int
    epc: int
    value: int
    answered_pa: int | None
    satp: int
    poked: tuple[int, ...]

    @property
    def ran_away(self) -> bool:
        """Whether what was fetched had to be stopped by the timer."""
        return self.cause is not None and bool(self.cause & INTERRUPT)


@dataclass(frozen=True)
class Features:
    """What the hart has, found by writing registers and reading them back."""

    qemu_version: str
    misa: int
    satp_modes: frozenset[int]
    satp_mask: int
    menvcfg_mask: int | None
    pmp_entries: int
    pmpaddr_mask: int


def routine_offset(access: ProbeAccess, width: int) -> int:
    """Where the routine for an access lies in the page at ROUTINES_PA."""
    return (access * 2 + (width == 8)) * 16


def slot_content(pa: int) -> int:
    """What a load of 8 bytes at `pa` finds in the arena."""
    return SLOT_MRET << 32 | (pa & 0xFFFF_F000) | SLOT_LUI_A0


def find_qemu() -> str:
    """The system's QEMU. Raises `MissingTool`."""
    path = shutil.which("qemu-system-riscv64")
    if path is None:
        raise MissingTool("qemu-system-riscv64 is not installed")
    return path


def read_version(qemu: str) -> str:
    """The version of a QEMU: `7.2.22`. Raises `ProbeError` if the program does not run."""
    try:
        said = subprocess.run([qemu, "--version"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise ProbeError(f"{qemu} does not run: {error}") from error
    return said.split("version ")[1].split()[0]


def parse_version(text: str) -> tuple[int, ...]:
    """`7.2.22` as (7, 2, 22)."""
    return tuple(int(part) for part in text.split("."))


def build_guest() -> Path:
    """Build the guest if it is not up to date, and return its ELF file. Raises `MissingTool`, `ProbeError`."""
    compiler = os.environ.get("CROSS_COMPILE", "riscv64-unknown-elf-") + "gcc"
    for tool in ("make", compiler):
        if shutil.which(tool) is None:
            raise MissingTool(f"{tool} is not installed")
    made = subprocess.run(["make", "-s", "-C", str(GUEST)], capture_output=True, text=True, check=False)
    if made.returncode != 0:
        raise ProbeError(f"the probe does not build:\n{made.stdout}{made.stderr}")
    return GUEST / "build" / "probe.elf"


class Probe:
    """A QEMU that runs the probe; a context manager, and `run` may be called as often as one likes."""

    def __init__(self, qemu: str | None = None, cpu: str = "rv64", arguments: Sequence[str] = ()) -> None:
        self.qemu = qemu or find_qemu()
        self.cpu = cpu
        self.arguments = tuple(arguments)

    def __enter__(self) -> Probe:
        kernel = build_guest()
        self._directory = Path(tempfile.mkdtemp(prefix="mmu-probe-"))
        try:
            self._stderr: IO[bytes] = (self._directory / "stderr").open("w+b")
            self._map_ram()
            self._start(kernel)
            self._wait(MAGIC_WORD, MAGIC, BOOT_SECONDS, "to boot")
            self._check_layout()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._close()

    def _map_ram(self) -> None:
        path = self._directory / "ram"
        size = RAM_END_PA - RAM_BASE
        with path.open("w+b") as file:
            file.truncate(size)
            self._ram = mmap.mmap(file.fileno(), size)
        self._mailbox = memoryview(self._ram)[MAILBOX_PA - RAM_BASE :][:4096].cast("Q")

    def _start(self, kernel: Path) -> None:
        size = RAM_END_PA - RAM_BASE
        backend = f"memory-backend-file,id=ram,size={size},mem-path={self._directory / 'ram'},share=on"
        command = [self.qemu, "-machine", "virt,memory-backend=ram", "-object", backend, "-m", f"{size >> 20}M"]
        command += ["-cpu", self.cpu, "-smp", "1", "-bios", "none", "-kernel", str(kernel)]
        command += ["-nodefaults", "-display", "none", "-serial", "none", "-monitor", "none", *self.arguments]
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=self._stderr, stderr=self._stderr, start_new_session=True
        )

    def _close(self) -> None:
        process = getattr(self, "_process", None)
        if process is not None and process.poll() is None:
            process.kill()
        if process is not None:
            process.wait()
        if hasattr(self, "_mailbox"):
            self._mailbox.release()
            self._ram.close()
        self._stderr.close()
        shutil.rmtree(self._directory)

    def _said(self) -> str:
        self._stderr.seek(0)
        text = self._stderr.read().decode(errors="replace").strip()
        return f"; it said:\n{text}" if text else "; it said nothing"

    def _wait(self, word: int, value: int, seconds: float, what: str) -> None:
        """Until a word of the mailbox is `value`. Raises `ProbeError` if QEMU ends first, or is stuck for `seconds`."""
        deadline = time.monotonic() + seconds
        while self._mailbox[word] != value:
            status = self._process.poll()
            if status is not None:
                raise ProbeError(f"{self.qemu} (cpu {self.cpu}) ended with status {status}{self._said()}")
            if time.monotonic() > deadline:
                raise ProbeError(f"the probe took more than {seconds:g} s {what}{self._said()}")
            time.sleep(POLL_SECONDS)

    def _check_layout(self) -> None:
        head = MAILBOX_HEAD.unpack_from(self._ram, MAILBOX_PA - RAM_BASE)
        _, version, case_size, result_size, self._capacity, *_ = head
        if (version, case_size, result_size) != (VERSION, CASE_SIZE, RESULT.size):
            raise ProbeError(
                f"the guest's version and sizes are {(version, case_size, result_size)}, "
                f"the driver's {(VERSION, CASE_SIZE, RESULT.size)}"
            )
        offset = MAILBOX_PA - RAM_BASE + MAILBOX_HEAD.size
        words = MAILBOX_FEATURES.unpack_from(self._ram, offset)
        misa, modes, satp_mask, has_menvcfg, menvcfg_mask, pmp_entries, pmpaddr_mask = words
        self.features = Features(
            read_version(self.qemu),
            misa,
            frozenset(mode for mode in range(16) if modes >> mode & 1),
            satp_mask,
            menvcfg_mask if has_menvcfg else None,
            pmp_entries,
            pmpaddr_mask,
        )

    def run(self, cases: Sequence[Case]) -> list[Observation]:
        """Perform the cases, in order. Raises `ProbeError` when QEMU ends or hangs."""
        observations: list[Observation] = []
        for start in range(0, len(cases), self._capacity):
            observations += self._run_batch(cases[start : start + self._capacity])
        return observations

    def _run_batch(self, cases: Sequence[Case]) -> list[Observation]:
        base = CASES_PA - RAM_BASE
        for index, case in enumerate(cases):
            pack_case(case, NONCE | index, self._ram, base + index * CASE_SIZE)
        request = self._mailbox[REQUEST_WORD] + 1
        self._mailbox[COUNT_WORD] = len(cases)
        self._mailbox[REQUEST_WORD] = request
        self._wait(DONE_WORD, request, BATCH_SECONDS, f"over a batch of {len(cases)} cases")
        start = RESULTS_PA - RAM_BASE
        results = RESULT.iter_unpack(self._ram[start : start + len(cases) * RESULT.size])
        return [decode_result(case, result) for case, result in zip(cases, results, strict=True)]


_packed_pmp: dict[tuple[PmpPair, ...], bytes] = {}


def pack_pmp(pmp: tuple[PmpPair, ...]) -> bytes:
    """The guards and the case's own entries as the guest wants them."""
    packed = _packed_pmp.get(pmp)
    if packed is None:
        entries = (*GUARDS, *pmp)
        entries += ((0, 0),) * (PMP_ENTRIES - len(entries))
        packed = CASE_PMP.pack(*(cfg for cfg, _ in entries), *(pmpaddr for _, pmpaddr in entries))
        if pmp == (ALLOW_ALL,):
            _packed_pmp[pmp] = packed
    return packed


def pack_case(case: Case, nonce: int, buffer: mmap.mmap, offset: int) -> None:
    """Write a case where the guest reads it."""
    flags = FLAG_SUM * case.sum_bit | FLAG_MXR * case.mxr | FLAG_MPRV * case.mprv
    head = (case.satp, case.va, case.menvcfg, case.routine_va, nonce, case.hint_pa)
    count = len(case.pokes)
    CASE_HEAD.pack_into(buffer, offset, *head, case.access, case.width, case.privilege, flags, count)
    offset += CASE_HEAD.size
    buffer[offset : offset + CASE_PMP.size] = pack_pmp(case.pmp)
    words = [word for poke in case.pokes for word in poke]
    CASE_POKES[count].pack_into(buffer, offset + CASE_PMP.size, *words)


def decode_result(case: Case, words: tuple[int, ...]) -> Observation:
    """What a result says about its case."""
    mcause, tval, epc, value, store_pa, satp = words[:6]
    poked = words[6 : 6 + len(case.pokes)]
    cause: int | None = mcause
    answered_pa: int | None = None
    page_offset = case.va & 0xFFF
    if case.access is ProbeAccess.FETCH:
        # The lui of the arena ran, and the mret after it trapped: the fetch went through, and a0 holds the page.
        if mcause == ILLEGAL_INSTRUCTION:
            cause = None
            if value:
                answered_pa = value & 0xFFFF_F000 | page_offset
    elif mcause in ECALLS:
        cause = None
        if case.access is ProbeAccess.LOAD:
            mask = (1 << case.width * 8) - 1
            pa = value & 0xFFFF_F000 | page_offset
            if value & mask == slot_content(pa) & mask:
                answered_pa = pa
        else:
            answered_pa = store_pa or None
    return Observation(cause, tval, epc, value, answered_pa, satp, poked)
