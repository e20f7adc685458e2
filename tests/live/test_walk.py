"""`sv39 walk` on the sample's tables, against `gva2gpa`, and what it says of each part of the kernel."""

from __future__ import annotations

import pytest

from scripts.qemu import Machine
from tests.live.conftest import Boot
from tests.live.debugger import debug, stop_at
from tests.live.monitor import Monitor

# What no table of the sample maps: holes beside what is mapped, the other half, and what is not canonical.
UNMAPPED = [
    0x0,
    0x1000_1000,
    0x8000_1FFF,
    0x9000_1000,
    0xD000_0000,
    0x3F_FFFF_F000,
    0xFFFF_FFC0_0000_0000,
    0xFFFF_FFFF_FFFF_FFFF,
    0x40_0000_0000,
    0xFFFF_FFBF_FFFF_FFFF,
    0x100_0000_8000_2000,
]


def pick_vas(va: int, size: int) -> range:
    """An address in each page of a mapping; in a long one, which is mostly of megapages, in each megapage."""
    # Odd offsets, so that the low bits have to come through.
    return range(va + 0xABD, va + size, 4096 if size <= 0x40_0000 else 0x20_0000)


@pytest.mark.parametrize("scenario", ["retry", "double", "far"])
def test_every_page_goes_where_gva2gpa_says(boot: Boot, scenario: str) -> None:
    machine = boot(append=scenario)
    stop_at(machine, "stop")
    with Monitor(machine) as monitor:
        mapped = [picked for va, _, size, _ in monitor.iter_mappings() for picked in pick_vas(va, size)]
        vas = [*mapped, *UNMAPPED]
        walks = debug(machine, "sv39 walk -json " + " ".join(map(hex, vas)))[0].json()
        assert [int(walk["va"], 16) for walk in walks] == vas
        for va, walk in zip(vas, walks, strict=True):
            theirs = monitor.translate(va)
            assert (None if walk["pa"] is None else int(walk["pa"], 16)) == theirs, walk
        assert sum(walk["pa"] is not None for walk in walks) == len(mapped) > 500


def test_the_verdict_for_each_part_of_the_kernel(finished: Machine) -> None:
    parts = {
        "&__text_start": "load fetch",
        "&__rodata_start": "load",
        "&__data_start": "load store",
        "0x10000000": "load store",
        "&__page_table_region_start": "load store",
        "(long)&__page_table_region_end-1": "",
        "0x90000000": "load store",
        "0x40000000": "",
    }
    answers = debug(finished, *(f"sv39 walk -json {expression}" for expression in parts))
    for answer, allowed in zip(answers, parts.values(), strict=True):
        [walk] = answer.json()
        assert [access for access, v in walk["verdict"]["S"].items() if v["cause"] is None] == allowed.split(), answer
        assert [v["cause"] for v in walk["verdict"]["U"].values()] == [13, 15, 12]
        assert answer.status == (0 if allowed else 1)


def test_the_ladder_shows_what_lies_in_memory(finished: Machine) -> None:
    vas = "$pc $sp 0x90000000 0x40000000"
    text, json = debug(finished, f"sv39 walk {vas}", f"sv39 walk -json {vas}")
    rungs = [line.split() for line in text.lines if line.startswith("  L")]
    levels = [level for walk in json.json() for level in walk["levels"]]
    assert len(rungs) == len(levels) == 3 + 3 + 3 + 1
    with Monitor(finished) as monitor:
        for rung, level in zip(rungs, levels, strict=True):
            words = " ".join(rung).replace("[ ", "[").replace("[ ", "[").split()
            assert words[0] == f"L{level['level']}[{level['index']}]"
            assert words[2] == f"@{level['pte_pa']}"
            assert int(words[3], 16) == int(level["pte"], 16)
            assert words[4] == level["flags"]
            in_memory = monitor.ask(f"xp /1gx {level['pte_pa']}").split()[-1]
            assert int(level["pte"], 16) == int(in_memory, 16)


def test_options_choose_what_is_judged(finished: Machine) -> None:
    expected: dict[str, dict[str, dict[str, int | None]]] = {
        "-access store": {"S": {"store": 15}, "U": {"store": 15}},
        "-priv U": {"U": {"load": 13, "store": 15, "fetch": 12}},
        "-access fetch -priv S": {"S": {"fetch": None}},
        "--access load --priv S --mxr 1 --sum 1": {"S": {"load": None}},
        "-priv S -ad fault": {"S": {"load": None, "store": 15, "fetch": None}},
    }
    answers = debug(finished, *(f"sv39 walk -json $pc {options}" for options in expected))
    for answer, accesses in zip(answers, expected.values(), strict=True):
        [walk] = answer.json()
        assert accesses == {
            privilege: {access: v["cause"] for access, v in verdicts.items()}
            for privilege, verdicts in walk["verdict"].items()
        }, answer


def test_an_address_of_the_region_that_is_not_mapped_says_who_would_map_it(finished: Machine) -> None:
    inside, outside = debug(
        finished, "sv39 walk (long)&__page_table_region_end-8", "sv39 walk &__page_table_region_end"
    )
    assert inside.lines[-1] == "  0x843ffff8 is in the page-table region; the M-mode handler would be asked to map it."
    assert "region" not in "\n".join(outside.lines[1:])


def test_expressions_as_one_types_them_in_gdb(finished: Machine) -> None:
    expressions = ["$sp + 8", "(unsigned long) $sp + 8", '"$sp + 8"', "$sp+8", "(char *) $sp + 8"]
    answers = debug(finished, *(f"sv39 walk -json {expression}" for expression in expressions))
    assert len({answer.text for answer in answers}) == 1
    assert answers[0].status == 0


def test_in_m_mode_the_walk_is_that_of_satp(boot: Boot) -> None:
    machine = boot()
    at_reset, _, _, in_handler = debug(
        machine,
        "sv39 walk 0x80000000",
        "hbreak machine_trap_entry",
        "continue",
        "sv39 walk -json $mtval -priv S -access store",
    )
    assert "Bare" in at_reset.lines[0]
    [walk] = in_handler.json()
    assert walk["mode"] == "Sv39"
    assert walk["verdict"]["S"]["store"]["cause"] == 15
    assert in_handler.status == 1


def test_convenience_functions(finished: Machine) -> None:
    answers = debug(
        finished,
        "print/x $sv39_pa($pc)",
        "print/x $pc",
        "print $sv39_pa(stop) == $sv39_pa(&stop)",
        "print/x $sv39_pte(0x90000000)",
        "sv39 walk -json 0x90000000",
        "print $sv39_mapped($pc) + $sv39_mapped(0x40000000)",
        "print $sv39_pa(0x40000000)",
        "print $sv39_pte(0x4000000000)",
        'print $sv39_pa("text")',
        "print $sv39_pa()",
    )
    values = [answer.text.partition(" = ")[2] for answer in answers]
    assert values[0] == values[1]
    assert values[2] == "1"
    assert values[3] == answers[4].json()[0]["levels"][-1]["pte"]
    assert values[5] == "1"
    assert answers[6].lines == ["0x40000000 has no pa: the level-2 PTE has V=0"]
    assert answers[7].text.startswith("0x4000000000 has no PTE: the va is not canonical")
    assert [len(answer.lines) for answer in answers[8:]] == [1, 1]


def test_convenience_functions_in_a_breakpoint_condition(machine: Machine) -> None:
    # No table serves 0x90000000 until the kernel maps it; stop() comes long after.
    answers = debug(
        machine, "hbreak kalloc if $sv39_mapped($sp)", "hbreak stop if $sv39_mapped(0x90000000)", *["continue"] * 2
    )
    assert "kalloc" in answers[2].text
    assert "stop" in answers[3].text
