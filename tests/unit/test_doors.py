"""The rooms of the house open their doors one way; who may print, and who may import gdb."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "gdbext"
# What each room may import of the package: itself and the rooms named. Files outside a room are rooms of their own.
DOORS = {
    "errors": "",
    "files": "errors",
    "riscv": "errors",
    "target": "riscv errors files",
    "tables": "target riscv errors",
    "trace": "tables target riscv errors files",
    "commands": "trace tables target riscv errors files",
    "render": "commands trace tables target riscv errors",
    "frontend": "render commands target errors files",
    "cli": "frontend render commands target riscv errors files",
    "live": "frontend render commands trace tables target riscv errors files",
    "sv39": "live",
    "api": "frontend commands target errors",
    "__init__": "api",
    "__main__": "cli",
}
FRONT_ENDS = ("cli", "live", "sv39")
MODULES = sorted(PACKAGE.rglob("*.py"))


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def iter_imports(tree: ast.AST) -> Iterator[str]:
    """Every module that is imported anywhere in `tree`, also inside functions and by importlib with a constant name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide which door is opened"
            assert node.module is not None
            yield node.module
            if node.module == "gdbext":
                yield from (f"gdbext.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("gdbext."):
            yield node.value.rstrip(".")


def find_forbidden(path: Path) -> list[str]:
    """The imports of `path` that open a door the wrong way, and those of gdb where it is not let in."""
    room = room_of(path)
    barred = set(DOORS) - {room, *DOORS[room].split()}
    forbidden = []
    for name in iter_imports(parse(path)):
        parts = name.split(".")
        wrong_door = parts[0] == "gdbext" and len(parts) > 1 and parts[1] in barred
        if wrong_door or (parts[0] == "gdb" and room not in ("live", "sv39")):
            forbidden.append(name)
    return forbidden


def test_every_room_has_its_doors_listed() -> None:
    assert {room_of(path) for path in MODULES} <= set(DOORS)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_doors_open_one_way(path: Path) -> None:
    assert find_forbidden(path) == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_front_ends_print(path: Path) -> None:
    if room_of(path) in FRONT_ENDS:
        return
    tree = parse(path)
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    assert not [f.lineno for f in calls if isinstance(f, ast.Name) and f.id in ("print", "input", "breakpoint")]
    streams = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr in ("stdout", "stderr")]
    assert not [node.lineno for node in streams]


@pytest.mark.parametrize(
    ("room", "line", "is_forbidden"),
    [
        ("riscv", "from gdbext.target.base import Target", True),
        ("tables", "def f():\n    import gdb", True),
        ("tables", "import gdbext.commands.walk", True),
        ("commands", "from gdbext import render", True),
        ("frontend", "importlib.import_module('gdbext.live.register')", True),
        ("live", "import gdb", False),
        ("render", "from gdbext.commands.walk import WalkResult", False),
        ("tables", "import gdbm", False),
    ],
)
def test_the_check_sees_doors(
    room: str, line: str, is_forbidden: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{__name__}.PACKAGE", tmp_path)
    path = tmp_path / room / "module.py"
    path.parent.mkdir()
    path.write_text(line, encoding="utf-8")
    assert bool(find_forbidden(path)) is is_forbidden
