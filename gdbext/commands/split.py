"""sv39 split: the indexes that an address consists of, and what several addresses share."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import dataclass

from gdbext.commands.declaration import Argument, Kind, Status, command
from gdbext.commands.options import MODE_OPTION
from gdbext.riscv.paging import MODE_BY_NAME, SV39, PagingMode
from gdbext.tables.plan import Sharing, group_addresses
from gdbext.target.base import Target

PURE_MODE_OPTION = Argument(
    "-mode", "The paging mode (default: sv39).", Kind.TEXT, choices=MODE_OPTION.choices, default=SV39.name.lower()
)


@dataclass(frozen=True)
class SplitResult:
    """The addresses, and what they share where there are several."""

    mode: PagingMode
    vas: tuple[int, ...]
    sharings: tuple[Sharing, ...]

    @property
    def status(self) -> Status:
        """Bad news if one of the addresses cannot be translated at all."""
        return Status.ANSWERED if all(map(self.mode.is_canonical, self.vas)) else Status.BAD_NEWS


@command(
    "split",
    "Split each VA into its table indexes and offset, and say which tables several of them share.",
    Argument("va", "A virtual address: any expression. Quote one with spaces in it.", many=True),
    PURE_MODE_OPTION,
    description=(
        "Addresses in different multiples of 0x1000 have different level-0 PTEs; of 0x200000, different level-1 "
        "PTEs; of 0x40000000, different level-2 PTEs; of 0x8000000000, no common root table but for the two canonical "
        "halves of Sv39's address space."
    ),
    examples=("sv39 split 0x80201000", "sv39 split $pc $sp &page_tables"),
    needs_target=False,
)
def split_command(_target: Target, arguments: Namespace) -> SplitResult:
    mode = MODE_BY_NAME[arguments.mode]
    vas = tuple(dict.fromkeys(arguments.va))
    return SplitResult(mode, vas, group_addresses(mode, vas) if len(vas) > 1 else ())
