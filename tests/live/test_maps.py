"""`sv39 maps` on the sample's tables after its faults, page by page against `info mem`."""

from __future__ import annotations

import stat
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import pytest

from scripts.qemu import Machine
from tests.live.conftest import Boot
from tests.live.debugger import debug, stop_at
from tests.live.monitor import Monitor

PAGE_SIZE = 4096


def split_pages(mappings: Iterable[tuple[int, int, int, str]]) -> dict[int, tuple[int, str]]:
    """The pa and the flags of every mapped page, by va."""
    pages: dict[int, tuple[int, str]] = {}
    for va, pa, size, flags in mappings:
        for offset in range(0, size, PAGE_SIZE):
            assert va + offset not in pages, f"{va + offset:#x} is listed twice"
            pages[va + offset] = (pa + offset, flags)
    return pages


@pytest.mark.parametrize("scenario", ["retry", "double", "far", "churn 20", "no-dirty-d", "no-fence-map"])
def test_every_page_is_what_info_mem_says(boot: Boot, scenario: str) -> None:
    machine = boot(append=scenario)
    stop_at(machine, "stop")
    [maps] = debug(machine, "sv39 maps -json")
    [answer] = maps.json()
    ours = split_pages((int(m["va"], 16), int(m["pa"], 16), m["size"], m["flags"]) for m in answer["maps"])
    with Monitor(machine) as monitor:
        theirs = split_pages(monitor.iter_mappings())
    assert theirs
    assert ours.items() ^ theirs.items() == set()
    assert (maps.status, answer["complete"], answer["unreadable"]) == (0, True, [])


def test_neighbours_are_merged_as_far_as_they_go(finished: Machine) -> None:
    [maps] = debug(finished, "sv39 maps -json")[0].json()
    rows = [(int(m["va"], 16), int(m["pa"], 16), m["size"], m["flags"]) for m in maps["maps"]]
    for (va, pa, size, flags), (next_va, next_pa, _, next_flags) in pairwise(rows):
        assert (va + size, pa + size, flags) != (next_va, next_pa, next_flags)
        assert va + size <= next_va


def test_filters_keep_what_they_name(finished: Machine) -> None:
    expected = {
        "-perm x": {"r-x"},
        "-perm w": {"rw-"},
        "-perm wx": set(),
        "-user": set(),
        "-super": {"r--", "rw-", "r-x"},
    }
    answers = debug(finished, *(f"sv39 maps -json {options}" for options in expected))
    for answer, permissions in zip(answers, expected.values(), strict=True):
        [maps] = answer.json()
        assert {m["flags"][:3] for m in maps["maps"]} == permissions, answer


def test_text_and_json_list_the_same(finished: Machine) -> None:
    text, json = debug(finished, "sv39 maps", "sv39 maps -json")
    rows = [line for line in text.lines if line.startswith("0x")]
    assert [(int(row[:18], 16), int(row[19:37], 16), row.split()[3]) for row in rows] == [
        (int(m["va"], 16), int(m["va"], 16) + m["size"], m["flags"]) for m in json.json()[0]["maps"]
    ]


def test_holes_and_mappings_fill_the_range_that_was_asked_for(finished: Machine) -> None:
    start, end = 0x8000_0000, 0xA000_0000
    [maps] = debug(finished, f"sv39 maps -json -holes -from {start:#x} -to {end:#x}")[0].json()
    for row in maps["maps"]:
        assert int(row["va"], 16) == start
        start += row["size"]
    assert start == end


def test_output_is_the_same_in_a_file_that_others_cannot_read(finished: Machine, tmp_path: Path) -> None:
    path = tmp_path / "maps.json"
    shown, written = debug(finished, "sv39 maps -json", f"sv39 maps -json -output {path}")
    assert written.text == ""
    assert path.read_text(encoding="utf-8") == shown.text + "\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_whose_tables_are_listed(machine: Machine, boot: Boot) -> None:
    [at_reset] = debug(machine, "sv39 maps")
    assert at_reset.lines == [
        "satp is Bare (hart 0): no page tables are in force; name some with -root PA, or -satp VALUE"
    ]
    assert at_reset.status == 2
    two = boot(append="smp", extra=["-smp", "2"])
    stop_at(two, "stop")
    ways = ["", "-hart 1", "-root &__page_table_region_start", "-satp $satp"]
    answers = debug(two, *(f"sv39 maps -json {way}" for way in ways))
    assert len({answer.text for answer in answers}) == 1
    assert answers[0].json()[0]["maps"]
