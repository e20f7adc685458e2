"""sv39 tables: columns, the answer to whether a table can be touched, JSON."""

import json

from gdbext.commands.declaration import Status
from tests.unit.fakes import RAM, ROOT_PA, make_space, pte_value, run


def test_the_listing_word_for_word() -> None:
    target, tables = make_space()
    tables.map(0x40_0000, ROOT_PA, "rwad")
    target.write_pte(ROOT_PA + 3 * 8, pte_value(ROOT_PA + 0x1000))
    text, status = run(target, "tables")
    assert status is Status.ANSWERED
    assert text == (
        "Sv39 asid 0 root 0x84000000 (hart 0)\n"
        "level  pa                entries  pte               serves                                 mapped at\n"
        "    2  0x00000084000000        2  satp              every va                               0x400000 rw---ad\n"
        "    1  0x00000084001000        1  0x00000084000000  0x0000000000000000-0x0000000040000000  "
        "not mapped: touching it from S faults\n"
        "    1  0x00000084001000        1  0x00000084000018  0x00000000c0000000-0x0000000100000000  the same page\n"
        "    0  0x00000084002000        1  0x00000084001010  0x0000000000400000-0x0000000000600000  "
        "not mapped: touching it from S faults\n"
        "3 tables: 1 mapped, 2 not mapped\n"
    )


def test_mappings_that_do_not_let_the_kernel_edit() -> None:
    target, tables = make_space()
    tables.map(0x1000, ROOT_PA, "r")
    tables.map(0x3000, ROOT_PA, "rwu")
    tables.map(0x5000, ROOT_PA)
    tables.map(0x7000, ROOT_PA)
    tables.map(0x9000, ROOT_PA)
    root_line = run(target, "tables")[0].splitlines()[2]
    assert root_line.endswith(
        "0x1000 r------ (writing faults), 0x3000 rw-u--- (user page: needs SUM=1), 0x5000 rw---ad, and 2 more"
    )


def test_json_as_documented() -> None:
    target, tables = make_space()
    tables.map(0x40_0000, ROOT_PA, "rwad")
    answer = json.loads(run(target, "tables -json")[0])
    assert answer["schema"] == "sv39.tables/1"
    assert answer["complete"] is True
    assert answer["tables"][0] == {
        "pa": "0x84000000",
        "level": 2,
        "entries": 1,
        "parents": [{"pte_pa": None, "level": 2, "va": "0x0", "size": 1 << 39}],
        "mapped": [{"va": "0x400000", "flags": "rw---ad"}],
    }
    assert answer["tables"][2]["parents"] == [{"pte_pa": "0x84001010", "level": 0, "va": "0x400000", "size": 0x20_0000}]


def test_an_unreadable_table_makes_the_answer_incomplete() -> None:
    target, tables = make_space()
    tables.set_pte(0x4000_0000, pte_value(RAM.end), level=2)
    text, status = run(target, "tables")
    assert status is Status.INCOMPLETE
    assert "incomplete: the level-1 table 0x88000000 for va 0x40000000 could not be read: no RAM there\n" in text
    answer = json.loads(run(target, "tables -json")[0])
    assert answer["unreadable"] == [{"pa": "0x88000000", "level": 1, "va": "0x40000000"}]
