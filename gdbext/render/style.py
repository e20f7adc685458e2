"""How text is coloured: a style wraps a piece of text that has its final width already."""

from __future__ import annotations

from collections.abc import Mapping

from gdbext.riscv.paging import PA_BITS

RESET = "\x1b[m"
# The digits of an address: 64-bit virtual addresses, and the 56 bits of a physical one padded to the same width.
VA_DIGITS = 16
PA_DIGITS = PA_BITS // 4


class Style:
    """Wraps text in the escape sequences of `codes`, by role; without codes text stays as it is.

    Roles are GDB's: address, function, title, highlight, metadata; and error for bad news.
    """

    def __init__(self, codes: Mapping[str, str] | None = None) -> None:
        self.codes = codes or {}

    def apply(self, role: str, text: str) -> str:
        code = self.codes.get(role)
        return f"{code}{text}{RESET}" if code else text

    def address(self, text: str) -> str:
        return self.apply("address", text)

    def symbol(self, text: str) -> str:
        return self.apply("function", text)

    def title(self, text: str) -> str:
        return self.apply("title", text)

    def good(self, text: str) -> str:
        return self.apply("good", text)

    def bad(self, text: str) -> str:
        return self.apply("error", text)

    def dim(self, text: str) -> str:
        return self.apply("metadata", text)


PLAIN = Style()


def format_va(va: int) -> str:
    """A virtual address, zero-padded to 64 bits."""
    return f"0x{va:0{VA_DIGITS}x}"


def format_value(value: int) -> str:
    """A raw 64-bit value: a PTE, a CSR."""
    return f"0x{value:016x}"
