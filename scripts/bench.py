"""The benchmark: medians of our commands, of what they are measured against, and the ratios that we aim for.

A section is a module `scripts/bench_NAME.py` with a function `measure(quick)` that yields rows.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from tabulate import tabulate

from scripts.benchmark import Row

HEADINGS = ("work", "ms", "against", "ms", "ratio", "at most", "")


def find_sections() -> list[str]:
    """The names of all sections."""
    return sorted(path.stem.removeprefix("bench_") for path in Path(__file__).parent.glob("bench_*.py"))


def iter_rows(sections: list[str], quick: bool) -> Iterator[Row]:
    for section in sections:
        yield from importlib.import_module(f"scripts.bench_{section}").measure(quick)


def describe(rows: list[Row]) -> str:
    """The rows as a table."""
    cells = [
        (
            row.work,
            f"{row.milliseconds:.2f}",
            row.against,
            f"{row.reference_milliseconds:.2f}",
            f"{row.ratio:.2f}",
            "" if row.at_most is None else f"{row.at_most:.2f}",
            {True: "reached", False: "MISSED", None: ""}[row.is_reached],
        )
        for row in rows
    ]
    text: str = tabulate(
        cells, HEADINGS, disable_numparse=True, colalign=("left", "right", "left", *["right"] * 3, "left")
    )
    return text


def main() -> int:
    sections = find_sections()
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"one of {', '.join(sections)}; default: all")
    parser.add_argument("--json", action="store_true", help="print the rows as JSON, one a line")
    parser.add_argument("--quick", action="store_true", help="small sizes, once each: that it works, not how fast")
    arguments = parser.parse_args()
    if unknown := set(arguments.sections) - set(sections):
        parser.error(f"there is no section {' '.join(sorted(unknown))}")
    rows = []
    for row in iter_rows(arguments.sections or sections, arguments.quick):
        rows.append(row)
        if arguments.json:
            print(json.dumps(row.as_json()), flush=True)
        else:
            print(f"{row.work}: {row.ratio:.2f} of {row.against}", file=sys.stderr)
    if not arguments.json:
        print(describe(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
