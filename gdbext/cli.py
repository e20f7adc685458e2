"""The shell front end: `sv39 CORE COMMAND ...`, where the rest of the line is what one types in GDB."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gdbext import __version__
from gdbext.commands.declaration import REGISTRY, Command, Status, split_line
from gdbext.errors import BadInput, Sv39Error
from gdbext.frontend import load_commands, run_command
from gdbext.render.style import PLAIN, Style
from gdbext.target import expressions
from gdbext.target.base import Target
from gdbext.target.core import CoreTarget, open_core_target
from gdbext.target.names import decode_region
from gdbext.target.none import NoTarget
from gdbext.target.symbols import ElfSymbols

USAGE = """\
Usage: sv39 CORE COMMAND [ARGUMENT...]
       sv39 COMMAND [ARGUMENT...]         for commands that need no machine
       sv39 help [COMMAND]

CORE is an ELF core (of sv39 core save, or of QEMU's dump-guest-memory), or with -base a raw image of RAM.
The rest of the line is what one types in GDB after sv39. Addresses are numbers, symbols and $registers, added and
subtracted; a symbol stands for its address.

Options, anywhere in the line:
  -elf FILE                    Take symbols and sections from the kernel's ELF file.
  -base PA                     CORE is a raw image of the RAM that begins at PA.
  -table-region START END      The kernel's page tables lie between these addresses; END may be +SIZE.

Exit status: 0 answered, 1 answered with bad news, 2 the question was wrong, 3 the answer is incomplete.

Example:
  sv39 crash.core walk 0x80201000 -elf kernel.elf
"""
SHELL_OPTIONS = {"elf": 1, "base": 1, "table-region": 2}
EX_SOFTWARE = 70
INTERRUPTED = 130
STYLE = Style(
    {
        "address": "\x1b[34m",
        "function": "\x1b[33m",
        "title": "\x1b[1m",
        "highlight": "\x1b[31m",
        "metadata": "\x1b[2m",
        "good": "\x1b[32m",
        "error": "\x1b[31m",
    }
)


@dataclass
class Line:
    """A command line: what names the machine, and the words of the command."""

    words: list[str] = field(default_factory=list)
    options: dict[str, list[str]] = field(default_factory=dict)

    def option(self, name: str) -> str | None:
        """The value of an option with one value."""
        return self.options[name][0] if name in self.options else None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return the exit status."""
    try:
        status = run(sys.argv[1:] if arguments is None else arguments)
        sys.stdout.flush()
        return status
    except Sv39Error as error:
        return _fail(str(error), Status.WRONG_QUESTION)
    except BrokenPipeError:
        # Who reads the answer has seen enough. Python would complain once more when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Status.INCOMPLETE
    except OSError as error:
        return _fail(f"cannot write the answer: {error.strerror}", Status.WRONG_QUESTION)
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception:
        traceback.print_exc()
        return EX_SOFTWARE


def _fail(text: str, status: int) -> int:
    print(f"sv39: {text}", file=sys.stderr)
    return status


def run(arguments: Sequence[str]) -> int:
    """Like `main`, with its exceptions."""
    line = parse_line(arguments)
    commands = load_commands()
    if not line.words or line.words[0] in ("help", "-h", "-help", "--help"):
        sys.stdout.write(describe_help(line.words[1:]))
        return Status.ANSWERED
    if line.words[0] in ("-version", "--version"):
        sys.stdout.write(f"sv39 {__version__}\n")
        return Status.ANSWERED
    first = commands.get(line.words[0])
    if first is not None and not (first.needs_target and Path(line.words[0]).exists()):
        return _run_without_core(first, line)
    if len(line.words) == 1:
        raise BadInput(f"{line.words[0]}: which command? See sv39 help")
    core, name, *words = line.words
    if name == "help":
        sys.stdout.write(describe_help(words))
        return Status.ANSWERED
    # GDB ends the name of a command at a slash: x/4gx.
    name, slash, suffix = name.partition("/")
    declared = REGISTRY.find(name)
    if declared.live_only:
        raise BadInput(f"sv39 {declared.name} needs a running machine: use it in GDB")
    target = open_target(Path(core), line)
    return _run(declared, target, [slash + suffix, *words] if slash else words)


def _run_without_core(declared: Command, line: Line) -> int:
    if declared.live_only:
        raise BadInput(f"sv39 {declared.name} needs a running machine: use it in GDB")
    elf = line.option("elf")
    symbols = ElfSymbols(Path(elf)) if elf else None
    refusal = f"sv39 {declared.name} needs a machine: sv39 CORE {declared.name} ..."
    target = NoTarget(lambda text: _evaluate_alone(text, symbols), refusal)
    return _run(declared, target, line.words[1:])


def _evaluate_alone(text: str, symbols: ElfSymbols | None = None) -> int:
    return expressions.evaluate(text, symbols.find_address if symbols else lambda _: None, lambda _: None)


def _run(declared: Command, target: Target, words: Sequence[str]) -> int:
    coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    return run_command(declared, target, split_line(words), sys.stdout.write, STYLE if coloured else PLAIN)


def open_target(core: Path, line: Line) -> CoreTarget:
    """The target that a command line names. Raises `BadFile` or `BadInput`."""
    elf, base = line.option("elf"), line.option("base")
    target = open_core_target(core, Path(elf) if elf else None, None if base is None else _evaluate_alone(base))
    if "table-region" in line.options:
        target.table_region = decode_region(line.options["table-region"], target.evaluate, "-table-region")
    return target


def parse_line(arguments: Sequence[str]) -> Line:
    """Take the shell's own options out of the words, wherever they are. Raises `BadInput`."""
    line = Line()
    words = iter(arguments)
    for word in words:
        name, equals, value = word.partition("=")
        name = name.removeprefix("-").removeprefix("-") if name.startswith("-") else ""
        if name not in SHELL_OPTIONS:
            line.words.append(word)
            continue
        values = [value] if equals else []
        values += [v for _, v in zip(range(SHELL_OPTIONS[name] - len(values)), words, strict=False)]
        if len(values) < SHELL_OPTIONS[name]:
            raise BadInput(f"-{name} lacks its value; see sv39 help")
        line.options[name] = values
    return line


def describe_help(words: Sequence[str]) -> str:
    """The help on a command, or the usage and a line for each command."""
    if words:
        return REGISTRY.find(words[0]).describe_help() + "\n"
    offered = [command for command in REGISTRY.commands.values() if not command.live_only]
    width = max(len(command.name) for command in offered)
    lines = [f"  {command.name:{width}}  {command.summary}\n" for command in offered]
    return "".join([USAGE, "\nCommands; sv39 help COMMAND tells more:\n", *lines])
