"""What a declaration says of the words of a line."""

from __future__ import annotations

import pytest

from gdbext.commands.declaration import Argument, Command, Kind

COMMAND = Command(
    "sample",
    "Do something.",
    lambda _target, _arguments: (),
    (
        Argument("action", "", Kind.TEXT, choices=("save",)),
        Argument("file", "", Kind.FILE),
        Argument("va", "", many=True, optional=True),
        Argument("-hart", ""),
        Argument("-deep", "", Kind.FLAG),
    ),
    examples=(),
)


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ([], "action"),
        (["save"], "file"),
        (["save", "x.core"], "va"),
        (["save", "x.core", "1", "2"], "va"),
        (["-hart"], "-hart"),
        (["--hart"], "-hart"),
        (["-hart", "1"], "action"),
        (["save", "-deep"], "file"),
        (["save", "-hart", "1", "-deep", "x.core"], "va"),
        (["-output"], "-output"),
        # What begins with a dash and is no option is an expression.
        (["save", "x.core", "-1"], "va"),
    ],
)
def test_the_argument_that_comes_next(words: list[str], name: str) -> None:
    argument = COMMAND.find_argument(words)
    assert argument is not None
    assert argument.name == name


def test_no_argument_comes_next() -> None:
    command = Command("sample", "", lambda _target, _arguments: (), (Argument("va", ""),), examples=())
    assert command.find_argument(["1"]) is None
