"""The help of every command: GDB wants it at its start, when the commands themselves are not imported yet.

Written by scripts/write_help.py; a test compares it with the declarations.
"""

HELP_TEXTS = {
    "satp": """\
Decode satp, and say what translation is in force on each hart.
Usage: sv39 satp [VALUE] [-hart N] [-json] [-output FILE]

For every hart, or the one named with -hart: privilege, satp (mode, ASID, root table), and SUM, MXR
and MPRV of mstatus. M-mode is never translated, unless MPRV=1 sends its loads and stores through
MPP's translation.

  VALUE
    A value to decode instead of the harts' own.
  -hart N
    Show hart N alone.
  -json
    Answer in JSON, one object a line.
  -output FILE
    Write the answer to FILE, which appears whole or not at all.

Examples:
  sv39 satp
  sv39 satp 0x8000000000084000
""",
    "split": """\
Split each VA into its table indexes and offset, and say which tables several of them share.
Usage: sv39 split VA... [-mode sv39|sv48|sv57] [-json] [-output FILE]

Addresses in different multiples of 0x1000 have different level-0 PTEs; of 0x200000, different
level-1 PTEs; of 0x40000000, different level-2 PTEs; of 0x8000000000, no common root table but for
the two canonical halves of Sv39's address space.

  VA
    A virtual address: any expression. Quote one with spaces in it.
  -mode sv39|sv48|sv57
    The paging mode (default: sv39).
  -json
    Answer in JSON, one object a line.
  -output FILE
    Write the answer to FILE, which appears whole or not at all.

Examples:
  sv39 split 0x80201000
  sv39 split $pc $sp &page_tables
""",
    "plan": """\
Count the page tables and the memory that mapping [START, END) takes.
Usage: sv39 plan START END [-page 4K|2M|1G|512G|256T] [-mode sv39|sv48|sv57] [-json]
         [-output FILE]

Counts from nothing: a root table alone. Last it says what it costs if every table exists at once.

  START
    The first virtual address: any expression.
  END
    The address after the last, or +SIZE: a number with K, M, G or T, or any expression.
  -page 4K|2M|1G|512G|256T
    The size of the pages (default: 4K).
  -mode sv39|sv48|sv57
    The paging mode (default: sv39).
  -json
    Answer in JSON, one object a line.
  -output FILE
    Write the answer to FILE, which appears whole or not at all.

Examples:
  sv39 plan 0x80000000 0x88000000
  sv39 plan 0x80000000 +128M -page 2M
  sv39 plan &_start &_end
""",
    "walk": """\
Walk the page tables for each VA and say what the hardware would answer.
Usage: sv39 walk VA... [-hart N] [-satp VALUE] [-root PA] [-mode sv39|sv48|sv57]
         [-access load|store|fetch] [-priv S|U] [-sum 0|1] [-mxr 0|1] [-ad hardware|fault] [-json]
         [-output FILE]

For each level: the index, where the PTE lies, its raw value and flags (V R W X U G A D N, a dash
for a clear one), and what it points to. Then the verdict for load, store and fetch from S and U
under the hart's present SUM and MXR, with the rule that decides it.

  VA
    A virtual address: any expression. Quote one with spaces in it.
  -hart N
    Ask hart N instead of the selected one.
  -satp VALUE
    Take VALUE for satp instead of the hart's.
  -root PA
    Take the root table at physical address PA instead of satp's.
  -mode sv39|sv48|sv57
    The paging mode that goes with -root (default: the hart's, or sv39).
  -access load|store|fetch
    Judge only this kind of access.
  -priv S|U
    Judge only accesses from this privilege level.
  -sum 0|1
    Judge as if mstatus.SUM had this value.
  -mxr 0|1
    Judge as if mstatus.MXR had this value.
  -ad hardware|fault
    Judge as if the A and D bits were set by hardware (Svadu), or a fault (Svade).
  -json
    Answer in JSON, one object a line.
  -output FILE
    Write the answer to FILE, which appears whole or not at all.

Examples:
  sv39 walk &kernel_end $sp
  sv39 walk 0x80201000 -access store -priv U
  sv39 walk $stval -root 0x84000000
""",
    "maps": """\
List what is mapped, merged into as few ranges as say it all.
Usage: sv39 maps [-perm FLAGS] [-from VA] [-to VA] [-user] [-super] [-holes] [-hart N]
         [-satp VALUE] [-root PA] [-mode sv39|sv48|sv57] [-json] [-output FILE]

Ranges are [start, end), one a line: what they map to, size, flags r w x u g a d, memory type
(PBMT), NAPOT, and what lies there: sections of the symbol file, the page-table region, devices.
Neighbours are one range where va and pa both continue and all these are equal. A page is listed
exactly where a walk finds a leaf.

  -perm FLAGS
    Only mappings with all these flags of rwxugad set (wx: writable and executable), or, with a dash
    in it, of just this pattern in the columns r w x u g a d (r--: read-only).
  -from VA
    Start at this virtual address.
  -to VA
    End before this virtual address.
  -user
    Only pages of user mode (U=1).
  -super
    Only pages of supervisor mode (U=0).
  -holes
    Show the canonical ranges in which nothing is mapped, too.
  -hart N
    Ask hart N instead of the selected one.
  -satp VALUE
    Take VALUE for satp instead of the hart's.
  -root PA
    Take the root table at physical address PA instead of satp's.
  -mode sv39|sv48|sv57
    The paging mode that goes with -root (default: the hart's, or sv39).
  -json
    Answer in JSON, one object a line.
  -output FILE
    Write the answer to FILE, which appears whole or not at all.

Examples:
  sv39 maps
  sv39 maps -perm wx
  sv39 maps -from 0x80000000 -to 0x88000000 -holes
""",
    "tree": """\
Show the tree of tables, entry by entry.
Usage: sv39 tree [-depth N] [-hart N] [-satp VALUE] [-root PA] [-mode sv39|sv48|sv57] [-json]
         [-output FILE]

A line an entry, and below it the table that it points to: index, where the PTE lies, raw value,
flags (V R W X U G A D N), the virtual addresses that it serves, and what it points to. Entries that
continue each other share a line, which shows the first PTE. A table that several PTEs point to is
shown under the first of them.

  -depth N
    Show N levels of tables; 1 is the root table alone (default: all).
  -hart N
    Ask hart N instead of the selected one.
  -satp VALUE
    Take VALUE for satp instead of the hart's.
  -root PA
    Take the root table at physical address PA instead of satp's.
  -mode sv39|sv48|sv57
    The paging mode that goes with -root (default: the hart's, or sv39).
  -json
    Answer in JSON, one object a line.
  -output FILE
    Write the answer to FILE, which appears whole or not at all.

Examples:
  sv39 tree
  sv39 tree -depth 2
""",
    "tables": """\
List every page-table page: what it serves, what points to it, and whether it is itself mapped.
Usage: sv39 tables [-hart N] [-satp VALUE] [-root PA] [-mode sv39|sv48|sv57] [-json]
         [-output FILE]

For each page: level, physical address, valid entries, the PTE that points to it, the virtual
addresses that it serves, and where it is itself mapped and how (r w x u g a d). A kernel that edits
a table page that is mapped nowhere faults. Of a page that several PTEs point to, every place is
listed.

  -hart N
    Ask hart N instead of the selected one.
  -satp VALUE
    Take VALUE for satp instead of the hart's.
  -root PA
    Take the root table at physical address PA instead of satp's.
  -mode sv39|sv48|sv57
    The paging mode that goes with -root (default: the hart's, or sv39).
  -json
    Answer in JSON, one object a line.
  -output FILE
    Write the answer to FILE, which appears whole or not at all.

Examples:
  sv39 tables
  sv39 tables -root 0x84000000
""",
    "why": """\
Explain the trap that a hart is in, or has just come back from.
Usage: sv39 why [-hart N] [-level m|s] [-json] [-output FILE]

Shows cause, address, the instruction and the privilege it ran in, the walk of the address as the
tables are now, and what the hardware would answer if the access were tried again. In M-mode the
M-mode registers are read; in S-mode those of S-mode, unless the hart stands where an M-mode handler
has just returned to.

  -hart N
    Ask hart N instead of the selected one.
  -level m|s
    Read the trap registers of M-mode or of S-mode.
  -json
    Answer in JSON, one object a line.
  -output FILE
    Write the answer to FILE, which appears whole or not at all.

Examples:
  sv39 why
  sv39 why -level s
""",
    "pmp": """\
Decode the physical memory protection (PMP) of a hart.
Usage: sv39 pmp [-hart N] [-json] [-output FILE]

A line an entry, up to the last one in use: address matching (OFF, TOR, NA4, NAPOT), the physical
addresses [start, end), R W X, and L where it is locked and binds M-mode too. The first entry that
matches any byte of an access decides.

  -hart N
    Ask hart N instead of the selected one.
  -json
    Answer in JSON, one object a line.
  -output FILE
    Write the answer to FILE, which appears whole or not at all.

Examples:
  sv39 pmp
  sv39 pmp -hart 1
""",
    "lint": """\
Judge the whole tree of tables: what always faults, what is dangerous, what is odd.
Usage: sv39 lint [-hart N] [-satp VALUE] [-root PA] [-mode sv39|sv48|sv57] [-json] [-output FILE]

Each finding has the rule, the virtual addresses, the address and the raw value of the first PTE
concerned, and what is wrong. Errors: reserved-encoding, pointer-at-level-0, misaligned-superpage,
table-outside-ram, table-barred, table-cycle, user-writable-table, kernel-executes-user-writable.
Warnings: writable-executable, alias-writable-executable, kernel-executes-user-page,
alias-memory-type, table-shared, napot-uneven, root-not-mapped. Notes: table-not-mapped,
page-nowhere, alias-permissions.

  -hart N
    Ask hart N instead of the selected one.
  -satp VALUE
    Take VALUE for satp instead of the hart's.
  -root PA
    Take the root table at physical address PA instead of satp's.
  -mode sv39|sv48|sv57
    The paging mode that goes with -root (default: the hart's, or sv39).
  -json
    Answer in JSON, one object a line.
  -output FILE
    Write the answer to FILE, which appears whole or not at all.

Examples:
  sv39 lint
  sv39 lint -root 0x84000000 -json
""",
    "rmap": """\
List every virtual address that reaches the physical address PA.
Usage: sv39 rmap PA [-search] [-hart N] [-satp VALUE] [-root PA] [-mode sv39|sv48|sv57] [-json]
         [-output FILE]

Looks in the address space of every hart, or in the one that -hart, -satp or -root names.

  PA
    A physical address.
  -search
    Look in the roots that `sv39 roots` finds, too, not only in those that harts use.
  -hart N
    Ask hart N instead of the selected one.
  -satp VALUE
    Take VALUE for satp instead of the hart's.
  -root PA
    Take the root table at physical address PA instead of satp's.
  -mode sv39|sv48|sv57
    The paging mode that goes with -root (default: the hart's, or sv39).
  -json
    Answer in JSON, one object a line.
  -output FILE
    Write the answer to FILE, which appears whole or not at all.

Examples:
  sv39 rmap 0x84000000
  sv39 rmap 0x80200000 -search
""",
    "roots": """\
Search physical memory for root tables, and rank them with the evidence.
Usage: sv39 roots [-hart N] [-mode sv39|sv48|sv57] [-json] [-output FILE]

For a core without satp, and for the address spaces of all processes. A page is listed if, read as a
root table, it holds only legal PTEs and leads to mappings. First come those that a hart's satp
names, then those that no other one leads to, that map the sections of the symbol file, and that map
themselves. Live it reads all RAM.

  -hart N
    Ask hart N instead of the selected one.
  -mode sv39|sv48|sv57
    The paging mode that goes with -root (default: the hart's, or sv39).
  -json
    Answer in JSON, one object a line.
  -output FILE
    Write the answer to FILE, which appears whole or not at all.

Examples:
  sv39 roots
  sv39 roots -mode sv48
""",
    "read": """\
Show LENGTH bytes of physical memory, or with -va of virtual memory.
Usage: sv39 read ADDRESS LENGTH [-va] [-hart N] [-satp VALUE] [-root PA] [-mode sv39|sv48|sv57]
         [-json] [-output FILE]

Permissions do not count, and reading changes nothing, not even the A bit.

  ADDRESS
    Where to begin: a physical address, or with -va a virtual one.
  LENGTH
    How many bytes.
  -va
    The address is a virtual one: go through the page tables.
  -hart N
    Ask hart N instead of the selected one.
  -satp VALUE
    Take VALUE for satp instead of the hart's.
  -root PA
    Take the root table at physical address PA instead of satp's.
  -mode sv39|sv48|sv57
    The paging mode that goes with -root (default: the hart's, or sv39).
  -json
    Answer in JSON, one object a line.
  -output FILE
    Write the answer to FILE, which appears whole or not at all.

Examples:
  sv39 read 0x80000000 64
  sv39 read &message 0x20 -va
""",
    "x": """\
Examine physical memory in GDB's formats, or with -va virtual memory: x/FMT ADDRESS.
Usage: sv39 x [/FMT] ADDRESS [-va] [-hart N] [-satp VALUE] [-root PA] [-mode sv39|sv48|sv57]
         [-json] [-output FILE]

  /FMT
    A count, a letter of x z d u o t a c f, and a size of b h w g, as after GDB's x; i and s are
    GDB's alone.
  ADDRESS
    Where to begin: a physical address, or with -va a virtual one.
  -va
    The address is a virtual one: go through the page tables.
  -hart N
    Ask hart N instead of the selected one.
  -satp VALUE
    Take VALUE for satp instead of the hart's.
  -root PA
    Take the root table at physical address PA instead of satp's.
  -mode sv39|sv48|sv57
    The paging mode that goes with -root (default: the hart's, or sv39).
  -json
    Answer in JSON, one object a line.
  -output FILE
    Write the answer to FILE, which appears whole or not at all.

Examples:
  sv39 x/4gx 0x84000000
  sv39 x/8wd -va &counters
""",
    "find": """\
Search mapped memory for a value, a string, or bytes.
Usage: sv39 find [VALUE] [-size b|h|w|g] [-string TEXT] [-bytes HEX] [-physical] [-max N]
         [-perm FLAGS] [-from VA] [-to VA] [-user] [-super] [-hart N] [-satp VALUE] [-root PA]
         [-mode sv39|sv48|sv57] [-json] [-output FILE]

A page that is mapped twice is searched twice. Devices are not touched.

  VALUE
    A number to find, little-endian, as large as -size says.
  -size b|h|w|g
    The size of VALUE: byte, halfword, word, giant.
  -string TEXT
    Find TEXT instead, in UTF-8 and without a final zero.
  -bytes HEX
    Find these bytes instead, in hex.
  -physical
    Search all physical memory instead of what is mapped.
  -max N
    Stop after N matches (default: 1000).
  -perm FLAGS
    Only mappings with all these flags of rwxugad set (wx: writable and executable), or, with a dash
    in it, of just this pattern in the columns r w x u g a d (r--: read-only).
  -from VA
    Start at this virtual address.
  -to VA
    End before this virtual address.
  -user
    Only pages of user mode (U=1).
  -super
    Only pages of supervisor mode (U=0).
  -hart N
    Ask hart N instead of the selected one.
  -satp VALUE
    Take VALUE for satp instead of the hart's.
  -root PA
    Take the root table at physical address PA instead of satp's.
  -mode sv39|sv48|sv57
    The paging mode that goes with -root (default: the hart's, or sv39).
  -json
    Answer in JSON, one object a line.
  -output FILE
    Write the answer to FILE, which appears whole or not at all.

Examples:
  sv39 find 0x84000000
  sv39 find -string panic -perm r--
  sv39 find -bytes 7f454c46 -physical
""",
    "core": """\
Save the machine as a core that GDB opens with core-file.
Usage: sv39 core save FILE [ADDRESS...] [-compact] [-json] [-output FILE]

The core holds the registers and CSRs of each hart (info threads, $satp and $mcause work in a plain
GDB) and all RAM by physical address. What -compact leaves out is later said to be not in the core;
an ADDRESS is taken for a virtual and for a physical one. The file appears when it is whole,
readable by its owner alone: it holds what the guest holds.

  save
    What to do: save.
  FILE
    The file to write.
  ADDRESS
    With -compact: keep the page at this address, too.
  -compact
    Keep only page tables, stacks, code at the pc and at traps, and pages named.
  -json
    Answer in JSON, one object a line.
  -output FILE
    Write the answer to FILE, which appears whole or not at all.

Examples:
  sv39 core save crash.core
  sv39 core save small.core -compact &boot_arguments
""",
    "snapshot": """\
Save the page tables and registers as they are now, for sv39 diff.
Usage: sv39 snapshot save NAME [-hart N] [-satp VALUE] [-root PA] [-mode sv39|sv48|sv57] [-json]
         [-output FILE]

A snapshot is a core with nothing but the tables of every hart in it, and of the root that the
options name: every command takes it.

  save
    What to do: save.
  NAME
    The file to write. An earlier snapshot is replaced, any other file is not.
  -hart N
    Ask hart N instead of the selected one.
  -satp VALUE
    Take VALUE for satp instead of the hart's.
  -root PA
    Take the root table at physical address PA instead of satp's.
  -mode sv39|sv48|sv57
    The paging mode that goes with -root (default: the hart's, or sv39).
  -json
    Answer in JSON, one object a line.
  -output FILE
    Write the answer to FILE, which appears whole or not at all.

Examples:
  sv39 snapshot save before
  sv39 snapshot save process.snap -root 0x84123000
""",
    "diff": """\
Show what changed in the page tables from A to B, or from A to now.
Usage: sv39 diff A [B] [-hart N] [-satp VALUE] [-root PA] [-mode sv39|sv48|sv57] [-json]
         [-output FILE]

By range of virtual addresses: mapped, unmapped, moved to another pa, permissions, memory type, A
and D. Then by PTE: where each one lies, what it was and is. On each side the tables are those of
the hart's own satp.

  A
    A snapshot or a core: the earlier state.
  B
    The later state; the present one where it is left out.
  -hart N
    Ask hart N instead of the selected one.
  -satp VALUE
    Take VALUE for satp instead of the hart's.
  -root PA
    Take the root table at physical address PA instead of satp's.
  -mode sv39|sv48|sv57
    The paging mode that goes with -root (default: the hart's, or sv39).
  -json
    Answer in JSON, one object a line.
  -output FILE
    Write the answer to FILE, which appears whole or not at all.

Examples:
  sv39 diff before
  sv39 diff before.core after.core -hart 1 -json
""",
    "trace": """\
Record every page fault: what trapped, what the handler wrote, whether the retry worked.
Usage: sv39 trace [run|start|stop|show|summary|save|load] [WHAT] [-count N] [-until EXPR]
         [-chains] [-quiet] [-log] [-file FILE] [-json] [-output FILE]

Stops the machine at the entry of its page fault handler (mtvec; stvec where page faults are
delegated; or set sv39 trap-handler) and at every mret or sret, compares the page tables, and goes
on. The page-table region comes from the kernel's symbols or from set sv39 table-region; without one
all faults are alike. Ctrl-C and the user's own breakpoints stop it; sv39 trace run then goes on
with the same trace. With -log the machine runs at full speed, and only counts are known.

  run|start|stop|show|summary|save|load
    run (the default): trace until the machine stops or ends. start, stop: begin and end a trace
    around one's own continue. show [N]: all faults, or fault N. summary. save FILE, load FILE:
    lines of JSON, one for each fault.
  WHAT
    The number of a fault, or a FILE.
  -count N
    Stop after N faults.
  -until EXPR
    Stop at the first fault at whose end EXPR is true.
  -chains
    A line a fault, and those for a table and for the next lower one together.
  -quiet
    While it runs, show no faults, but how many there were.
  -log
    Do not stop at all: have QEMU log the traps, and count them.
  -file FILE
    With show and summary: read the trace from FILE.
  -json
    Answer in JSON, one object a line.
  -output FILE
    Write the answer to FILE, which appears whole or not at all.

Examples:
  sv39 trace run
  sv39 trace run -quiet -count 1000
  sv39 trace show 2
  sv39 trace save f.jsonl
""",
    "watch": """\
Resume the machine until a PTE on the path of VA changes.
Usage: sv39 watch VA [-hart N] [-satp VALUE] [-root PA] [-mode sv39|sv48|sv57] [-json]
         [-output FILE]

Watches each PTE that a walk of VA reads, at its physical address and at every virtual address that
maps it, so that it does not matter who writes it or how. Shows the PTE before and after, decoded,
and the hart, the place and the backtrace of the writer. What the hardware does to A and D is passed
over. A new alias of a table page is learned at the next return from a trap.

  VA
    A virtual address: any expression.
  -hart N
    Ask hart N instead of the selected one.
  -satp VALUE
    Take VALUE for satp instead of the hart's.
  -root PA
    Take the root table at physical address PA instead of satp's.
  -mode sv39|sv48|sv57
    The paging mode that goes with -root (default: the hart's, or sv39).
  -json
    Answer in JSON, one object a line.
  -output FILE
    Write the answer to FILE, which appears whole or not at all.

Examples:
  sv39 watch 0x84010000
  sv39 watch &buffer
""",
}
