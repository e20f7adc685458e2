"""See RISC-V page tables from GDB, from a core file, or from Python."""

from __future__ import annotations

TYPE_CHECKING = False  # as typing has it: to import that would double the time that GDB takes to load this
if TYPE_CHECKING:
    from gdbext.api import Core, open_core

__version__ = "0.1.0"
__all__ = ["Core", "open_core", "__version__"]


def __getattr__(name: str) -> object:
    """The API is imported when it is asked for: inside GDB, where this package is too, nobody needs it."""
    if name in ("Core", "open_core"):
        from gdbext import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
