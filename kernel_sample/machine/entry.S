#include "../common/memory.h"

        .section .entry, "ax"

        /*
         * Every hart comes here at power-on, in M-mode with physical addresses.
         * a0: hart id. a1: pa of the device tree.
         */
        .global _start
_start:
        csrw mie, zero
        la t0, machine_trap_entry
        csrw mtvec, t0
        csrw mscratch, zero             /* trap_frame.h: zero while this hart runs in M-mode */
        li t0, HART_COUNT_MAX
        bgeu a0, t0, park

        la sp, machine_stacks
        li t1, MACHINE_STACK_SIZE
        addi t0, a0, 1
        mul t0, t0, t1
        add sp, sp, t0
        bnez a0, machine_start_secondary

        /* Hart 0 alone clears M-mode's .bss; the others touch no memory until it wakes them. */
        la t0, __machine_bss_start
        la t1, __machine_data_end
clear_bss:
        sd zero, 0(t0)
        addi t0, t0, 8
        bltu t0, t1, clear_bss
        mv a0, a1
        tail machine_start

        /* Harts with no part to play come here from _start, in M-mode with every interrupt off, and stay. */
park:
        wfi
        j park

        .section .text

        /*
         * _Noreturn void enter_supervisor(uint64_t hart, uint64_t entry, uint64_t stack_top)
         * machine/start.c comes here, in M-mode, with mstatus.MPP = S and satp set. Leaves for entry in S-mode
         * with hart in a0 and tp; the machine stack is empty from here on.
         */
        .global enter_supervisor
enter_supervisor:
        csrw mepc, a1
        la t0, machine_stacks
        li t1, MACHINE_STACK_SIZE
        addi t2, a0, 1
        mul t1, t1, t2
        add t0, t0, t1
        csrw mscratch, t0               /* trap_frame.h: the empty machine stack while this hart runs below M-mode */
        mv ra, zero                     /* a backtrace ends in entry */
        mv sp, a2
        mv tp, a0
        mret

        .section .bss.stacks, "aw", @nobits
        .balign 16
machine_stacks:
        .space HART_COUNT_MAX * MACHINE_STACK_SIZE
