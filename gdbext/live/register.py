"""What GDB has to know from the start: names, help, settings. What answers is imported when it is first asked."""

from __future__ import annotations

import gdb

from gdbext.commands import MODULES
from gdbext.live import parameters  # noqa: F401  (the settings exist once this is imported)
from gdbext.live.helptexts import HELP_TEXTS

FUNCTIONS = {
    "sv39_pa": "$sv39_pa(VA): the physical address that VA translates to on the selected hart.",
    "sv39_pte": "$sv39_pte(VA): the raw value of the last PTE that a walk of VA reads.",
    "sv39_mapped": "$sv39_mapped(VA): 1 if a walk of VA ends in a leaf PTE on the selected hart, else 0.",
}


class Sv39Prefix(gdb.Command):
    """See RISC-V page tables: walk and list them, judge accesses, trace page faults.

    Usage: sv39 COMMAND [ARGUMENT...]

    Addresses are expressions, as everywhere in GDB. Options take one dash or two. Every command answers in JSON
    with -json, and to a file with -output FILE. $sv39_status holds the outcome of the last one: 0 answered,
    1 answered with bad news, 2 the question was wrong, 3 the answer is incomplete.

    Example:
      sv39 walk $pc"""

    def __init__(self) -> None:
        super().__init__("sv39", gdb.COMMAND_DATA, gdb.COMPLETE_NONE, True)

    def invoke(self, argument: str, from_tty: bool) -> None:
        """GDB comes here where no subcommand follows, or an unknown one."""
        self.dont_repeat()
        if not argument:
            gdb.execute("help sv39")
            return
        from gdbext.live import answer

        answer.refuse(argument.split(maxsplit=1)[0])


class Sv39Command(gdb.Command):
    """A command under the prefix sv39."""

    def __init__(self, name: str, help_text: str) -> None:
        self.name = name
        self.__doc__ = help_text
        super().__init__(f"sv39 {name}", gdb.COMMAND_DATA)

    def invoke(self, argument: str, from_tty: bool) -> None:
        self.dont_repeat()
        from gdbext.live import answer

        answer.run(self.name, argument)

    def complete(self, text: str, word: str | None) -> list[str] | int:
        from gdbext.live import answer

        return answer.complete(self.name, text, word)


class WalkFunction(gdb.Function):
    """A convenience function of one virtual address, answered from its walk in the present address space."""

    def __init__(self, name: str, doc: str) -> None:
        self.__doc__ = doc
        self.name = name
        super().__init__(name)

    def invoke(self, *vas: gdb.Value) -> int:
        from gdbext.live import answer

        return answer.call(self.name, vas)


def read_help(name: str) -> str:
    """The help of a command; of one that is so new that its help has not been written out, by importing it."""
    if name in HELP_TEXTS:
        return HELP_TEXTS[name].rstrip("\n")
    from gdbext.live import answer

    return answer.find_command(name).describe_help()


def register() -> None:
    """Declare everything to GDB."""
    Sv39Prefix()
    for name in MODULES:
        Sv39Command(name, read_help(name))
    for name, doc in FUNCTIONS.items():
        WalkFunction(name, doc)


register()
