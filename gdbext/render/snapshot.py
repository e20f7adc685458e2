"""The text and the JSON of `sv39 snapshot`: it is a core like any other."""

from gdbext.render.core import iter_json, iter_text

__all__ = ["iter_json", "iter_text"]
