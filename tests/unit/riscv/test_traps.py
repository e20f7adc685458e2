"""Exception causes and the accesses they speak of."""

from __future__ import annotations

import pytest

from gdbext.riscv.traps import Access, access_of_cause, describe_cause, describe_privilege


@pytest.mark.parametrize(
    ("access", "page_fault", "access_fault"), [(Access.FETCH, 12, 1), (Access.LOAD, 13, 5), (Access.STORE, 15, 7)]
)
def test_each_access_has_its_page_fault_and_its_access_fault(
    access: Access, page_fault: int, access_fault: int
) -> None:
    assert (access.page_fault, access.access_fault) == (page_fault, access_fault)
    assert access_of_cause(page_fault) is access_of_cause(access_fault) is access


@pytest.mark.parametrize("cause", [0, 2, 3, 4, 6, 8, 9, 10, 11, 14, 16, 18, 19, 20, 21, 22, 23, 24, 1 << 63 | 5])
def test_other_causes_speak_of_no_access(cause: int) -> None:
    assert access_of_cause(cause) is None


@pytest.mark.parametrize(
    ("cause", "text"),
    [
        (2, "illegal instruction"),
        (12, "instruction page fault"),
        (13, "load page fault"),
        (15, "store/AMO page fault"),
        (14, "exception 14 (reserved or custom)"),
        (1 << 63 | 5, "supervisor timer interrupt"),
        (1 << 63 | 7, "machine timer interrupt"),
        (1 << 63 | 40, "interrupt 40"),
    ],
)
def test_causes_are_named_as_in_the_specification(cause: int, text: str) -> None:
    assert describe_cause(cause) == text


@pytest.mark.parametrize(
    ("privilege", "text"), [(0, "U-mode"), (1, "S-mode"), (2, "reserved privilege 2"), (3, "M-mode")]
)
def test_privileges(privilege: int, text: str) -> None:
    assert describe_privilege(privilege) == text
