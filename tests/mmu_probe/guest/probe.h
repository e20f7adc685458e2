/*
 * What the probe and its host agree on: where things lie in RAM, and the layout of the mailbox, of a case and of a
 * result. driver.py holds the same layouts as struct formats; both carry PROBE_VERSION, and the host refuses a probe
 * whose version or sizes differ from its own.
 */
#ifndef PROBE_H
#define PROBE_H

#define PROBE_MAGIC   0x65626f72502d554dUL
#define PROBE_VERSION 1

/* Below ROUTINES_PA lies the probe itself: code from 0x80000000, mailbox, cases, results. The host bars S and U from it. */
#define MAILBOX_PA      0x80100000
#define CASES_PA        0x80200000
#define RESULTS_PA      0x80a00000
/* Everything from here to the end of RAM belongs to the cases. The first page holds the access routines. */
#define ROUTINES_PA     0x81000000
#define TABLES_PA       0x81001000
#define ARENA_PA        0x81100000
#define RAM_END_PA      0x82000000

#define ROUTINE_SIZE    16

#define PMP_ENTRIES     16
#define POKES           12

/* Offsets of struct attempt, for the assembly. */
#define ATTEMPT_MSTATUS 0
#define ATTEMPT_TARGET  8
#define ATTEMPT_VA      16
#define ATTEMPT_VALUE   24
#define ATTEMPT_CAUSE   32
#define ATTEMPT_TVAL    40
#define ATTEMPT_EPC     48

#ifndef __ASSEMBLER__

typedef unsigned char      u8;
typedef unsigned int       u32;
typedef unsigned long      u64;

enum access { ACCESS_LOAD, ACCESS_STORE, ACCESS_AMO, ACCESS_FETCH };

/* CASE_MPRV: the access is made from M-mode with mstatus.MPRV=1, `privilege` being mstatus.MPP. */
enum case_flags { CASE_SUM = 1, CASE_MXR = 2, CASE_MPRV = 4 };

struct poke {
    u64 pa;
    u64 value;
};

struct probe_case {
    u64 satp;
    u64 va;                      /* of the access; for a fetch, where S or U begins to run */
    u64 menvcfg;                 /* written only where the register exists */
    u64 routine_va;              /* where ROUTINES_PA is mapped for S or U; unused with CASE_MPRV and for a fetch */
    u64 nonce;                   /* what a store or an AMO writes; its low 32 bits occur nowhere else */
    u64 hint_pa;                 /* where the nonce is looked for first; a wrong hint costs only time */
    u8  access;
    u8  width;                   /* 4 or 8 bytes; a fetch is one instruction of 4 */
    u8  privilege;               /* 0 U, 1 S */
    u8  flags;
    u32 poke_count;
    u8  pmpcfg[PMP_ENTRIES];
    u64 pmpaddr[PMP_ENTRIES];
    struct poke pokes[POKES];    /* written in order before the access; the old values are put back after it */
};

struct probe_result {
    u64 cause;                   /* mcause; an ecall (8, 9 or 11) says that a load, store or AMO went through */
    u64 tval;
    u64 epc;
    u64 value;                   /* a0: what was loaded, or the page that a fetch found itself in */
    u64 store_pa;                /* where the nonce was found; 0: nowhere */
    u64 satp;                    /* what the hart made of the satp asked for */
    u64 poked[POKES];            /* the words of the pokes, after the access */
};

struct mailbox {
    u64 magic;                   /* written last at boot: the probe is ready */
    u32 version;
    u32 case_size;
    u32 result_size;
    u32 capacity;                /* cases that one batch may hold */
    u64 request;                 /* the host counts this up to ask for a batch of `count` cases */
    u64 done;                    /* becomes equal to `request` when the results are there */
    u64 count;
    u64 misa;
    u64 satp_modes;              /* bit n: satp.MODE = n can be written */
    u64 satp_mask;               /* the ASID and PPN bits that can be written */
    u64 menvcfg_exists;
    u64 menvcfg_mask;            /* the bits that can be written */
    u64 pmp_entries;
    u64 pmpaddr_mask;            /* what reads back of an all-ones pmpaddr */
};

/* What run_attempt() is given, and what it fills in. */
struct attempt {
    u64 mstatus;
    u64 target;                  /* where to go: an address of the access routine, or the va of a fetch */
    u64 va;
    u64 value;                   /* in: the nonce; out: a0 */
    u64 cause;
    u64 tval;
    u64 epc;
};

_Static_assert(__builtin_offsetof(struct attempt, mstatus) == ATTEMPT_MSTATUS, "attempt");
_Static_assert(__builtin_offsetof(struct attempt, target) == ATTEMPT_TARGET, "attempt");
_Static_assert(__builtin_offsetof(struct attempt, va) == ATTEMPT_VA, "attempt");
_Static_assert(__builtin_offsetof(struct attempt, value) == ATTEMPT_VALUE, "attempt");
_Static_assert(__builtin_offsetof(struct attempt, cause) == ATTEMPT_CAUSE, "attempt");
_Static_assert(__builtin_offsetof(struct attempt, tval) == ATTEMPT_TVAL, "attempt");
_Static_assert(__builtin_offsetof(struct attempt, epc) == ATTEMPT_EPC, "attempt");

#endif
#endif
