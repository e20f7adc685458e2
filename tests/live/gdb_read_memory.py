"""Runs inside the GDB under test: what each transport makes of the ranges in $sv39_ranges, as one line of JSON."""

from __future__ import annotations

import hashlib
import json

import gdb

from gdbext.errors import UnreadableMemory
from gdbext.live.target import find_target

PAGE_SIZE = 4096


def read(pa: int, size: int) -> str:
    try:
        return hashlib.sha256(find_target().read_physical(pa, size)).hexdigest()
    except UnreadableMemory as error:
        return str(error)


def read_pages(pa: int, size: int) -> str:
    pages = find_target().read_pages(range(pa, pa + size, PAGE_SIZE))
    return " ".join(hashlib.sha256(page).hexdigest() if isinstance(page, bytes) else str(page) for page in pages)


def main() -> None:
    ranges = json.loads(gdb.convenience_variable("sv39_ranges").string())
    answers = {}
    for transport in ("file", "process", "stub", "auto"):
        gdb.execute(f"set sv39 transport {transport}")
        answers[transport] = [(read(pa, size), read_pages(pa, size)) for pa, size in ranges]
    print(json.dumps(answers))


main()
