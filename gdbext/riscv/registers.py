"""The registers of a hart by GDB's names: integer, floating-point, and the CSRs that are worth asking for.

Source: RISC-V ELF psABI, "Register Convention"; RISC-V privileged specification, "CSR Listing"; GDB manual, "RISC-V
Features".
"""

from __future__ import annotations

from collections.abc import Iterator

from gdbext.riscv.csrs import PMPADDR_NAMES, PMPCFG_NAMES

# In the order x0 to x31.
INTEGER_NAMES = (
    *("zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "fp", "s1"),
    *(f"a{number}" for number in range(8)),
    *(f"s{number}" for number in range(2, 12)),
    *("t3", "t4", "t5", "t6"),
)
# In the order f0 to f31.
FLOAT_NAMES = (
    *(f"ft{number}" for number in range(8)),
    *("fs0", "fs1"),
    *(f"fa{number}" for number in range(8)),
    *(f"fs{number}" for number in range(2, 12)),
    *("ft8", "ft9", "ft10", "ft11"),
)
ALIASES = {
    "s0": "fp",
    **{f"x{number}": name for number, name in enumerate(INTEGER_NAMES)},
    **{f"f{number}": name for number, name in enumerate(FLOAT_NAMES)},
}


def _iter_csr_names() -> Iterator[str]:
    """By rising number, as far as a kernel with paging may use them; the counters are left out, since they run on."""
    yield from ("fflags", "frm", "fcsr", "vstart", "vxsat", "vxrm", "vcsr")
    yield from ("sstatus", "sie", "stvec", "scounteren", "senvcfg", "sscratch", "sepc", "scause", "stval", "sip")
    yield from ("stimecmp", "satp", "scontext")
    yield from ("vsstatus", "vsie", "vstvec", "vsscratch", "vsepc", "vscause", "vstval", "vsip", "vstimecmp", "vsatp")
    yield from ("mstatus", "misa", "medeleg", "mideleg", "mie", "mtvec", "mcounteren", "menvcfg", "mcountinhibit")
    yield from (f"mhpmevent{number}" for number in range(3, 32))
    yield from ("mscratch", "mepc", "mcause", "mtval", "mip", "mtinst", "mtval2")
    yield from PMPCFG_NAMES
    yield from PMPADDR_NAMES
    yield from ("hstatus", "hedeleg", "hideleg", "hie", "hcounteren", "hgeie", "henvcfg", "htval", "hip", "hvip")
    yield from ("htinst", "hgatp", "htimedelta", "hgeip")
    yield from ("mseccfg", "tselect", "tdata1", "tdata2", "tdata3", "mcontext", "dcsr", "dpc", "dscratch0", "dscratch1")
    yield from ("mcycle", "minstret", "cycle", "time", "instret")
    yield from ("vl", "vtype", "vlenb")
    yield from ("mvendorid", "marchid", "mimpid", "mhartid", "mconfigptr")


CSR_NAMES = tuple(_iter_csr_names())
