"""What a user meets before any answer: help, completion, settings, $sv39_status."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gdbext.frontend import load_commands
from scripts.qemu import Machine
from tests.live.debugger import Transcript, debug

COMMANDS = load_commands()


@pytest.fixture(scope="module")
def helps() -> Transcript:
    return debug(None, "help sv39", *(f"help sv39 {name}" for name in COMMANDS), elf=None)


def test_help_lists_the_commands_with_their_summaries(helps: Transcript) -> None:
    lines = helps[0].lines
    for declared in COMMANDS.values():
        assert f"sv39 {declared.name} -- {declared.summary}" in lines


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command_is_complete(helps: Transcript, name: str) -> None:
    declared = COMMANDS[name]
    answer = next(answer for answer in helps if answer.command == f"help sv39 {name}")
    assert answer.lines[0] == declared.summary
    assert answer.lines[1].startswith(f"Usage: sv39 {name}")
    assert "Example" in answer.text
    for option in (*declared.positionals, *declared.options):
        label = option.name if option.is_option else option.placeholder
        assert any(line.strip().startswith(label) for line in answer.lines), f"{label} is not explained"
    assert all(len(line) <= 100 for line in answer.lines)
    assert not answer.lines[0].endswith(" ")
    for example in declared.examples:
        assert f"  {example}" in answer.lines
        assert example.startswith(f"sv39 {name}")


def test_every_example_is_accepted_by_the_parser() -> None:
    for declared in COMMANDS.values():
        for example in declared.examples:
            declared.parse(example.split()[2:])


@pytest.mark.parametrize("name", COMMANDS)
def test_options_complete_with_one_dash_and_with_two(name: str) -> None:
    one, two = debug(None, f"complete sv39 {name} -", f"complete sv39 {name} --j", elf=None)
    assert one.lines == sorted(f"sv39 {name} {option.name}" for option in COMMANDS[name].options)
    assert two.lines == [f"sv39 {name} --json"]


def test_what_else_completes(finished: Machine) -> None:
    expected = {
        "complete sv39 wal": ["sv39 walk"],
        "complete sv39 walk supervisor_ma": ["sv39 walk supervisor_main"],
        "complete sv39 walk &supervisor_ma": ["sv39 walk &supervisor_main"],
        "complete sv39 walk stop -access ": [
            f"sv39 walk stop -access {access}" for access in ("fetch", "load", "store")
        ],
        "complete sv39 walk -access=": [],
        "complete sv39 walk -mode sv3": ["sv39 walk -mode sv39"],
        "complete sv39 walk -hart supervisor_ma": ["sv39 walk -hart supervisor_main"],
        "complete sv39 walk -output /usr/bin/gdb-multiar": ["sv39 walk -output /usr/bin/gdb-multiarch"],
        "complete set sv39 ta": ["set sv39 table-region"],
    }
    for answer, matches in zip(debug(finished, *expected), expected.values(), strict=True):
        assert answer.lines == matches, answer


def test_one_dash_and_two_dashes_mean_the_same(finished: Machine) -> None:
    one, two = debug(finished, "sv39 walk $pc -json -access load", "sv39 walk --json --access load $pc")
    assert one.text == two.text
    assert one.json()


def test_commands_abbreviate_as_in_gdb(finished: Machine) -> None:
    whole, short = debug(finished, "sv39 walk $pc", "sv39 wal $pc")
    assert whole.text == short.text


def test_an_empty_line_does_not_repeat_a_command(finished: Machine) -> None:
    # In batch mode an empty line of a sourced file is what Return is at the prompt.
    [answer] = debug(finished, "sv39 walk $pc\n\n")
    assert answer.text.count("va 0x") == 1


def test_the_prefix_alone_shows_its_help(finished: Machine) -> None:
    alone, help_text = debug(finished, "sv39", "help sv39")
    assert alone.text == help_text.text


def test_the_page_table_region_can_be_set_shown_and_found(finished: Machine) -> None:
    show = "show sv39 table-region"
    transcript = debug(
        finished,
        show,
        "set sv39 table-region 0x84000000 +0x1000",
        show,
        "sv39 walk 0x843ff000",
        "set sv39 table-region &__page_table_region_start &__page_table_region_end",
        show,
        "sv39 walk 0x843ff000",
        "set sv39 table-region 5 3",
        "set sv39 table-region nosuch +1",
        "set sv39 table-region 1",
        show,
        "set sv39 table-region auto",
        show,
    )
    bounds = "The page-table region is 0x84000000 to 0x84400000, by "
    by_symbols = f"{bounds}symbols __page_table_region_start and __page_table_region_end."
    assert transcript[0].text == transcript[-1].text == by_symbols
    assert transcript[2].text == "The page-table region is 0x84000000 to 0x84001000, by set sv39 table-region."
    assert "region" not in transcript[3].text
    assert "is in the page-table region" in transcript[6].text
    # A refused value leaves the one before.
    assert [len(answer.lines) for answer in transcript[7:10]] == [1, 1, 1]
    assert transcript[5].text == transcript[10].text == f"{bounds}set sv39 table-region."


def test_without_symbols_the_region_is_not_known() -> None:
    [answer] = debug(None, "show sv39 table-region", elf=None)
    assert answer.text == "The page-table region is not known."


def test_settings_are_listed_and_explained() -> None:
    helps = debug(None, "help set sv39", "help show sv39", "set sv39", elf=None)
    settings = re.findall(r"^set sv39 (\S+) -- ", helps[0].text, re.MULTILINE)
    assert "table-region" in settings
    assert re.findall(r"^show sv39 (\S+) -- ", helps[1].text, re.MULTILINE) == settings
    assert helps[2].text == helps[0].text
    shown = debug(None, "show sv39", *(f"show sv39 {name}" for name in settings), elf=None)
    assert sorted(shown[0].lines) == sorted(answer.text for answer in shown[1:])
    for answer in debug(None, *(f"help set sv39 {name}" for name in settings), elf=None):
        assert f"Usage: {answer.command.removeprefix('help ')} " in answer.text
    unknown = debug(None, "set sv39 nosuch", "show sv39 nosuch", elf=None)
    assert [answer.text for answer in unknown] == [
        'there is no setting "nosuch"; try "help set sv39"',
        'there is no setting "nosuch"; try "help show sv39"',
    ]


def test_the_status_says_what_became_of_the_last_command(finished: Machine) -> None:
    answers = debug(finished, "sv39 walk $pc", "sv39 walk 0x40000000", "sv39 walk nosuch", "sv39 maps -root 0x12345000")
    assert [answer.status for answer in answers] == [0, 1, 2, 3]


def test_the_status_can_be_used_in_a_script(finished: Machine, tmp_path: Path) -> None:
    script = tmp_path / "check.gdb"
    script.write_text("sv39 walk 0x40000000 -output /dev/null\nif $sv39_status == 1\necho unmapped\\n\nend\n")
    [answer] = debug(finished, f"source {script}")
    assert answer.text == "unmapped"


def test_functions_have_help() -> None:
    [answer] = debug(None, "help function", elf=None)
    for name in ("sv39_pa", "sv39_pte", "sv39_mapped"):
        assert f"$sv39_{name.removeprefix('sv39_')}(VA): " in answer.text
