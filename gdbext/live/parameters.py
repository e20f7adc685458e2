"""`set sv39 ...` and `show sv39 ...`. GDB has these from the start, so that their imports wait for their use."""

from __future__ import annotations

import gdb

from gdbext.errors import BadInput, Sv39Error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gdbext.target.base import PageTableRegion

# See gdbext.live.transports, which is not imported until somebody asks for memory.
TRANSPORTS = ("auto", "file", "process", "stub")

# In the order of `show sv39`.
SETTINGS = ("table-region", "trap-handler", "transport")


class SetPrefix(gdb.Command):
    """Settings of sv39."""

    def __init__(self) -> None:
        super().__init__("set sv39", gdb.COMMAND_DATA, gdb.COMPLETE_NONE, True)

    def invoke(self, argument: str, from_tty: bool) -> None:
        """GDB comes here where no setting follows, or an unknown one."""
        if argument:
            raise gdb.GdbError(f'there is no setting "{argument}"; try "help set sv39"')
        gdb.execute("help set sv39")


class ShowPrefix(gdb.Command):
    """Show the settings of sv39."""

    def __init__(self) -> None:
        super().__init__("show sv39", gdb.COMMAND_DATA, gdb.COMPLETE_NONE, True)

    def invoke(self, argument: str, from_tty: bool) -> None:
        """GDB comes here where no setting follows, or an unknown one."""
        if argument:
            raise gdb.GdbError(f'there is no setting "{argument}"; try "help show sv39"')
        for name in SETTINGS:
            gdb.execute(f"show sv39 {name}")


class TableRegion(gdb.Parameter):
    """The page-table region is the range of addresses in which the kernel keeps its page tables.

    Usage: set sv39 table-region START END
           set sv39 table-region START +SIZE
           set sv39 table-region auto

    START, END and SIZE are expressions. With auto, the default, symbols with the usual names tell, such as
    __page_table_region_start and __page_table_region_end.

    Example:
      set sv39 table-region 0x84000000 +0x400000"""

    set_doc = "Set the page-table region: START END, START +SIZE, or auto."
    show_doc = "Show the page-table region."

    def __init__(self) -> None:
        super().__init__("sv39 table-region", gdb.COMMAND_DATA, gdb.PARAM_STRING)
        self.value = self._accepted = "auto"
        self.chosen: PageTableRegion | None = None

    @property
    def region(self) -> PageTableRegion | None:
        """The region as set, or as the symbols tell; None where neither does."""
        from gdbext.live.expressions import find_table_region

        return self.chosen or find_table_region()

    def get_set_string(self) -> str:
        from gdbext.commands.declaration import split_line
        from gdbext.live.expressions import evaluate
        from gdbext.target.names import decode_region

        try:
            words = split_line(gdb.string_to_argv(self.value or "auto"))
            self.chosen = None if words == ["auto"] else decode_region(words, evaluate, "set sv39 table-region")
        except BadInput as error:
            self.value = self._accepted
            raise gdb.GdbError(str(error)) from error
        self._accepted = self.value
        return ""

    def get_show_string(self, value: str) -> str:
        region = self.region
        found = f"{region.start:#x} to {region.end:#x}, by {region.source}" if region else "not known"
        return f"The page-table region is {found}."


class TransportSetting(gdb.Parameter):
    """The transport is the way by which physical memory is read.

    Usage: set sv39 transport auto|file|process|stub

    file     the file that is QEMU's RAM (-object memory-backend-file,share=on with -machine memory-backend=)
    process  QEMU's own memory, through /proc/PID/mem: takes the right to trace that process
    stub     QEMU's gdb stub, in physical memory mode: always there, and by far the slowest
    auto     the first of these that works, which is the default

    The choice is made once for a connection; setting this makes it anew. A way that stops working gives place to
    the stub, with a note."""

    set_doc = "Set the way by which physical memory is read."
    show_doc = "Show the way by which physical memory is read, and why."

    def __init__(self) -> None:
        super().__init__("sv39 transport", gdb.COMMAND_DATA, gdb.PARAM_ENUM, TRANSPORTS)
        self.value = TRANSPORTS[0]

    def get_set_string(self) -> str:
        from gdbext.live.target import live_targets

        for target in live_targets():
            if target.transport is not None:
                target.transport.choose(self.value)
        return ""

    def get_show_string(self, value: str) -> str:
        from gdbext.live.target import LiveTarget, find_target

        try:
            target = find_target()
            if not isinstance(target, LiveTarget) or target.transport is None:
                return f"The transport is {value}; {target.name} does not need one."
            return f"The transport is {value}: {target.transport.describe()}"
        except Sv39Error as error:
            return f"The transport is {value}: {error}."


class TrapHandler(gdb.Parameter):
    """The trap handler is where sv39 trace expects page faults, besides mtvec and stvec.

    Usage: set sv39 trap-handler EXPR...
           set sv39 trap-handler auto

    Each EXPR is the address of a handler's first instruction. With auto, the default, the trap vectors of the harts
    tell.

    Example:
      set sv39 trap-handler uservec kernelvec"""

    set_doc = "Set the addresses of trap handlers: EXPR..., or auto."
    show_doc = "Show the addresses of trap handlers that were set."

    def __init__(self) -> None:
        super().__init__("sv39 trap-handler", gdb.COMMAND_DATA, gdb.PARAM_STRING)
        self.value = self._accepted = "auto"
        self.addresses: tuple[int, ...] = ()

    def get_set_string(self) -> str:
        from gdbext.commands.declaration import split_line
        from gdbext.live.expressions import evaluate

        words = split_line(gdb.string_to_argv(self.value or "auto"))
        try:
            self.addresses = () if words == ["auto"] else tuple(evaluate(word) for word in words)
        except BadInput as error:
            self.value = self._accepted
            raise gdb.GdbError(str(error)) from error
        self._accepted = self.value
        return ""

    def get_show_string(self, value: str) -> str:
        if not self.addresses:
            return "The trap handler is found from the trap vectors of the harts."
        return f"Trap handlers are at {', '.join(map(hex, self.addresses))}, and where the harts' trap vectors point."


SetPrefix()
ShowPrefix()
table_region = TableRegion()
transport_setting = TransportSetting()
trap_handler = TrapHandler()
