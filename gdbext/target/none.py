"""The target of a command that needs no machine: it evaluates expressions and knows nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NoReturn

from gdbext.errors import UnsupportedTarget
from gdbext.riscv.rules import TranslationRules
from gdbext.target.base import MemoryRegion, PageTableRegion, Section, Target

REFUSAL = "there is no target: connect to QEMU with target remote, or open a core"


class NoTarget(Target):
    """Answers expressions with `evaluate`; every question to a machine raises `UnsupportedTarget` with `refusal`."""

    def __init__(self, evaluate: Callable[[str], int], refusal: str = REFUSAL) -> None:
        self._evaluate = evaluate
        self._refusal = refusal

    def _refuse(self) -> NoReturn:
        raise UnsupportedTarget(self._refusal)

    @property
    def name(self) -> str:
        return "no target"

    @property
    def harts(self) -> Sequence[int]:
        self._refuse()

    @property
    def current_hart(self) -> int:
        self._refuse()

    def read_csr(self, hart: int, name: str) -> int | None:
        self._refuse()

    def read_physical(self, pa: int, size: int) -> bytes:
        self._refuse()

    def memory_regions(self) -> Sequence[MemoryRegion] | None:
        self._refuse()

    def translation_rules(self, hart: int) -> TranslationRules:
        return TranslationRules()

    def evaluate(self, expression: str) -> int:
        return self._evaluate(expression)

    def describe_symbol(self, va: int) -> str | None:
        return None

    def symbol_address(self, name: str) -> int | None:
        return None

    def sections(self) -> Sequence[Section]:
        return ()

    def page_table_region(self) -> PageTableRegion | None:
        return None
