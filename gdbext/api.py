"""Python scripts on core files: `open_core` and what it returns.

    from gdbext import open_core

    with open_core("crash.core", elf="kernel.elf") as core:
        for hart in core.harts:
            print(hart, hex(core.read_csr(hart, "satp") or 0))
        print(core.walk("kernel_main", access="store")["verdict"]["S"]["store"]["rule"])
        for mapping in core.maps(perm="wx")["maps"]:
            print("writable and executable:", mapping["va"], mapping["size"])
        if core.lint()["errors"]:
            raise SystemExit(1)

An answer is the JSON object that the command prints with -json, as a dict; its schema is that of the command.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any

from gdbext.commands.declaration import REGISTRY
from gdbext.errors import BadInput
from gdbext.frontend import find_renderer, load_commands
from gdbext.target.core import CoreTarget, open_core_target

Answer = dict[str, Any]
Value = int | str | bool


def open_core(path: str | PathLike[str], *, elf: str | PathLike[str] | None = None, base_pa: int | None = None) -> Core:
    """The core at `path`, or the raw image of the RAM that begins at `base_pa`, with the symbols of `elf`.

    Raises `gdbext.errors.BadFile` where a file is not what it should be.
    """
    return Core(open_core_target(Path(path), Path(elf) if elf is not None else None, base_pa))


class Core:
    """What is left of a machine. `target` has all of it: registers, physical memory, symbols."""

    def __init__(self, target: CoreTarget) -> None:
        self.target = target
        load_commands()

    def __enter__(self) -> Core:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; memory can then be read no more."""
        self.target.capture.memory.file.close()

    @property
    def harts(self) -> Sequence[int]:
        """The numbers of the harts, in order."""
        return self.target.harts

    def read_csr(self, hart: int, name: str) -> int | None:
        """The unsigned value of a register by GDB's name (`satp`, `pc`, `sp`); None where the core has none."""
        return self.target.read_csr(self.target.require_hart(hart), name)

    def read_physical(self, pa: int, size: int) -> bytes:
        """`size` bytes at `pa`. Raises `gdbext.errors.UnreadableMemory` where the core does not hold them."""
        return self.target.read_physical(pa, size)

    def ask(self, command: str, *arguments: int | str, **options: Value) -> list[Answer]:
        """The answers of any command: `ask("rmap", 0x84000000, search=True)` is `sv39 rmap 0x84000000 -search`.

        Numbers and expressions are the same to it. Raises `gdbext.errors.Sv39Error` where there is no answer.
        """
        declared = REGISTRY.find(command)
        if declared.live_only:
            raise BadInput(f"sv39 {declared.name} needs a running machine")
        words = [str(argument) for argument in arguments]
        for name, value in options.items():
            if value is not False:
                words += [f"-{name.rstrip('_').replace('_', '-')}"] + ([] if value is True else [str(value)])
        render = find_renderer(declared)
        results = declared.run(self.target, declared.parse(words))
        return [json.loads("".join(render.iter_json(result))) for result in results]

    def walk(self, va: int | str, **options: Value) -> Answer:
        """`sv39 walk VA`: the PTEs, the pa, and the verdict for each kind of access."""
        return self.ask("walk", va, **options)[0]

    def maps(self, **options: Value) -> Answer:
        """`sv39 maps`: the mappings, merged; `from_` and `to` bound the addresses."""
        return self.ask("maps", **options)[0]

    def tables(self, **options: Value) -> Answer:
        """`sv39 tables`: every page-table page."""
        return self.ask("tables", **options)[0]

    def lint(self, **options: Value) -> Answer:
        """`sv39 lint`: what is wrong with the tables."""
        return self.ask("lint", **options)[0]
