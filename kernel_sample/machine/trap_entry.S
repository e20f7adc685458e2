#include "../common/riscv.h"
#include "trap_frame.h"

        .section .text

        /* Save or restore every register but x0 and sp (x2). */
        .macro for_each_register instruction
        .irp n, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
        \instruction x\n, TRAP_FRAME_X(\n)(sp)
        .endr
        .endm

        /*
         * The hart jumps here on every trap to M-mode: through mtvec in direct mode, and from machine_vectors in
         * vectored mode. The trap came from S-mode, or from M-mode where the handler lets an interrupt in.
         */
        .global machine_trap_entry
        .balign 4
machine_trap_entry:
        csrrw sp, mscratch, sp
        bnez sp, 1f
        csrr sp, mscratch               /* from M-mode: go on with the stack in use */
1:      addi sp, sp, -TRAP_FRAME_SIZE
        for_each_register sd
        csrrw t0, mscratch, zero
        sd t0, TRAP_FRAME_X(2)(sp)
        csrr t0, mepc
        sd t0, TRAP_FRAME_MEPC(sp)
        csrr t0, mstatus
        sd t0, TRAP_FRAME_MSTATUS(sp)
        csrr t0, mcause
        sd t0, TRAP_FRAME_MCAUSE(sp)
        csrr t0, mtval
        sd t0, TRAP_FRAME_MTVAL(sp)

        mv a0, sp
        call machine_trap

        /* Here M-mode leaves the trap. mscratch becomes the empty stack again, unless the trap came from M-mode. */
        ld t0, TRAP_FRAME_MEPC(sp)
        csrw mepc, t0
        ld t0, TRAP_FRAME_MSTATUS(sp)
        csrw mstatus, t0
        li t1, MSTATUS_MPP_MACHINE
        and t0, t0, t1
        beq t0, t1, 2f
        addi t0, sp, TRAP_FRAME_SIZE
        csrw mscratch, t0
2:      for_each_register ld
        ld sp, TRAP_FRAME_X(2)(sp)
        mret
