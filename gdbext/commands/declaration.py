"""How a command is declared: once, for GDB, for the shell, for help and for completion.

A command is a function `(target, arguments)` that returns results, decorated with its name, summary and arguments.
Parsing is argparse's; an option is accepted with one dash (GDB's habit) and with two (the shell's).
"""

from __future__ import annotations

import argparse
import os
import re
import textwrap
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from functools import cached_property
from typing import Any, NoReturn, Protocol

from gdbext.errors import BadInput
from gdbext.target.base import Target

HELP_WIDTH = 100

OPERATOR = re.compile(r"[-+*/%|&^]|<<|>>")
CAST = re.compile(r"\(\s*[A-Za-z_][\w\s]*[\s*]*\)")
OPTION = re.compile(r"--?[A-Za-z]")


class Status(IntEnum):
    """The exit status of the shell command and the value of $sv39_status in GDB."""

    ANSWERED = 0
    BAD_NEWS = 1
    WRONG_QUESTION = 2
    INCOMPLETE = 3


class Result(Protocol):
    """What a command answers: one or more of these, each rendered as text or as one JSON object."""

    @property
    def status(self) -> Status: ...


class Kind(Enum):
    """What an argument holds, which decides how it is evaluated and completed."""

    ADDRESS = "expression"
    TEXT = "text"
    FILE = "file"
    FLAG = "flag"


@dataclass(frozen=True)
class Argument:
    """A positional argument (`name` without a dash) or an option (`-name`)."""

    name: str
    help: str
    kind: Kind = Kind.ADDRESS
    many: bool = False
    optional: bool = False
    choices: tuple[str, ...] = ()
    default: Any = None
    metavar: str = ""

    @property
    def is_option(self) -> bool:
        return self.name.startswith("-")

    @property
    def key(self) -> str:
        """The name of the attribute that holds the value after parsing."""
        return self.name.lstrip("-").replace("-", "_")

    @property
    def placeholder(self) -> str:
        if self.choices:
            return "|".join(self.choices)
        return self.metavar or self.key.upper()

    @property
    def usage(self) -> str:
        if self.kind is Kind.FLAG:
            return f"[{self.name}]"
        if self.is_option:
            return f"[{self.name} {self.placeholder}]"
        text = self.placeholder + ("..." if self.many else "")
        return f"[{text}]" if self.optional else text


JSON_OPTION = Argument("-json", "Answer in JSON, one object a line.", Kind.FLAG)
OUTPUT_OPTION = Argument(
    "-output", "Write the answer to FILE, which appears whole or not at all.", Kind.FILE, metavar="FILE"
)
COMMON_OPTIONS = (JSON_OPTION, OUTPUT_OPTION)

Function = Callable[[Target, argparse.Namespace], "Result | Iterable[Result]"]


@dataclass(frozen=True)
class Command:
    """A declared command. `live_only` ones need a running machine and are not offered by the shell."""

    name: str
    summary: str
    function: Function
    arguments: tuple[Argument, ...]
    examples: tuple[str, ...]
    description: str = ""
    live_only: bool = False
    needs_target: bool = True

    @property
    def options(self) -> tuple[Argument, ...]:
        return (*(a for a in self.arguments if a.is_option), *COMMON_OPTIONS)

    @property
    def positionals(self) -> tuple[Argument, ...]:
        return tuple(a for a in self.arguments if not a.is_option)

    @property
    def usage(self) -> str:
        return " ".join(self._usage_words)

    @property
    def _usage_words(self) -> list[str]:
        return [f"sv39 {self.name}", *(a.usage for a in (*self.positionals, *self.options))]

    def parse(self, tokens: Sequence[str]) -> argparse.Namespace:
        """The words that follow the command's name, as a namespace of strings. Raises `BadInput`."""
        return self._parser.parse_intermixed_args([_shield_negative(token) for token in tokens])

    @cached_property
    def _parser(self) -> _Parser:
        """Made once: it takes argparse as long as many a walk."""
        return _Parser(self)

    def run(self, target: Target, arguments: argparse.Namespace) -> Iterable[Result]:
        """Evaluate the expressions among `arguments` on `target`, then answer."""
        for argument in (*self.positionals, *self.options):
            value = getattr(arguments, argument.key)
            if argument.kind is Kind.ADDRESS and value is not None:
                evaluated = [target.evaluate(v) for v in value] if argument.many else target.evaluate(value)
                setattr(arguments, argument.key, evaluated)
        results = self.function(target, arguments)
        return results if isinstance(results, Iterable) else (results,)

    def describe_help(self) -> str:
        """The help text, in the shape of GDB's own: summary, usage, a paragraph an argument, an example."""
        # A line may break between arguments, but not between an option and its value.
        usage = _wrap(" ".join(word.replace(" ", "\0") for word in self._usage_words), indent=" " * 9)
        lines = [self.summary, "Usage: " + usage.lstrip().replace("\0", " ")]
        if self.description:
            lines += ["", _wrap(self.description)]
        if self.arguments:
            lines.append("")
        for argument in (*self.positionals, *self.options):
            label = argument.name if argument.kind is Kind.FLAG else f"{argument.name} {argument.placeholder}"
            label = label if argument.is_option else argument.placeholder
            lines += [f"  {label}", _wrap(argument.help, indent="    ")]
        lines += ["", "Example:" if len(self.examples) == 1 else "Examples:"]
        lines += [f"  {example}" for example in self.examples]
        return "\n".join(lines)

    def find_argument(self, words: Sequence[str]) -> Argument | None:
        """The argument that a word after `words` would be: an option's value, or the next positional; None for none."""
        by_name = {option.name.lstrip("-"): option for option in self.options}
        expected: Argument | None = None
        positionals = 0
        for word in words:
            option = by_name.get(word.lstrip("-")) if word.startswith("-") else None
            if option is not None:
                expected = None if option.kind is Kind.FLAG else option
            elif expected is not None:
                expected = None
            else:
                positionals += 1
        if expected is not None or not self.positionals:
            return expected
        if positionals < len(self.positionals):
            return self.positionals[positionals]
        return self.positionals[-1] if self.positionals[-1].many else None

    def complete_options(self, word: str) -> list[str]:
        """The options that begin with `word`, with as many dashes as the user typed."""
        dashes = "--" if word.startswith("--") else "-"
        stem = word.lstrip("-")
        return [dashes + o.name.lstrip("-") for o in self.options if o.name.lstrip("-").startswith(stem)]


@dataclass
class Registry:
    """All commands by name, in the order of declaration."""

    commands: dict[str, Command] = field(default_factory=dict)

    def add(self, command: Command) -> None:
        known = self.commands.get(command.name)
        # A module declares its command again if its first import was interrupted.
        if known is not None and known.function.__module__ != command.function.__module__:
            raise ValueError(f"command {command.name} is declared twice")
        self.commands[command.name] = command

    def find(self, name: str) -> Command:
        """The command called `name`, or the only one that begins so, as GDB abbreviates. Raises `BadInput`."""
        if name in self.commands:
            return self.commands[name]
        matches = [n for n in self.commands if n.startswith(name)]
        if len(matches) == 1:
            return self.commands[matches[0]]
        if matches:
            raise BadInput(f'ambiguous sv39 command "{name}": {", ".join(matches)}')
        raise BadInput(f'there is no sv39 command "{name}": one of {", ".join(self.commands)}')


REGISTRY = Registry()


def command(
    name: str,
    summary: str,
    *arguments: Argument,
    examples: Sequence[str],
    description: str = "",
    live_only: bool = False,
    needs_target: bool = True,
) -> Callable[[Function], Function]:
    """Declare the decorated function as `sv39 NAME`."""

    def declare(function: Function) -> Function:
        declared = Command(name, summary, function, arguments, tuple(examples), description, live_only, needs_target)
        REGISTRY.add(declared)
        return function

    return declare


# GDB leaves the ~ of a file name to its commands.
CONVERTERS: dict[Kind, Callable[[str], str]] = dict.fromkeys(Kind, str) | {Kind.FILE: os.path.expanduser}


class _Parser(argparse.ArgumentParser):
    """argparse with GDB's spelling of options and with `BadInput` in place of an exit."""

    def __init__(self, declared: Command) -> None:
        super().__init__(prog=f"sv39 {declared.name}", usage=declared.usage, add_help=False)
        self.declared = declared
        for argument in declared.positionals:
            nargs = {(False, False): None, (False, True): "?", (True, False): "+", (True, True): "*"}
            self.add_argument(
                argument.key,
                metavar=argument.placeholder,
                nargs=nargs[argument.many, argument.optional],
                type=CONVERTERS[argument.kind],
                choices=argument.choices or None,
            )
        for argument in declared.options:
            spellings = (argument.name, "-" + argument.name)
            if argument.kind is Kind.FLAG:
                self.add_argument(*spellings, dest=argument.key, action="store_true")
            else:
                self.add_argument(
                    *spellings,
                    dest=argument.key,
                    type=CONVERTERS[argument.kind],
                    choices=argument.choices or None,
                    default=argument.default,
                    metavar=argument.placeholder,
                )

    def error(self, message: str) -> NoReturn:
        # argparse names an option by all its spellings; one will do.
        message = re.sub(r"argument (-[\w-]+)/--[\w-]+", r"argument \1", message)
        raise BadInput(f'{self.prog}: {message}; see "help {self.prog}"')


def split_line(words: Sequence[str]) -> list[str]:
    """Join words that can only be one expression: `$sp + 8` and `(unsigned long) x`, as GDB's users type them.

    A word that is nothing but a binary operator takes its neighbours along, an open parenthesis reaches to its end, and
    what can be a cast takes along what follows, unless that is an option.
    """
    joined: list[str] = []
    glue = False
    for word in words:
        is_operator = OPERATOR.fullmatch(word) is not None
        is_open = bool(joined) and joined[-1].count("(") > joined[-1].count(")")
        is_cast_of = bool(joined) and CAST.fullmatch(joined[-1]) is not None and OPTION.match(word) is None
        if joined and (glue or is_operator or is_open or is_cast_of):
            joined[-1] += " " + word
        else:
            joined.append(word)
        glue = is_operator
    return joined


def _shield_negative(token: str) -> str:
    """argparse takes `-0x1000` and `-$sp` for options unless there is a space in them."""
    return " " + token if re.match(r"-[\d$(&*]", token) else token


def _wrap(text: str, indent: str = "") -> str:
    return textwrap.fill(
        text,
        HELP_WIDTH,
        initial_indent=indent,
        subsequent_indent=indent,
        break_on_hyphens=False,
        break_long_words=False,
    )
