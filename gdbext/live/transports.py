"""Where guest memory comes from: the file that is QEMU's RAM, QEMU's own memory through /proc, or else the stub.

The first two read behind the stub's back and are some hundred times faster. Each has to prove that it shows the memory
of the machine at the other end of the connection: once when it is chosen, and again after each stop before it is used.
Nothing is mapped: a file that shrinks under a map would kill GDB, and `pread` takes a microsecond a page.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol

from gdbext.errors import TransportUnavailable
from gdbext.live.machine import FlatRange, decode_flat_ranges
from gdbext.live.peer import find_peer
from gdbext.riscv.paging import PAGE_SIZE
from gdbext.target.base import MemoryRegion

# What `set sv39 transport` takes.
AUTO, FILE, PROCESS, STUB = "auto", "file", "process", "stub"

HOST_ADDRESS = re.compile(r"is (0x[0-9a-f]+)$")
OBJECT_LINE = re.compile(r"^(.+) \(child<memory-backend-file>\)$", re.MULTILINE)
# What is compared at each stop: one answer of the monitor's `xp`, which needs no switch of PhyMemMode.
PROBE_SIZE = 64
# How many pages of a region are looked at for content when a transport is chosen, and how many are then compared.
CANDIDATES = 64
SAMPLES = 4


class Link(Protocol):
    """What is asked of the stub."""

    def monitor(self, question: str) -> str: ...

    def read(self, pa: int, size: int) -> bytes: ...

    def physical(self) -> AbstractContextManager[None]: ...


class Window(NamedTuple):
    """Guest RAM that `descriptor` shows: the byte at `pa` lies at `pa + shift`. QEMU has the first one at `hva`."""

    region: MemoryRegion
    hva: int
    descriptor: int
    shift: int

    def read(self, pa: int, size: int) -> bytes:
        """Exactly `size` bytes. Raises `TransportUnavailable`."""
        try:
            content = os.pread(self.descriptor, size, pa + self.shift)
            while 0 < len(content) < size:
                more = os.pread(self.descriptor, size - len(content), pa + self.shift + len(content))
                if not more:
                    break
                content += more
        except OSError as error:
            raise TransportUnavailable(f"reading {pa:#x} failed: {error.strerror}") from error
        if len(content) != size:
            raise TransportUnavailable(f"the memory at {pa:#x} is no longer there")
        return content


class HostMemory:
    """Guest RAM that can be read on this host. `source` says where, for people."""

    def __init__(self, source: str, windows: Sequence[Window]) -> None:
        self.source = source
        self.windows = windows

    def find(self, pa: int) -> Window | None:
        """The window that holds `pa`."""
        return next((w for w in self.windows if w.region.start <= pa < w.region.end), None)

    def close(self) -> None:
        for descriptor in {window.descriptor for window in self.windows}:
            os.close(descriptor)


class Transport:
    """The way to the memory of one connection, chosen when it is first needed, checked again after each stop."""

    def __init__(self, link: Link, details: str, wanted: str) -> None:
        self._link = link
        self._details = details
        self._notes: list[str] = []
        self._memory: HostMemory | None = None
        self.choose(wanted)

    def choose(self, wanted: str) -> None:
        """Take the transport `wanted` from now on, AUTO, FILE, PROCESS or STUB."""
        self.close()
        self._wanted = wanted
        self._is_chosen = False
        self._reasons: list[str] = []
        self.forget()

    def close(self) -> None:
        """Give the descriptors back; the stub is left."""
        if self._memory is not None:
            self._memory.close()
            self._memory = None

    def forget(self) -> None:
        """The target has run, or may have: prove the memory again before it is next read."""
        self._trusted: set[Window] = set()

    def take_notes(self) -> list[str]:
        """What the user has to be told, once."""
        notes, self._notes = self._notes, []
        return notes

    @property
    def memory(self) -> HostMemory | None:
        """The memory on this host; None where the stub it is. Raises `TransportUnavailable` if the user's own choice
        cannot be had, and `UnsupportedTarget` where the target is not QEMU's stub."""
        if not self._is_chosen:
            self._memory = self._choose()
            self._is_chosen = True
        return self._memory

    def describe(self) -> str:
        """Which transport is in use and why, in whole sentences; raises like `memory`."""
        memory = self.memory
        if memory is not None:
            ranges = ", ".join(f"{w.region.start:#x} to {w.region.end:#x}" for w in memory.windows)
            text = f"{memory.source}: {ranges}; anything else over the stub."
        else:
            text = "the stub, in physical memory mode."
        return " ".join([text, *(f"Not {reason}." for reason in self._reasons)])

    def window_at(self, pa: int) -> Window | None:
        """The window that holds `pa`, proved since the target last ran; None where the stub has to be asked."""
        memory = self.memory
        window = memory.find(pa) if memory else None
        if window is not None and window not in self._trusted:
            try:
                self._check(window, pa & -PAGE_SIZE)
            except TransportUnavailable as error:
                self._fall_back(error)
                return None
            self._trusted.add(window)
        return window

    def read(self, pa: int, size: int) -> bytes | None:
        """Exactly `size` bytes, or None where the stub has to be asked."""
        window = self.window_at(pa)
        if window is None or pa + size > window.region.end:
            return None
        try:
            return window.read(pa, size)
        except TransportUnavailable as error:
            self._fall_back(error)
            return None

    def read_pages(self, pas: Sequence[int]) -> list[bytes | None]:
        """The page at each of `pas`, or None where the stub has to be asked."""
        pages: list[bytes | None] = []
        start = last = descriptor = shift = 0
        pread = os.pread
        try:
            for pa in pas:
                if not start <= pa <= last:
                    window = self.window_at(pa)
                    if window is None or pa + PAGE_SIZE > window.region.end:
                        pages.append(None)
                        continue
                    start, last = window.region.start, window.region.end - PAGE_SIZE
                    descriptor, shift = window.descriptor, window.shift
                page = pread(descriptor, PAGE_SIZE, pa + shift)
                if len(page) < PAGE_SIZE:
                    raise TransportUnavailable(f"the memory at {pa:#x} is no longer there")
                pages.append(page)
        except (OSError, TransportUnavailable) as error:
            self._fall_back(error)
            return [None] * len(pas)
        return pages

    def _fall_back(self, error: Exception) -> None:
        assert self._memory is not None
        self._reasons = [f"{self._memory.source}: {error}"]
        self._notes.append(f"sv39: physical memory comes over the stub from now on, not from {self._reasons[0]}")
        self.close()

    # Choosing

    def _choose(self) -> HostMemory | None:
        if self._wanted == STUB:
            return None
        with self._link.physical():  # says so where the stub is none of QEMU's
            ranges = [r for r in decode_flat_ranges(self._link.monitor("info mtree -f")) if r.kind in ("ram", "rom")]
            for name, opener in ((FILE, self._open_file), (PROCESS, self._open_process)):
                if self._wanted not in (AUTO, name):
                    continue
                try:
                    return self._prove(opener(ranges))
                except TransportUnavailable as error:
                    if self._wanted == name:
                        raise TransportUnavailable(
                            f"the transport {name} cannot be used: {error}; see set sv39 transport"
                        ) from error
                    self._reasons.append(f"the {name}: {error}")
        return None

    def _open_file(self, ranges: Sequence[FlatRange]) -> HostMemory:
        backends = set(OBJECT_LINE.findall(self._link.monitor("qom-list /objects")))
        windows: list[Window] = []
        paths = []
        memory = None
        try:
            for place in ranges:
                if place.kind == "ram":
                    path, window = self._open_backend(place, backends)
                    paths.append(path)
                    windows.append(window)
            if windows:
                memory = HostMemory(f"the file {', '.join(dict.fromkeys(paths))}", windows)
                return memory
        finally:
            if memory is None:
                HostMemory("", windows).close()
        raise TransportUnavailable("the machine has no RAM")

    def _open_backend(self, place: FlatRange, backends: set[str]) -> tuple[str, Window]:
        """The file of the memory backend that bears the region's name. Raises `TransportUnavailable`."""
        backend = place.name.removeprefix("/objects/")
        if backend not in backends:
            raise TransportUnavailable(f"the RAM at {place.start:#x} is no memory-backend-file")
        path = self._backend_property(backend, "mem-path")
        if self._backend_property(backend, "share") is not True:
            raise TransportUnavailable(f"the memory-backend-file {backend} lacks share=on, so {path} does not change")
        offset = self._backend_property(backend, "offset")
        file_offset = offset if isinstance(offset, int) else 0  # older versions have no such property
        if not isinstance(path, str) or not os.path.isabs(path):
            raise TransportUnavailable(f"{path} is relative to QEMU's own directory")
        hva = self._find_host_address(place)
        try:
            # Without O_NONBLOCK the opening of a pipe would wait for a writer.
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as error:
            raise TransportUnavailable(f"{path} cannot be opened: {error.strerror}") from error
        try:
            self._check_mapped(descriptor, path)
        except TransportUnavailable:
            os.close(descriptor)
            raise
        region = MemoryRegion(place.start, place.end, place.name, True)
        return path, Window(region, hva, descriptor, file_offset + place.offset - place.start)

    def _backend_property(self, backend: str, name: str) -> object:
        """A property of a memory backend, None where this QEMU has no such property."""
        import json

        try:
            value: object = json.loads(self._link.monitor(f"qom-get /objects/{backend} {name}"))
        except ValueError:  # an error message
            return None
        return value

    def _check_mapped(self, descriptor: int, path: str) -> None:
        """Raises `TransportUnavailable` if QEMU is known not to have this very file mapped.

        The name alone could belong to a newer file, or to one of another mount namespace. Where the process does not
        show its mappings, the bytes have to do as proof.
        """
        try:
            with open(f"/proc/{find_peer(self._details)}/maps", encoding="utf-8", errors="surrogateescape") as maps:
                lines = maps.read().splitlines()
        except (TransportUnavailable, OSError):
            return
        status = os.fstat(descriptor)
        device = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}"
        if not any(line.split(maxsplit=5)[3:5] == [device, str(status.st_ino)] for line in lines):
            raise TransportUnavailable(f"{path} is not the file that QEMU has mapped")

    def _open_process(self, ranges: Sequence[FlatRange]) -> HostMemory:
        pid = find_peer(self._details)
        try:
            # The descriptor stays with this process, even if it ends and its PID is given to another one.
            descriptor = os.open(f"/proc/{pid}/mem", os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise TransportUnavailable(f"/proc/{pid}/mem cannot be opened: {error.strerror}") from error
        windows = []
        reason = "the machine has no RAM"
        try:
            for place in ranges:
                try:
                    hva = self._find_host_address(place)
                except TransportUnavailable as error:
                    reason = str(error)
                else:
                    region = MemoryRegion(place.start, place.end, place.name, True)
                    windows.append(Window(region, hva, descriptor, hva - place.start))
            if not windows:
                raise TransportUnavailable(reason)
        except BaseException:
            os.close(descriptor)
            raise
        return HostMemory(f"the process {pid}", windows)

    def _find_host_address(self, place: FlatRange) -> int:
        """Where QEMU itself has the region. Raises `TransportUnavailable` where that is not one stretch."""
        first = self._read_host_address(place.start)
        if self._read_host_address(place.end - 1) != first + place.end - 1 - place.start:
            raise TransportUnavailable(f"the RAM at {place.start:#x} is not in one piece")
        return first

    def _read_host_address(self, pa: int) -> int:
        answer = HOST_ADDRESS.search(self._link.monitor(f"gpa2hva {pa:#x}"))
        if answer is None:
            raise TransportUnavailable(f"the monitor does not tell where the RAM at {pa:#x} is")
        return int(answer[1], 16)

    # Proving

    def _prove(self, memory: HostMemory) -> HostMemory:
        """Compare pages with content with what the stub says. Raises `TransportUnavailable`."""
        try:
            for window in memory.windows:
                start, end = window.region.start, window.region.end
                step = max((end - start) // CANDIDATES, PAGE_SIZE) & -PAGE_SIZE
                pages = [pa for pa in range(start, end, step) if window.read(pa, PAGE_SIZE).strip(b"\0")]
                for pa in {start, *pages[:SAMPLES]}:
                    if window.read(pa, PAGE_SIZE) != self._link.read(pa, PAGE_SIZE):
                        raise TransportUnavailable(f"it differs from what the stub reads at {pa:#x}")
        except BaseException:
            memory.close()
            raise
        return memory

    def _check(self, window: Window, page_pa: int) -> None:
        """Whether QEMU still has the region where it was, and a bit of the page that is about to be read is the same.

        Two short questions of the monitor, about 0.1 ms, against 0.2 ms for each page over the stub. They also tell
        that the connection, and thereby the process at its other end, is still alive.
        """
        if self._read_host_address(window.region.start) != window.hva:
            raise TransportUnavailable("QEMU has moved its RAM")
        page = window.read(page_pa, PAGE_SIZE)
        offset = (PAGE_SIZE - len(page.lstrip(b"\0"))) % PAGE_SIZE & -PROBE_SIZE
        answer = self._link.monitor(f"xp /{PROBE_SIZE // 8}gx {page_pa + offset:#x}")
        words = [word for line in answer.splitlines() for word in line.partition(":")[2].split()]
        expected = page[offset : offset + PROBE_SIZE]
        if b"".join(int(word, 16).to_bytes(8, "little") for word in words) != expected:
            raise TransportUnavailable(f"it differs from what QEMU reads at {page_pa + offset:#x}")
