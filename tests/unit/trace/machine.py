"""A machine out of dictionaries whose harts trap: what the tracer's tests drive it with."""

from __future__ import annotations

from collections.abc import Sequence

from gdbext.riscv.csrs import MSTATUS_MPP_SHIFT, MSTATUS_SPP
from gdbext.riscv.paging import PAGE_SIZE
from gdbext.riscv.traps import Privilege
from gdbext.target.base import PageTableRegion
from gdbext.trace.record import FaultRecord, Frame
from gdbext.trace.tracer import ReadMemory, ReadRegister, Tracer
from tests.unit.fakes import ROOT_PA, FakeTarget, TableBuilder, pte_value

REGION = PageTableRegion(ROOT_PA, ROOT_PA + 0x40_0000, "a test")
ENTRY, MRET, PC = 0x8000_0100, 0x8000_0200, 0x8001_0000
STORE = 15
TIMER = 1 << 63 | 7


class Traps:
    """Harts that trap into a handler, and the tracer that watches them. The tests write tables in between."""

    def __init__(
        self, harts: int = 1, *, region: PageTableRegion | None = REGION, table_limit: int = 100, patience: int = 3
    ) -> None:
        self.target = FakeTarget([{} for _ in range(harts)], table_region=region)
        self.tables = TableBuilder(self.target)
        # The tables that serve the region are there, and mapped to themselves, as the notes have it.
        self.tables.pte_pa(ROOT_PA)
        for pa in (ROOT_PA, ROOT_PA + PAGE_SIZE, ROOT_PA + 2 * PAGE_SIZE):
            self.tables.map(pa, pa)
        for csrs in self.target.csrs:
            csrs.update(satp=self.tables.satp, priv=Privilege.M)
        self.told: list[FaultRecord] = []
        self.frames: Sequence[Frame] = ()
        self.tracer = Tracer(self.target, self, self.told.append, table_limit=table_limit, patience=patience)

    def describe_source(self, pc: int) -> str | None:
        return None

    def read_backtrace(self, pc: int, limit: int, read: ReadRegister, read_virtual: ReadMemory) -> Sequence[Frame]:
        return self.frames[:limit]

    def read_deep_backtrace(self, pc: int, limit: int) -> Sequence[Frame]:
        return self.frames[:limit]

    def enter(  # noqa: PLR0917 - a trap is that much
        self,
        va: int = 0,
        hart: int = 0,
        cause: int = STORE,
        pc: int = PC,
        origin: Privilege = Privilege.S,
        handler: Privilege = Privilege.M,
    ) -> None:
        """A hart is at the handler's first instruction."""
        letter = handler.name.lower()
        csrs = self.target.csrs[hart]
        csrs.update({f"{letter}cause": cause, f"{letter}tval": va, f"{letter}epc": pc, "priv": handler})
        self._set_origin(hart, handler, origin)
        self.tracer.enter(hart, handler, ENTRY, csrs.__getitem__)

    def leave(
        self, hart: int = 0, pc: int = PC, origin: Privilege = Privilege.S, handler: Privilege = Privilege.M
    ) -> None:
        """A hart is about to return to `pc`."""
        csrs = self.target.csrs[hart]
        csrs[f"{handler.name.lower()}epc"] = pc
        self._set_origin(hart, handler, origin)
        self.tracer.leave(hart, handler, MRET, csrs.__getitem__)

    def _set_origin(self, hart: int, handler: Privilege, origin: Privilege) -> None:
        csrs = self.target.csrs[hart]
        if handler is Privilege.M:
            csrs["mstatus"] = origin << MSTATUS_MPP_SHIFT
        else:
            csrs["sstatus"] = MSTATUS_SPP if origin is Privilege.S else 0

    def map_page(self, pa: int, flags: str = "rwad", content: bytes = b"") -> int:
        """What a good handler does: `content` or zeros in the page, and its mapping to itself; where the PTE lies."""
        self.target.write_physical(pa, content or bytes(PAGE_SIZE))
        return self.tables.map(pa, pa, flags)

    def serve(self, va: int, hart: int = 0) -> None:
        """A page fault in the region that is served as it should be."""
        self.enter(va, hart)
        self.map_page(va & -PAGE_SIZE)
        self.leave(hart)

    def finish(self) -> list[FaultRecord]:
        """End the machine; all records."""
        self.tracer.end_machine()
        return self.told


def rubbish_page(index: int = 0) -> bytes:
    """A page with one old PTE in it, which maps without W."""
    page = bytearray(PAGE_SIZE)
    page[index * 8 : index * 8 + 8] = pte_value(0x8002_0000, "rad").to_bytes(8, "little")
    return bytes(page)
