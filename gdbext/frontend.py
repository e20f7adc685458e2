"""What the GDB and the shell front ends share: run a command, render its results, write them, say the status."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

from gdbext.commands.declaration import REGISTRY, Command, Status
from gdbext.files import replace_file
from gdbext.render.style import PLAIN, Style
from gdbext.target.base import Target

Write = Callable[[str], object]


def run_command(declared: Command, target: Target, words: Sequence[str], write: Write, style: Style) -> Status:
    """Run `declared` on `target` with the `words` of the user and write the answer.

    Raises `Sv39Error` where there is no answer; what was answered before stays written.
    """
    arguments = declared.parse(words)
    if arguments.output is None:
        return _write_results(declared, target, arguments, write, style)
    with replace_file(Path(arguments.output)) as file:
        return _write_results(declared, target, arguments, file.write, PLAIN)


def _write_results(declared: Command, target: Target, arguments, write: Write, style: Style) -> Status:  # type: ignore[no-untyped-def]
    render = find_renderer(declared)
    status = Status.ANSWERED
    for result in declared.run(target, arguments):
        if arguments.json:
            for piece in render.iter_json(result):
                write(piece)
            write("\n")
        else:
            for piece in render.iter_text(result, style):
                write(piece + "\n")
        status = max(status, result.status)
    return status


def find_renderer(declared: Command) -> ModuleType:
    """The module of `render/` that bears the name of the command's own module."""
    return importlib.import_module("gdbext.render." + declared.function.__module__.rpartition(".")[2])


def load_commands() -> dict[str, Command]:
    """All commands by name, declared by importing their modules."""
    from gdbext.commands import MODULES

    for module in MODULES:
        importlib.import_module(f"gdbext.commands.{module}")
    return REGISTRY.commands
