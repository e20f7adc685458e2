"""The text and the JSON of `sv39 lint`."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from gdbext.commands.lint import LintResult
from gdbext.render.json import dumps, hex_string, optional_hex
from gdbext.render.listing import count, iter_unreadable, json_unreadable
from gdbext.render.style import Style, format_va, format_value
from gdbext.riscv.pte import Pte
from gdbext.tables.lint import MAX_FINDINGS_PER_RULE, RULES, Finding, Severity

SCHEMA = "sv39.lint/1"
RULE_WIDTH = max(map(len, RULES))


def iter_text(result: LintResult, style: Style) -> Iterator[str]:
    report = result.report
    yield result.space.describe()
    for severity, findings in groupby(report.findings, key=lambda finding: finding.rule.severity):
        yield style.title(f"{severity.value}s:")
        for finding in findings:
            yield "  " + describe_finding(finding, style)
    for name, number in report.counts.items():
        if number > MAX_FINDINGS_PER_RULE:
            yield f"and {number - MAX_FINDINGS_PER_RULE} more of {name}"
    yield from iter_unreadable(report.unreadable, style)
    totals = ", ".join(count(report.count(severity), severity.value) for severity in Severity)
    yield f"{totals} in {count(report.table_count, 'table')}"


def describe_finding(finding: Finding, style: Style) -> str:
    """The rule, the va range, the PTE with its raw value and flags, and what is wrong."""
    name = f"{finding.rule.name:{RULE_WIDTH}}"
    name = style.bad(name) if finding.rule.severity is Severity.ERROR else name
    pte = "satp"
    if finding.pte is not None:
        pte = f"pte @{finding.pte_pa:#x}  {format_value(finding.pte)}  {Pte(finding.pte).flags}"
    return f"{name}  {format_va(finding.va)}-{format_va(finding.va + finding.size)}  {pte}  {finding.text}"


def iter_json(result: LintResult) -> Iterator[str]:
    report = result.report
    yield dumps(
        {
            "schema": SCHEMA,
            "mode": result.space.mode.name,
            "root": hex_string(result.space.root_pa),
            "complete": not report.unreadable,
            "unreadable": json_unreadable(report.unreadable),
            "tables": report.table_count,
            "errors": report.count(Severity.ERROR),
            "warnings": report.count(Severity.WARNING),
            "notes": report.count(Severity.NOTE),
            "counts": report.counts,
            "findings": [
                {
                    "rule": finding.rule.name,
                    "severity": finding.rule.severity.value,
                    "va": hex_string(finding.va),
                    "size": finding.size,
                    "pte_pa": optional_hex(finding.pte_pa),
                    "pte": optional_hex(finding.pte),
                    "text": finding.text,
                }
                for finding in report.findings
            ],
        }
    )
