"""GDB's own styles: what `set style` says is what our output looks like."""

from __future__ import annotations

import os
import sys

import gdb

from gdbext.render.style import PLAIN, Style

COLORS = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
INTENSITIES = {"normal": None, "bold": "1", "dim": "2"}
GDB_ROLES = ("address", "function", "title", "metadata", "highlight")


def present_style() -> Style:
    """The style that is in force: none where `set style enabled off`, or output is no terminal that can show it."""
    if (
        not gdb.parameter("style enabled")
        or not (sys.__stdout__ and sys.__stdout__.isatty())
        or os.environ.get("TERM", "dumb") == "dumb"
    ):
        return PLAIN
    codes = {role: _escape_sequence(role) for role in GDB_ROLES}
    codes["error"] = "\x1b[31m"
    codes["good"] = "\x1b[32m"
    return Style({role: code for role, code in codes.items() if code})


def _escape_sequence(role: str) -> str:
    parts = []
    intensity = INTENSITIES.get(str(gdb.parameter(f"style {role} intensity")))
    if intensity:
        parts.append(intensity)
    for base, ground in ((30, "foreground"), (40, "background")):
        color = str(gdb.parameter(f"style {role} {ground}"))
        if color in COLORS:
            parts.append(str(base + COLORS.index(color)))
    return f"\x1b[{';'.join(parts)}m" if parts else ""
