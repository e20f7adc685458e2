"""What GDB's commands and functions do: imported when the first of them is used."""

from __future__ import annotations

import glob
import importlib
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import gdb

from gdbext.commands.declaration import REGISTRY, Command, Kind, Status, split_line
from gdbext.commands.options import NO_SPACE_OPTIONS, select_space
from gdbext.errors import BadInput, Sv39Error
from gdbext.frontend import load_commands, run_command
from gdbext.live import expressions
from gdbext.live.stub import describe_error
from gdbext.live.style import present_style
from gdbext.live.target import find_target, live_targets, take_notes, watch_events
from gdbext.tables.walk import Walk, walk
from gdbext.target.base import Target
from gdbext.target.none import NoTarget

# What makes a command that declares less than it can do whole inside GDB.
LIVE_PARTS = {"trace": "gdbext.live.tracing", "watch": "gdbext.live.watch"}


def find_command(name: str) -> Command:
    """The command called `name`, imported, with what it needs of this room."""
    importlib.import_module(f"gdbext.commands.{name}")
    if name in LIVE_PARTS:
        importlib.import_module(LIVE_PARTS[name]).install()
    return REGISTRY.commands[name]


def run(name: str, argument: str) -> None:
    """Run a command with the rest of the user's line."""
    declared = find_command(name)
    gdb.set_convenience_variable("sv39_status", int(Status.WRONG_QUESTION))
    with one_line_errors():
        words = split_line(gdb.string_to_argv(argument))
        status = run_command(declared, choose_target(declared), words, gdb.write, present_style())
    gdb.set_convenience_variable("sv39_status", int(status))


def choose_target(declared: Command) -> Target:
    """GDB's target; without one the command may still have an answer, such as the fields of a value."""
    if not declared.needs_target or gdb.selected_inferior().connection is None:
        return NoTarget(expressions.evaluate)
    return find_target()


def refuse(name: str) -> None:
    """Say what is wrong with a command that does not exist."""
    gdb.set_convenience_variable("sv39_status", int(Status.WRONG_QUESTION))
    load_commands()
    with one_line_errors():
        REGISTRY.find(name)


def complete(name: str, text: str, word: str | None) -> list[str] | int:
    """Options after a dash, else what the argument or option at this place takes: choices, file names, expressions."""
    declared = find_command(name)
    words = text.split()
    current = words.pop() if words and not text[-1].isspace() else ""
    # GDB completes the word after its own break characters, of which dash, dot and slash are some. It asks without a
    # word first, to find out which completer there is.
    skip = len(current) - len(word or "")
    if current.startswith("-"):
        return [match[skip:] for match in declared.complete_options(current)]
    argument = declared.find_argument(words)
    if argument is None:
        return gdb.COMPLETE_NONE
    if argument.choices:
        return [choice for choice in argument.choices if choice.startswith(current)]
    if argument.kind is Kind.FILE:
        # GDB's own completer takes the whole line for a file name.
        return [match[skip:] for match in sorted(glob.glob(glob.escape(current) + "*"))]
    return gdb.COMPLETE_EXPRESSION if argument.kind is Kind.ADDRESS else gdb.COMPLETE_NONE


@contextmanager
def one_line_errors() -> Iterator[None]:
    """What the program could not answer becomes GDB's one clean line; a bug keeps its traceback."""
    connection = gdb.selected_inferior().connection
    try:
        yield
    except Sv39Error as error:
        raise gdb.GdbError(str(error)) from error
    except (gdb.error, RuntimeError) as error:
        # A thread, a frame or a connection that is used after the target has died.
        if connection is None or connection.is_valid():
            raise
        raise gdb.GdbError(f"the target went away: {describe_error(error)}") from error
    finally:
        for target in live_targets():
            target.leave_physical()
        for note in take_notes():
            gdb.write(f"{note}\n", gdb.STDERR)


def call(name: str, vas: Sequence[gdb.Value]) -> int:
    """The value of the convenience function `name` for its arguments."""
    with one_line_errors():
        if len(vas) != 1:
            raise BadInput(f"${name} takes one argument, a virtual address")
        va = expressions.decode_value(vas[0], f"the argument of ${name}")
        target = find_target()
        # In the condition of a breakpoint: GDB tells of no resume from a stop whose condition did not hold.
        target.forget()
        space = select_space(target, Namespace(**NO_SPACE_OPTIONS))
        rules = target.translation_rules(space.hart)
        with target.reading():
            walked = walk(target, space.mode, space.root_pa, va, rules)
        return FUNCTIONS[name](walked)


def answer_pa(walked: Walk) -> int:
    if walked.pa is None:
        raise BadInput(f"{walked.va:#x} has no pa: {walked.rule}")
    return walked.pa


def answer_pte(walked: Walk) -> int:
    pte = walked.steps[-1].pte if walked.steps else None
    if pte is None:
        raise BadInput(f"{walked.va:#x} has no PTE: {walked.rule}")
    return pte.value


def answer_mapped(walked: Walk) -> int:
    return int(walked.outcome.is_translated)


FUNCTIONS: dict[str, Callable[[Walk], int]] = {
    "sv39_pa": answer_pa,
    "sv39_pte": answer_pte,
    "sv39_mapped": answer_mapped,
}

watch_events()
