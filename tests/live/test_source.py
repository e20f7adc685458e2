"""`source gdbext/sv39.py`: from anywhere, twice, with nothing there, and with something missing."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from scripts.qemu import EXTENSION, GDB, PATIENCE, ROOT, Machine
from tests.live.debugger import debug

# A GDB whose Python has nothing but the standard library.
BARE_PYTHON = "python import sys; sys.path[:] = [p for p in sys.path if 'packages' not in p]"


def run_gdb(*commands: str, cwd: Path) -> str:
    """All that a GDB prints which was not told to load the extension."""
    words = [GDB, "-nx", "-q", "-batch"]
    for command in commands:
        words += ["-ex", command]
    ran = subprocess.run(
        words,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=cwd,
        timeout=PATIENCE,
        check=False,
    )
    return ran.stdout


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A second checkout, without an environment."""
    shutil.copytree(ROOT / "gdbext", tmp_path / "checkout" / "gdbext", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path / "checkout"


@pytest.mark.parametrize(
    ("cwd", "path"),
    [
        (ROOT, "gdbext/sv39.py"),
        (ROOT / "gdbext", "sv39.py"),
        (ROOT / "tests" / "live", "../../gdbext/sv39.py"),
        (Path("/"), str(EXTENSION)),
    ],
    ids=str,
)
def test_from_any_directory_without_a_word(cwd: Path, path: str) -> None:
    output = run_gdb(f"source {path}", "sv39 satp 0x8000000000084000", cwd=cwd)
    assert output == "0x8000000000084000  Sv39 asid 0 root 0x84000000\n"


def test_through_a_symbolic_link(tmp_path: Path) -> None:
    (tmp_path / "link.py").symlink_to(EXTENSION)
    assert run_gdb("source link.py", "sv39 satp 0", cwd=tmp_path) == "0x0000000000000000  Bare\n"


def test_twice_in_a_row(finished: Machine) -> None:
    loaded = debug(finished, f"source {EXTENSION}", "sv39 walk $pc", f"source {EXTENSION}", "sv39 walk $pc")
    assert [loaded[0].text, loaded[2].text] == ["", ""]
    assert loaded[1].status == loaded[3].status == 0
    assert loaded[1].text == loaded[3].text


def test_before_or_after_the_machine(finished: Machine) -> None:
    connect = f"target remote {finished.stub}"
    before = run_gdb(f"source {EXTENSION}", connect, "sv39 satp", "disconnect", cwd=ROOT)
    after = run_gdb(connect, f"source {EXTENSION}", "sv39 satp", "disconnect", cwd=ROOT)
    assert before == after
    assert "S-mode" in after


def test_without_a_symbol_file(finished: Machine) -> None:
    walk, maps = debug(finished, "sv39 walk $pc", "sv39 maps", elf=None)
    assert (walk.status, maps.status) == (0, 0)
    assert "<" not in walk.lines[0]


@pytest.mark.parametrize("hidden", [(), ("tabulate",), ("elftools",)])
def test_missing_dependencies_are_one_line_with_the_command_that_installs_them(
    copy: Path, tmp_path: Path, hidden: tuple[str, ...]
) -> None:
    present = {"tabulate", "elftools"} - set(hidden) if hidden else set()
    for name in present:
        (tmp_path / "stand_in" / name).mkdir(parents=True)
        (tmp_path / "stand_in" / name / "__init__.py").touch()
    here = f"python sys.path.append({str(tmp_path / 'stand_in')!r})"
    output = run_gdb(BARE_PYTHON, here, f"source {copy}/gdbext/sv39.py", cwd=tmp_path)
    missing = " and ".join(hidden or ("tabulate", "elftools"))
    assert output == f"sv39 needs {missing}: run {copy}/scripts/setup, or pip install tabulate pyelftools\n"


def test_the_virtual_environment_of_the_checkout_is_found(copy: Path) -> None:
    packages = copy / ".venv" / "lib" / "python3.99" / "site-packages"
    for name in ("tabulate", "elftools"):
        (packages / name).mkdir(parents=True)
        (packages / name / "__init__.py").touch()
    output = run_gdb(BARE_PYTHON, f"source {copy}/gdbext/sv39.py", "sv39 satp 0", cwd=copy)
    assert output == "0x0000000000000000  Bare\n"


def test_an_old_python_is_one_line(tmp_path: Path) -> None:
    output = run_gdb("python import sys; sys.version_info = (3, 10, 12)", f"source {EXTENSION}", cwd=tmp_path)
    assert output == "sv39 needs a GDB with Python 3.11 or later; this one has 3.10.12\n"


def test_another_checkout_is_refused_in_one_line(copy: Path) -> None:
    output = run_gdb(f"source {EXTENSION}", f"source {copy}/gdbext/sv39.py", "sv39 satp 0", cwd=copy)
    assert output == f"sv39 is already loaded from {ROOT}\n0x0000000000000000  Bare\n"
