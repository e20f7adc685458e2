"""Runs inside the GDB under test: how much memory it holds, in KiB."""

from __future__ import annotations

import re
from pathlib import Path

found = re.search(r"^VmRSS:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"), re.MULTILINE)
assert found is not None
print(found[1], flush=True)
