"""What the JSON of all commands has in common."""

from __future__ import annotations

import json
from typing import Any


def hex_string(value: int) -> str:
    """Addresses and raw values are strings, since JSON numbers lose bits in many readers."""
    return f"{value:#x}"


def optional_hex(value: int | None) -> str | None:
    return None if value is None else hex_string(value)


def dumps(value: Any) -> str:
    """One line, ASCII only, keys in the order given."""
    return json.dumps(value, separators=(", ", ": "))
