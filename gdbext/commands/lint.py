"""sv39 lint: the whole tree judged."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import dataclass

from gdbext.commands.declaration import Status, command
from gdbext.commands.options import SPACE_OPTIONS, select_tables
from gdbext.tables.lint import RULES, Report, Severity, lint
from gdbext.tables.scan import TableReader
from gdbext.tables.space import AddressSpace
from gdbext.target.base import Target


@dataclass(frozen=True)
class LintResult:
    space: AddressSpace
    report: Report

    @property
    def status(self) -> Status:
        """Bad news if an error was found; warnings and notes are none."""
        if self.report.unreadable:
            return Status.INCOMPLETE
        return Status.BAD_NEWS if self.report.count(Severity.ERROR) else Status.ANSWERED


def describe_rules() -> str:
    """The names of the rules, by severity."""
    groups = []
    for severity in Severity:
        names = ", ".join(rule.name for rule in RULES.values() if rule.severity is severity)
        groups.append(f"{severity.value.capitalize()}s: {names}.")
    return " ".join(groups)


@command(
    "lint",
    "Judge the whole tree of tables: what always faults, what is dangerous, what is odd.",
    *SPACE_OPTIONS,
    description=(
        "Each finding has the rule, the virtual addresses, the address and the raw value of the first PTE concerned, "
        f"and what is wrong. {describe_rules()}"
    ),
    examples=("sv39 lint", "sv39 lint -root 0x84000000 -json"),
)
def lint_command(target: Target, arguments: Namespace) -> LintResult:
    space = select_tables(target, arguments)
    reader = TableReader(target, space.mode, target.translation_rules(space.hart))
    return LintResult(space, lint(target, reader, space.root_pa))
