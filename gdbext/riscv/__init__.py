"""What the RISC-V privileged specification says, as data and pure functions."""
