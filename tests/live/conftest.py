"""What live tests share: the tools or a reason, the sample kernel built once, machines that are gone after the test."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from scripts.qemu import GDB, QEMU, ROOT, SAMPLE_KERNEL, Machine
from tests.live.debugger import stop_at

NEW_GDB = ROOT / ".venv" / "bin" / "gdb"
CROSS_COMPILE = os.environ.get("CROSS_COMPILE", "riscv64-unknown-elf-")


def need(*tools: str) -> None:
    """Skip where a tool is missing, with the reason; in CI, where nothing may be missing, fail."""
    missing = [tool for tool in tools if shutil.which(tool) is None]
    if not missing:
        return
    reason = f"not installed: {', '.join(missing)} (scripts/setup installs what is missing)"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session", autouse=True)
def tools() -> None:
    """QEMU and GDB, without which there is no live test."""
    need(QEMU, GDB)


@pytest.fixture(scope="session")
def sample_kernel() -> Path:
    """The sample kernel, built."""
    need("make", f"{CROSS_COMPILE}gcc")
    made = subprocess.run(
        ["make", "--silent", "-C", str(ROOT / "kernel_sample")], capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stderr
    return SAMPLE_KERNEL


Boot = Callable[..., Machine]


@pytest.fixture
def boot(sample_kernel: Path) -> Iterator[Boot]:
    """`boot(append="double", extra=["-smp", "2"], ...)`: a machine, stopped at reset; see `scripts.qemu.Machine`."""
    with ExitStack() as machines:

        def boot_machine(kernel: Path | None = sample_kernel, **options: object) -> Machine:
            return machines.enter_context(Machine(kernel, **options))  # type: ignore[arg-type]

        yield boot_machine


@pytest.fixture(scope="module")
def finished(sample_kernel: Path) -> Iterator[Machine]:
    """The sample kernel, default scenario, stopped in S-mode where it is about to end; tests only look at it."""
    with Machine(sample_kernel) as machine:
        stop_at(machine, "stop")
        yield machine


@pytest.fixture
def machine(boot: Boot) -> Machine:
    """The sample kernel with its default scenario, stopped at reset."""
    return boot()


@pytest.fixture(scope="session", params=["13", "18"])
def gdb(request: pytest.FixtureRequest) -> str:
    """The system's GDB, and the newer one that comes with the test dependencies."""
    if request.param == "13":
        return GDB
    if not NEW_GDB.exists():
        reason = "no newer GDB: .venv has no gdb-for-pwndbg (scripts/setup installs it)"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return str(NEW_GDB)
