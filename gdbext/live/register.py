"""The commands, parameters and functions as GDB sees them; importing this registers them."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import gdb

from gdbext.commands.declaration import REGISTRY, Command, Kind, Status, split_line
from gdbext.commands.options import NO_SPACE_OPTIONS, select_space
from gdbext.errors import BadInput, Sv39Error
from gdbext.frontend import load_commands, run_command
from gdbext.live import expressions, tracing
from gdbext.live.style import present_style
from gdbext.live.target import find_target, take_notes, watch_events
from gdbext.tables.walk import Walk, walk
from gdbext.target.base import Target
from gdbext.target.none import NoTarget


class Sv39Prefix(gdb.Command):
    """See RISC-V page tables: walk and list them, judge accesses, trace page faults.

    Usage: sv39 COMMAND [ARGUMENT...]

    Addresses are expressions, as everywhere in GDB. Options take one dash or two. Every command answers in JSON
    with -json, and to a file with -output FILE. $sv39_status holds the outcome of the last one: 0 answered,
    1 answered with bad news, 2 the question was wrong, 3 the answer is incomplete.

    Example:
      sv39 walk $pc"""

    def __init__(self) -> None:
        super().__init__("sv39", gdb.COMMAND_DATA, gdb.COMPLETE_NONE, True)

    def invoke(self, argument: str, from_tty: bool) -> None:
        """GDB comes here where no subcommand follows, or an unknown one."""
        self.dont_repeat()
        if not argument:
            gdb.execute("help sv39")
            return
        gdb.set_convenience_variable("sv39_status", int(Status.WRONG_QUESTION))
        with one_line_errors():
            REGISTRY.find(argument.split(maxsplit=1)[0])


class DeclaredCommand(gdb.Command):
    """A command of `gdbext.commands` under the prefix sv39."""

    def __init__(self, declared: Command) -> None:
        self.declared = declared
        self.__doc__ = declared.describe_help()
        super().__init__(f"sv39 {declared.name}", gdb.COMMAND_DATA)

    def invoke(self, argument: str, from_tty: bool) -> None:
        self.dont_repeat()
        gdb.set_convenience_variable("sv39_status", int(Status.WRONG_QUESTION))
        with one_line_errors():
            words = split_line(gdb.string_to_argv(argument))
            status = run_command(self.declared, self._choose_target(), words, gdb.write, present_style())
        gdb.set_convenience_variable("sv39_status", int(status))

    def _choose_target(self) -> Target:
        """GDB's target; without one the command may still have an answer, such as the fields of a value."""
        if not self.declared.needs_target or gdb.selected_inferior().connection is None:
            return NoTarget(expressions.evaluate)
        return find_target()

    def complete(self, text: str, word: str) -> Any:
        """Options after a dash, the choices or file names of an option, and expressions everywhere else."""
        words = text.split()
        current = words.pop() if words and not text[-1].isspace() else ""
        option = next((o for o in self.declared.options if words and words[-1].lstrip("-") == o.name.lstrip("-")), None)
        if current.startswith("-"):
            # GDB completes the word after its own break characters, of which the dash is one.
            skip = len(current) - len(word)
            return [match[skip:] for match in self.declared.complete_options(current)]
        if option is not None and option.choices:
            return [choice for choice in option.choices if choice.startswith(current)]
        kind = option.kind if option is not None and option.kind is not Kind.FLAG else Kind.ADDRESS
        return {Kind.FILE: gdb.COMPLETE_FILENAME, Kind.ADDRESS: gdb.COMPLETE_EXPRESSION}.get(kind, gdb.COMPLETE_NONE)


@contextmanager
def one_line_errors() -> Iterator[None]:
    """What the program could not answer becomes GDB's one clean line; a bug keeps its traceback."""
    try:
        yield
    except Sv39Error as error:
        raise gdb.GdbError(str(error)) from error
    finally:
        for note in take_notes():
            gdb.write(f"{note}\n", gdb.STDERR)


class WalkFunction(gdb.Function):
    """A convenience function of one virtual address, answered from its walk in the present address space."""

    def __init__(self, name: str, doc: str, answer: Callable[[Walk], int]) -> None:
        self.__doc__ = doc
        self.name = name
        self.answer = answer
        super().__init__(name)

    def invoke(self, *vas: gdb.Value) -> int:
        with one_line_errors():
            if len(vas) != 1:
                raise BadInput(f"${self.name} takes one argument, a virtual address")
            va = expressions.decode_value(vas[0], f"the argument of ${self.name}")
            target = find_target()
            space = select_space(target, Namespace(**NO_SPACE_OPTIONS))
            rules = target.translation_rules(space.hart)
            with target.reading():
                walked = walk(target, space.mode, space.root_pa, va, rules)
            return self.answer(walked)


def answer_pa(walked: Walk) -> int:
    if walked.pa is None:
        raise BadInput(f"{walked.va:#x} has no pa: {walked.rule}")
    return walked.pa


def answer_pte(walked: Walk) -> int:
    pte = walked.steps[-1].pte if walked.steps else None
    if pte is None:
        raise BadInput(f"{walked.va:#x} has no PTE: {walked.rule}")
    return pte.value


def register() -> None:
    """Declare everything to GDB."""
    Sv39Prefix()
    for declared in load_commands().values():
        DeclaredCommand(declared)
    WalkFunction("sv39_pa", "$sv39_pa(VA): the physical address that VA translates to on the selected hart.", answer_pa)
    WalkFunction("sv39_pte", "$sv39_pte(VA): the raw value of the last PTE that a walk of VA reads.", answer_pte)
    WalkFunction(
        "sv39_mapped",
        "$sv39_mapped(VA): 1 if a walk of VA ends in a leaf PTE on the selected hart, else 0.",
        lambda walked: int(walked.outcome.is_translated),
    )
    tracing.install()
    watch_events()


register()
