"""A core that GDB has opened with core-file: the file answers, and GDB evaluates and names."""

from __future__ import annotations

import re
from pathlib import Path

import gdb

from gdbext.errors import UnsupportedTarget
from gdbext.live.expressions import GdbSymbols
from gdbext.live.parameters import table_region
from gdbext.target.base import PageTableRegion
from gdbext.target.core import CoreTarget
from gdbext.target.elfcore import read_elf_core

# The first file that GDB names is that of the topmost target.
QUOTED_FILE = re.compile(r"^\t[`'\u2018](.+)['\u2019], ", re.MULTILINE)


class GdbCoreTarget(GdbSymbols, CoreTarget):
    """The core of GDB's present inferior. Its threads are the harts in the order of the file."""

    def __init__(self, connection: gdb.TargetConnection) -> None:
        super().__init__(read_elf_core(find_core_file()))
        self.connection = connection

    def forget(self) -> None:
        """A file does not change."""

    @property
    def current_hart(self) -> int:
        selected = gdb.selected_thread()
        numbers = list(self._registers)
        if selected is None or len(numbers) == 1:
            return super().current_hart
        threads = sorted(gdb.selected_inferior().threads(), key=lambda thread: thread.num)
        return numbers[[thread.ptid for thread in threads].index(selected.ptid)]

    def page_table_region(self) -> PageTableRegion | None:
        return table_region.chosen or self.table_region or table_region.region


def find_core_file() -> Path:
    """The file that core-file has opened. Raises `UnsupportedTarget` where GDB does not tell."""
    found = QUOTED_FILE.search(gdb.execute("info files", to_string=True))
    if found is None:
        raise UnsupportedTarget("GDB does not tell which core file it has open")
    return Path(found[1])
