"""Cycles in backtraces, and distances."""

from __future__ import annotations

import pytest

from gdbext.trace.diagnosis import describe_distance, describe_recursion, find_cycle
from gdbext.trace.record import Frame


@pytest.mark.parametrize(
    ("names", "cycle"),
    [
        ("aaaa", (0, 1, 4)),
        ("ababab", (0, 2, 3)),
        ("xabcabcabcm", (1, 3, 3)),
        ("abab", None),
        ("abcdef", None),
        ("", None),
    ],
)
def test_cycles(names: str, cycle: tuple[int, int, int] | None) -> None:
    assert find_cycle(names) == cycle


def test_a_recursion_without_arguments() -> None:
    notice = describe_recursion([Frame("walk+4")] * 5)
    assert notice is not None
    assert notice.text == "walk comes 5 times in a backtrace of 5 frames"


def test_a_backtrace_without_recursion() -> None:
    assert describe_recursion([Frame("a"), Frame("b")]) is None


@pytest.mark.parametrize(("size", "text"), [(8, "8B"), (3 << 10, "3K"), (767 << 20, "767M"), (5 << 30, "5G")])
def test_distances(size: int, text: str) -> None:
    assert describe_distance(size) == text
