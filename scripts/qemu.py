"""A RISC-V machine in QEMU for the demo, the benchmark and the live tests, and GDB in batch on it.

The stub and the monitor are sockets, and the guest's RAM is a file, in a directory that only its owner can enter.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

ROOT = Path(__file__).resolve().parent.parent
EXTENSION = ROOT / "gdbext" / "sv39.py"
SAMPLE_KERNEL = ROOT / "kernel_sample" / "build" / "kernel.elf"
QEMU = "qemu-system-riscv64"
GDB = "gdb-multiarch"
# How long a machine or a debugger may take before it counts as hung, in seconds: a guard, never a wait.
PATIENCE = 120


class Machine:
    """One QEMU, stopped before its first instruction; a context manager that leaves nothing behind."""

    def __init__(
        self,
        kernel: Path | None = SAMPLE_KERNEL,
        *,
        append: str = "",
        ram_mib: int = 128,
        ram_file: bool = True,
        extra: Sequence[str] = (),
        qemu: str = QEMU,
    ) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="sv39-"))
        self.stub = self.directory / "gdb"
        self.monitor = self.directory / "monitor"
        self.uart = self.directory / "uart"
        self.ram = self.directory / "ram"
        machine = "virt"
        command = [qemu, "-bios", "none", "-m", f"{ram_mib}M", "-display", "none", "-S"]
        if ram_file:
            machine += ",memory-backend=ram"
            command += ["-object", f"memory-backend-file,id=ram,size={ram_mib}M,mem-path={self.ram},share=on"]
        command += ["-machine", machine, "-serial", f"file:{self.uart}"]
        command += ["-gdb", f"unix:{self.stub},server,nowait", "-monitor", f"unix:{self.monitor},server,nowait"]
        if kernel is not None:
            command += ["-kernel", str(kernel)]
        if append:
            command += ["-append", append]
        self.process = subprocess.Popen(
            [*command, *extra], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )

    def __enter__(self) -> Machine:
        try:
            self._wait_for_monitor()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _wait_for_monitor(self) -> None:
        """Until QEMU's monitor greets: its socket is there early, but nobody answers before the stub is there, too."""
        deadline = time.monotonic() + PATIENCE
        while True:
            if self.process.poll() is not None:
                assert self.process.stderr is not None
                raise RuntimeError(f"QEMU ended with status {self.process.returncode}: {self.process.stderr.read()}")
            with socket.socket(socket.AF_UNIX) as probe:
                try:
                    probe.settimeout(PATIENCE)
                    probe.connect(str(self.monitor))
                    if probe.recv(1):
                        return
                except OSError:
                    if time.monotonic() > deadline:
                        raise
            time.sleep(0.01)

    def wait(self) -> int:
        """The exit status of a QEMU that ends by itself."""
        return self.process.wait(PATIENCE)

    def read_uart(self) -> str:
        """What the guest has printed so far."""
        return self.uart.read_text(encoding="utf-8", errors="replace") if self.uart.exists() else ""

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()
        shutil.rmtree(self.directory, ignore_errors=True)


def gdb_command(machine: Machine | None, commands: Sequence[str], *, elf: Path | None, gdb: str = GDB) -> list[str]:
    """The command line of a GDB without the user's settings that loads the extension, connects, and runs `commands`."""
    lines = ["set pagination off", "set confirm off", f"source {EXTENSION}"]
    if machine is not None:
        lines.append(f"target remote {machine.stub}")
    words = [gdb, "-nx", "-q"]
    for line in [*lines, *commands]:
        words += ["-ex", line]
    return [*words, str(elf)] if elf is not None else words


def run_gdb(
    machine: Machine | None,
    *commands: str,
    elf: Path | None = SAMPLE_KERNEL,
    gdb: str = GDB,
) -> subprocess.CompletedProcess[str]:
    """Run `commands` in a fresh batch GDB and return what it printed."""
    command = gdb_command(machine, commands, elf=elf, gdb=gdb)
    return subprocess.run(
        [command[0], "-batch", *command[1:]],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
