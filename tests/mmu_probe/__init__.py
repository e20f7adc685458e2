"""The MMU probe: a bare-metal guest that performs memory accesses, its driver, and random cases for it."""
