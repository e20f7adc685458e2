"""One file per command: its declaration, and a function (target, arguments) -> results. Both front ends run them."""

# In the order of `help sv39`.
MODULES = (
    "satp",
    "split",
    "plan",
    "walk",
    "maps",
    "tree",
    "tables",
    "why",
    "pmp",
    "lint",
    "rmap",
    "roots",
    "read",
    "x",
    "find",
    "core",
    "snapshot",
    "diff",
    "trace",
    "watch",
)
