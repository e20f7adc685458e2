"""The help that GDB shows is that of the declarations."""

from __future__ import annotations

from gdbext.commands import MODULES
from gdbext.frontend import load_commands
from gdbext.live.helptexts import HELP_TEXTS
from scripts.write_help import PATH, render


def test_help_texts_are_up_to_date() -> None:
    assert PATH.read_text(encoding="utf-8") == render(), "run .venv/bin/python -m scripts.write_help"
    assert {name: text.rstrip("\n") for name, text in HELP_TEXTS.items()} == {
        name: command.describe_help() for name, command in load_commands().items()
    }


def test_each_command_is_found_by_the_name_of_its_module() -> None:
    """GDB imports the module of the command that is typed, and no other."""
    assert {name: command.function.__module__ for name, command in load_commands().items()} == {
        name: f"gdbext.commands.{name}" for name in MODULES
    }
