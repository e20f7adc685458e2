"""What `source gdbext/sv39.py` runs: find the package and its dependencies, register the commands, nothing else."""

from __future__ import annotations

import importlib.util
import os
import sys

import gdb

FLOOR = (3, 11)
DEPENDENCIES = ("tabulate", "elftools")


def extend_path(root: str) -> None:
    """Make the package and its dependencies importable.

    GDB runs its own interpreter, not that of a virtual environment. The dependencies are pure Python, so a path entry
    is enough, whatever version of Python made the environment.
    """
    if root not in sys.path:
        sys.path.insert(0, root)
    libraries = os.path.join(root, ".venv", "lib")
    if os.path.isdir(libraries) and find_missing():
        sys.path += [os.path.join(libraries, version, "site-packages") for version in sorted(os.listdir(libraries))]


def find_missing() -> list[str]:
    """The dependencies that cannot be imported."""
    return [name for name in DEPENDENCIES if importlib.util.find_spec(name) is None]


def find_obstacle(root: str) -> str | None:
    """Why the package at `root` cannot be loaded, in a line, or None."""
    if sys.version_info < FLOOR:
        found = ".".join(str(part) for part in sys.version_info[:3])
        return f"sv39 needs a GDB with Python 3.11 or later; this one has {found}"
    extend_path(root)
    missing = find_missing()
    if missing:
        return f"sv39 needs {' and '.join(missing)}: run {root}/scripts/setup, or pip install tabulate pyelftools"
    loaded = sys.modules.get("gdbext")
    if loaded is not None and os.path.dirname(loaded.__path__[0]) != root:
        return f"sv39 is already loaded from {os.path.dirname(loaded.__path__[0])}"
    return None


def main() -> None:
    obstacle = find_obstacle(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
    if obstacle is None:
        importlib.import_module("gdbext.live.register")
    else:
        # In a sourced file every exception, also GdbError, shows a traceback.
        gdb.write(obstacle + "\n", gdb.STDERR)


main()
