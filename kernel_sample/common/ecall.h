/* What S-mode may ask of M-mode: the function's number in a7, its argument in a0. */
#ifndef ECALL_H
#define ECALL_H

#include <stdint.h>

enum ecall_function {
    /* Argument: enum exit_status. Does not return. */
    ECALL_EXIT,
    /* Argument: pa of a table page that no PTE links to any more. It is unmapped and free when the call returns. */
    ECALL_FREE_TABLE,
};

/* How the machine ended, and QEMU's exit status. 1 is left to QEMU's own failures. */
enum exit_status {
    EXIT_OK = 0,
    EXIT_BAD_SCENARIO = 2,     /* the boot arguments name no scenario, or one that this machine cannot play */
    EXIT_PROOF_FAILED = 3,     /* S-mode read back something else than it wrote */
    EXIT_OUTSIDE = 4,          /* page fault outside the page-table region */
    EXIT_NO_PROGRESS = 5,      /* a table page that was handed out goes on faulting */
    EXIT_EXHAUSTED = 6,        /* no free page in the page-table region, or no memory for kalloc */
    EXIT_STACK_OVERFLOW = 7,   /* page fault in the guard page of a supervisor stack */
    EXIT_ACCESS_FAULT = 8,     /* PMP, or no memory there */
    EXIT_UNEXPECTED_TRAP = 9,  /* any other trap that nothing here provides for, in either mode */
};

static inline void ecall(enum ecall_function function, uint64_t argument)
{
    register uint64_t a0 __asm__("a0") = argument;
    register uint64_t a7 __asm__("a7") = function;

    __asm__ volatile("ecall" : "+r"(a0) : "r"(a7) : "memory");
}

#endif
