"""Runs inside the GDB under test: what must hold after each command, as one line of JSON."""

from __future__ import annotations

import json
import re

import gdb

SET_BY_SOMEBODY = re.compile(
    r"^(-?\d+(?:\.\d+)?)\s+(?:breakpoint|hw breakpoint|(?:hw |read |acc )?watchpoint)\s", re.MULTILINE
)


def report() -> None:
    """Print $sv39_status, QEMU's PhyMemMode, and the numbers of all breakpoints, also of internal ones."""
    connection = gdb.selected_inferior().connection
    physical = None
    if isinstance(connection, gdb.RemoteTargetConnection):
        try:
            physical = connection.send_packet("qqemu.PhyMemMode").decode()
        except gdb.error as error:
            physical = str(error)
    status = gdb.convenience_variable("sv39_status")
    breakpoints = SET_BY_SOMEBODY.findall(gdb.execute("maintenance info breakpoints", to_string=True))
    answer = {"status": None if status is None else int(status), "physical": physical, "breakpoints": breakpoints}
    print("@@report", json.dumps(answer), flush=True)
