"""What a declaration says of the words of a line."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gdbext.commands.declaration import Argument, Command, Kind, Registry, Result, Status, split_line
from gdbext.errors import BadInput
from gdbext.frontend import load_commands
from gdbext.target.base import Target
from tests.unit.fakes import FakeTarget

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


VAS = Command(
    "look",
    "Look at each VA.",
    lambda _target, _arguments: (),
    (
        Argument("va", "A virtual address.", many=True),
        Argument("-hart", "Ask hart N.", metavar="N"),
        Argument("-priv", "A privilege level.", Kind.TEXT, choices=("S", "U")),
        Argument("-deep", "Look deeper.", Kind.FLAG),
    ),
    examples=("sv39 look 5",),
    description="It looks.",
)


# Parsing


@pytest.mark.parametrize("dashes", ["-", "--"])
def test_options_take_one_dash_or_two_in_any_place(dashes: str) -> None:
    words = ["5", f"{dashes}hart", "1", "6", f"{dashes}deep", f"{dashes}priv", "U", f"{dashes}json"]
    arguments = VAS.parse(words)
    assert (arguments.va, arguments.hart, arguments.priv) == (["5", "6"], "1", "U")
    assert (arguments.deep, arguments.json, arguments.output) == (True, True, None)


def test_what_is_not_typed_is_none_or_false() -> None:
    arguments = VAS.parse(["5"])
    assert (arguments.hart, arguments.priv, arguments.output, arguments.deep, arguments.json) == (
        None,
        None,
        None,
        False,
        False,
    )


@pytest.mark.parametrize("word", ["-8", "-0x1000", "-$sp", "-(1)", "-&x", "-*p"])
def test_a_negative_expression_is_no_option(word: str) -> None:
    assert [va.strip() for va in VAS.parse([word]).va] == [word]


def test_a_tilde_is_expanded_in_file_names_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    arguments = COMMAND.parse(["save", "~/x.core", "~5", "-output", "~/text", "-hart", "~1"])
    assert (arguments.file, arguments.output) == ("/home/someone/x.core", "/home/someone/text")
    assert (arguments.va, arguments.hart) == (["~5"], "~1")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "the following arguments are required: VA"),
        (["5", "-nosuch"], "unrecognized arguments: -nosuch"),
        (["5", "-hart"], "argument -hart: expected one argument"),
        (["5", "--priv", "M"], "argument -priv: invalid choice: 'M' (choose from 'S', 'U')"),
        (["5", "-output"], "argument -output: expected one argument"),
    ],
)
def test_wrong_words_are_one_line_that_names_the_help(words: list[str], message: str) -> None:
    with pytest.raises(BadInput) as caught:
        VAS.parse(words)
    assert str(caught.value) == f'sv39 look: {message}; see "help sv39 look"'


@given(st.lists(st.text(max_size=8), max_size=6))
def test_any_words_parse_or_are_refused(words: list[str]) -> None:
    try:
        arguments = VAS.parse(words)
    except BadInput as error:
        assert "\n" not in str(error) or any("\n" in word for word in words)
    else:
        assert arguments.va


# Splitting a line


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("a b c", ["a", "b", "c"]),
        ("$sp + 8 $pc", ["$sp + 8", "$pc"]),
        ("1 << 12 | 5", ["1 << 12 | 5"]),
        ("(a + b) c", ["(a + b)", "c"]),
        ("(unsigned long) x y", ["(unsigned long) x", "y"]),
        ("(char *) p + 1", ["(char *) p + 1"]),
        ("(long) $sp -json", ["(long) $sp", "-json"]),
        ("(x) -json", ["(x)", "-json"]),
        ("($sp) y", ["($sp)", "y"]),
        ("a -8", ["a", "-8"]),
        ("a - 8", ["a - 8"]),
        ("-hart 1 a", ["-hart", "1", "a"]),
        ("f (1, 2", ["f", "(1, 2"]),
        ("", []),
    ],
)
def test_expressions_with_spaces_stay_whole(line: str, words: list[str]) -> None:
    assert split_line(line.split()) == words


# Running


def test_expressions_are_evaluated_and_texts_are_not() -> None:
    seen: list[Namespace] = []

    def look(_target: Target, arguments: Namespace) -> Iterable[Result]:
        seen.append(arguments)
        return ()

    declared = Command("look", "", look, VAS.arguments, ())
    target = FakeTarget(symbols={"start": 0x8000_0000})
    list(declared.run(target, declared.parse(["start+8", "16", "-hart", "start", "-priv", "S", "-output", "file"])))
    [arguments] = seen
    assert (arguments.va, arguments.hart) == ([0x8000_0008, 16], 0x8000_0000)
    assert (arguments.priv, arguments.output) == ("S", "file")


def test_an_expression_that_makes_no_sense_stops_the_command() -> None:
    with pytest.raises(BadInput, match="nosuch"):
        VAS.run(FakeTarget(), VAS.parse(["nosuch"]))


# Help and completion


def test_help_has_the_shape_of_gdb_s_own() -> None:
    assert VAS.describe_help().splitlines() == [
        "Look at each VA.",
        "Usage: sv39 look VA... [-hart N] [-priv S|U] [-deep] [-json] [-output FILE]",
        "",
        "It looks.",
        "",
        "  VA",
        "    A virtual address.",
        "  -hart N",
        "    Ask hart N.",
        "  -priv S|U",
        "    A privilege level.",
        "  -deep",
        "    Look deeper.",
        "  -json",
        "    Answer in JSON, one object a line.",
        "  -output FILE",
        "    Write the answer to FILE, which appears whole or not at all.",
        "",
        "Example:",
        "  sv39 look 5",
    ]


@pytest.mark.parametrize("name", load_commands())
def test_no_line_of_a_usage_ends_inside_an_option(name: str) -> None:
    help_text = load_commands()[name].describe_help()
    for line in help_text.partition("\n\n")[0].splitlines()[1:]:
        assert line.count("[") == line.count("]"), line
    assert max(map(len, help_text.splitlines())) <= 100


@pytest.mark.parametrize(
    ("word", "matches"),
    [
        ("-", ["-hart", "-priv", "-deep", "-json", "-output"]),
        ("-h", ["-hart"]),
        ("--p", ["--priv"]),
        ("-nosuch", []),
    ],
)
def test_options_complete_with_the_dashes_that_were_typed(word: str, matches: list[str]) -> None:
    assert VAS.complete_options(word) == matches


# The registry


def test_a_name_is_declared_by_one_module() -> None:
    def elsewhere(_target: Target, _arguments: Namespace) -> Iterable[Result]:
        return ()

    elsewhere.__module__ = "another.module"
    registry = Registry()
    registry.add(VAS)
    # As after an import that was interrupted.
    registry.add(VAS)
    with pytest.raises(ValueError, match="twice"):
        registry.add(Command("look", "", elsewhere, (), ()))


def test_a_name_may_be_shortened_while_it_is_unique() -> None:
    registry = Registry()
    for name in ("walk", "why", "tree", "tree-all"):
        registry.add(Command(name, "", VAS.function, (), ()))
    assert registry.find("wa").name == "walk"
    assert registry.find("tree").name == "tree"
    with pytest.raises(BadInput, match='ambiguous sv39 command "w": walk, why'):
        registry.find("w")
    with pytest.raises(BadInput, match='no sv39 command "x": one of walk, why, tree, tree-all'):
        registry.find("x")


def test_the_statuses_order_by_how_bad_they_are() -> None:
    assert [int(status) for status in Status] == [0, 1, 2, 3]
    assert max(Status.BAD_NEWS, Status.INCOMPLETE) is Status.INCOMPLETE
