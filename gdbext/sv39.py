"""What `source gdbext/sv39.py` runs: find the package and its dependencies, register the commands, nothing else."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import gdb

FLOOR = (3, 11)
DEPENDENCIES = ("tabulate", "elftools")


def extend_path(root: Path) -> None:
    """Make the package and its dependencies importable.

    GDB runs its own interpreter, not that of a virtual environment. The dependencies are pure Python, so a path entry
    is enough, whatever version of Python made the environment.
    """
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    if any(importlib.util.find_spec(name) is None for name in DEPENDENCIES):
        sys.path += [str(path) for path in sorted(root.glob(".venv/lib/python3*/site-packages"))]


def find_obstacle(root: Path) -> str | None:
    """Why the package at `root` cannot be loaded, in a line, or None."""
    if sys.version_info < FLOOR:
        found = ".".join(str(part) for part in sys.version_info[:3])
        return f"sv39 needs a GDB with Python 3.11 or later; this one has {found}"
    extend_path(root)
    missing = [name for name in DEPENDENCIES if importlib.util.find_spec(name) is None]
    if missing:
        return f"sv39 needs {' and '.join(missing)}: run {root}/scripts/setup, or pip install tabulate pyelftools"
    loaded = sys.modules.get("gdbext")
    if loaded is not None and Path(loaded.__path__[0]).parent != root:
        return f"sv39 is already loaded from {Path(loaded.__path__[0]).parent}"
    return None


def main() -> None:
    obstacle = find_obstacle(Path(__file__).resolve().parent.parent)
    if obstacle is None:
        importlib.import_module("gdbext.live.register")
    else:
        # In a sourced file every exception, also GdbError, shows a traceback.
        gdb.write(obstacle + "\n", gdb.STDERR)


main()
