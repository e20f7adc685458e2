"""Completion of our commands at GDB's prompt."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from scripts.qemu import PATIENCE, gdb_command


def complete(gdb: str, *lines: str, elf: Path, cwd: Path) -> list[list[str]]:
    """What GDB offers for each of `lines`, without what the user has typed already but for its last word."""
    commands = [command for line in lines for command in ("echo @@\\n", f"complete {line}")]
    words = gdb_command(None, commands, elf=elf, gdb=gdb)
    ran = subprocess.run(
        [words[0], "-batch", *words[1:]], capture_output=True, text=True, timeout=PATIENCE, check=False, cwd=cwd
    )
    assert ran.stderr == ""
    answers = [answer.splitlines() for answer in ran.stdout.split("@@\n")[1:]]
    heads = [line[: line.rindex(" ") + 1] for line in lines]
    return [[text.removeprefix(head) for text in answer] for head, answer in zip(heads, answers, strict=True)]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    for name in ("crash.core", "crash.notes", "other"):
        (tmp_path / name).touch()
    return tmp_path


def test_completion(gdb: str, sample_kernel: Path, directory: Path) -> None:
    expected = {
        "sv39 rma": ["rmap"],
        "sv39 walk -a": ["-access", "-ad"],
        "sv39 walk --a": ["--access", "--ad"],
        "sv39 walk 0 -access ": ["fetch", "load", "store"],
        "sv39 walk kalloc_": ["kalloc_init"],
        "sv39 walk -root kalloc_": ["kalloc_init"],
        "sv39 core ": ["save"],
        "sv39 core save cra": ["crash.core", "crash.notes"],
        "sv39 core save crash.c": ["crash.core"],
        f"sv39 core save {directory}/o": [f"{directory}/other"],
        "sv39 maps -output o": ["other"],
        "sv39 diff crash.core o": ["other"],
        "sv39 maps ": [],
    }
    assert complete(gdb, *expected, elf=sample_kernel, cwd=directory) == list(expected.values())
