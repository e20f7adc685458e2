#include "../common/riscv.h"
#include "trap_frame.h"

/* The number of mepc in DWARF: 4096 + the CSR's (RISC-V ELF psABI, "DWARF Register Numbers"). */
#define DWARF_MEPC (4096 + 0x341)

        .section .text

        /* Save or restore every register but x0 and sp (x2). */
        .macro for_each_register instruction
        .irp n, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
        \instruction x\n, TRAP_FRAME_X(\n)(sp)
        .endr
        .endm

        /*
         * In vectored mode the hart jumps here on a trap to M-mode: to the first word on an exception, to word N on
         * interrupt N.
         */
        .global machine_vectors
        .balign 256
machine_vectors:
        .rept 16
        j machine_trap_entry
        .endr

        /*
         * The hart jumps here on every trap to M-mode: through mtvec in direct mode, and from machine_vectors in
         * vectored mode. The trap came from S-mode, or from M-mode where the handler lets an interrupt in.
         */
        .global machine_trap_entry
        .balign 4
machine_trap_entry:
        .cfi_sections .debug_frame
        .cfi_startproc
        .cfi_signal_frame
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

        /* From here on a debugger finds the caller, which is the code that trapped, at mepc. */
        .cfi_return_column DWARF_MEPC
        .cfi_def_cfa sp, TRAP_FRAME_SIZE
        .irp n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
        .cfi_offset \n, TRAP_FRAME_X(\n) - TRAP_FRAME_SIZE
        .endr
        .cfi_offset DWARF_MEPC, TRAP_FRAME_MEPC - TRAP_FRAME_SIZE

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
        .cfi_endproc
