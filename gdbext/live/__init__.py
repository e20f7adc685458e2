"""The only room that imports gdb: the live target, the commands as GDB sees them, breakpoints."""
