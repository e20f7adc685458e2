/* A scenario is what S-mode does, and what is wrong with M-mode's handler while it does so. */
#ifndef SCENARIO_H
#define SCENARIO_H

#include <stdbool.h>
#include <stdint.h>

#include "sv39.h"

/* The deliberate mistakes of the M-mode handler. All zero is the handler as it should be. */
struct defects {
    bool keeps_dirt;          /* a table page is not zeroed before use */
    bool omits_map;           /* the page is allocated, and no PTE is written for it */
    bool omits_map_fence;     /* no sfence.vma after a PTE became valid */
    bool omits_unmap_fence;   /* no sfence.vma after a PTE became invalid */
    bool omits_lock;          /* harts allocate and map without excluding each other, and meet in the middle */
    pte_t missing_flags;      /* flags that the leaf PTE should have and has not */
    unsigned leaf_level;      /* the leaf PTE is written in the table of this level instead of level 0 */
    uint64_t va_offset;       /* the PTE is written for the va this many bytes after the right one */
};

struct scenario {
    const char *name;
    void (*run)(uint64_t count);  /* S-mode's part, on each of `harts`; the machine ends with EXIT_OK when all return */
    uint64_t default_count;       /* count where the boot arguments give none */
    uint64_t count_max;           /* of a count they may give; 0: they may give none */
    uint64_t harts;               /* how many harts play; 0: hart 0 alone */
    bool limits_region;           /* count is how many pages of the region M-mode will still hand out */
    bool timer;                   /* the machine timer interrupts, periodically and inside the handler */
    bool vectored;                /* mtvec is in vectored mode */
    struct defects defects;
};

/* What M-mode found out at boot. Written there once; S-mode can only read it. */
struct boot_info {
    const struct scenario *scenario;
    uint64_t count;
    const struct defects *defects;  /* those in force: none until the first tables stand */
};

extern struct boot_info boot_info;

const struct scenario *find_scenario(const char *boot_arguments, uint64_t *count);

#endif
