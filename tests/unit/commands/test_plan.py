"""sv39 plan as it is typed."""

import json

import pytest

from gdbext.commands.declaration import Status
from gdbext.errors import BadInput
from tests.unit.fakes import FakeTarget, run


def test_a_plan_word_for_word() -> None:
    text, status = run(FakeTarget(), "plan 0x80000000 +128M")
    assert status is Status.ANSWERED
    assert text == (
        "Sv39: 0x0000000080000000-0x0000000088000000, 128M in 32768 leaves of 4K\n"
        "  level 2 (root)   1 table         4K\n"
        "  level 1          1 table         4K\n"
        "  level 0         64 tables      256K\n"
        "  in all          66 tables      264K\n"
        "  if every table of Sv39 existed: 1 + 512 + 262144 = 262657 tables, 1050628K\n"
    )


@pytest.mark.parametrize("end", ["0x80003000", "+0x3000", "+12K", "+12k", "end", "+three_pages"])
def test_the_end_of_a_plan(end: str) -> None:
    target = FakeTarget(symbols={"end": 0x8000_3000, "three_pages": 0x3000})
    answer = json.loads(run(target, f"plan 0x80000000 {end} -json")[0])
    assert (answer["end"], answer["leaves"], answer["rounded"]) == ("0x80003000", 3, False)


def test_a_plan_up_to_the_last_address() -> None:
    answer = json.loads(run(FakeTarget(), "plan 0xffffffffc0000000 0 -page 2M -json")[0])
    assert (answer["leaves"], answer["table_count"]) == (512, 2)


def test_rounding_is_said() -> None:
    text, _ = run(FakeTarget(), "plan 0x80000001 0x80000002")
    assert "  rounded to whole pages of 4K: asked for 0x80000001 to 0x80000002\n" in text


def test_a_page_size_that_the_mode_lacks() -> None:
    with pytest.raises(BadInput, match="Sv39 has no pages of 512G"):
        run(FakeTarget(), "plan 0 +1G -page 512G")
