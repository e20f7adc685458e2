/*
 * What machine_trap_entry saves on the machine stack, for C and for assembly.
 * mscratch holds the hart's empty machine stack while it runs below M-mode, and zero while it runs in M-mode.
 */
#ifndef TRAP_FRAME_H
#define TRAP_FRAME_H

/* Register xN lies at TRAP_FRAME_X(N); the slot of x0 is left alone. */
#define TRAP_FRAME_X(n) ((n) * 8)
#define TRAP_FRAME_MEPC 256
#define TRAP_FRAME_MSTATUS 264
#define TRAP_FRAME_MCAUSE 272
#define TRAP_FRAME_MTVAL 280
#define TRAP_FRAME_SIZE 288

#ifndef __ASSEMBLER__

#include <stddef.h>
#include <stdint.h>

struct trap_frame {
    uint64_t x[32];
    uint64_t mepc;
    uint64_t mstatus;
    uint64_t mcause;
    uint64_t mtval;
};

enum { REGISTER_A0 = 10, REGISTER_A7 = 17 };

_Static_assert(offsetof(struct trap_frame, x[31]) == TRAP_FRAME_X(31), "trap_entry.S stores x31 here");
_Static_assert(offsetof(struct trap_frame, mepc) == TRAP_FRAME_MEPC, "trap_entry.S stores mepc here");
_Static_assert(offsetof(struct trap_frame, mstatus) == TRAP_FRAME_MSTATUS, "trap_entry.S stores mstatus here");
_Static_assert(offsetof(struct trap_frame, mcause) == TRAP_FRAME_MCAUSE, "trap_entry.S stores mcause here");
_Static_assert(offsetof(struct trap_frame, mtval) == TRAP_FRAME_MTVAL, "trap_entry.S stores mtval here");
_Static_assert(sizeof(struct trap_frame) == TRAP_FRAME_SIZE, "trap_entry.S makes room for this many bytes");
_Static_assert(TRAP_FRAME_SIZE % 16 == 0, "the ABI wants sp aligned to 16 bytes");

#endif
#endif
