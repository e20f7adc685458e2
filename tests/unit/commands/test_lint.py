"""sv39 lint: text, status, JSON; the rules themselves are tested with the tables."""

import json

from gdbext.commands.declaration import Status
from gdbext.frontend import load_commands
from gdbext.tables.lint import MAX_FINDINGS_PER_RULE, RULES
from tests.unit.fakes import RAM, ROOT_PA, FakeTarget, TableBuilder, make_space, pte_value, run


def make_mapped() -> tuple[FakeTarget, TableBuilder]:
    target, tables = make_space()
    tables.map_range(ROOT_PA, ROOT_PA, 0x8000)
    return target, tables


def test_findings_word_for_word() -> None:
    target, tables = make_mapped()
    tables.map(ROOT_PA + 0x10_0000, 0x8030_0000, "wad")
    tables.map(ROOT_PA + 0x11_0000, 0x8040_0000, "rwxad")
    text, status = run(target, "lint")
    assert status is Status.BAD_NEWS
    assert text == (
        "Sv39 asid 0 root 0x84000000 (hart 0)\n"
        "errors:\n"
        "  reserved-encoding              0x0000000084100000-0x0000000084101000  pte @0x84002800  0x00000000200c00c5  "
        "V-W---AD-  the level-0 PTE has W=1 with R=0, which is reserved\n"
        "warnings:\n"
        "  writable-executable            0x0000000084110000-0x0000000084111000  pte @0x84002880  0x00000000201000cf  "
        "VRWX--AD-  the page is both writable and executable\n"
        "1 error, 1 warning, 0 notes in 3 tables\n"
    )


def test_nothing_found() -> None:
    target, _ = make_mapped()
    text, status = run(target, "lint")
    assert status is Status.ANSWERED
    assert text == "Sv39 asid 0 root 0x84000000 (hart 0)\n0 errors, 0 warnings, 0 notes in 3 tables\n"


def test_warnings_are_no_bad_news() -> None:
    target, tables = make_mapped()
    tables.map(ROOT_PA + 0x11_0000, 0x8040_0000, "rwxad")
    assert run(target, "lint")[1] is Status.ANSWERED


def test_a_root_outside_ram() -> None:
    text, status = run(FakeTarget(), f"lint -root {RAM.end:#x}")
    assert status is Status.BAD_NEWS
    assert "table-outside-ram              0x0000000000000000-0x0000008000000000  satp  the level-2 table" in text


def test_more_than_is_shown() -> None:
    target, tables = make_mapped()
    for number in range(MAX_FINDINGS_PER_RULE + 2):
        tables.map(0xC000_0000 + number * 0x2000, 0x8030_0000, "wad")
    assert "and 2 more of reserved-encoding\n" in run(target, "lint")[0]


def test_a_table_that_is_not_known_makes_the_answer_incomplete() -> None:
    target, tables = make_mapped()
    target.not_captured.add(0x8700_0000)
    tables.set_pte(1 << 30, pte_value(0x8700_0000), level=2)
    text, status = run(target, "lint")
    assert status is Status.INCOMPLETE
    assert "incomplete: the level-1 table 0x87000000 for va 0x40000000 could not be read: not in this file" in text


def test_json_as_documented() -> None:
    target, tables = make_mapped()
    tables.map(ROOT_PA + 0x10_0000, 0x8030_0000, "wad")
    assert json.loads(run(target, "lint -json")[0]) == {
        "schema": "sv39.lint/1",
        "mode": "Sv39",
        "root": "0x84000000",
        "complete": True,
        "unreadable": [],
        "tables": 3,
        "errors": 1,
        "warnings": 0,
        "notes": 0,
        "counts": {"reserved-encoding": 1},
        "findings": [
            {
                "rule": "reserved-encoding",
                "severity": "error",
                "va": "0x84100000",
                "size": 4096,
                "pte_pa": "0x84002800",
                "pte": "0x200c00c5",
                "text": "the level-0 PTE has W=1 with R=0, which is reserved",
            }
        ],
    }


def test_the_help_names_every_rule() -> None:
    text = load_commands()["lint"].describe_help()
    assert all(name in text.replace("\n", " ") for name in RULES)
