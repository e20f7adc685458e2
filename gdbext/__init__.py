"""See RISC-V page tables from GDB, from a core file, or from Python."""

__version__ = "0.1.0"
