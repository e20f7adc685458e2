/*
 * The assembly of the probe: reset, the one trap entry, and the routines that make the accesses.
 */
#include "probe.h"

#define MSTATUS_MPRV      (1 << 17)

/* Registers that the C calling convention wants kept across run_attempt(), and the slot of its argument. */
#define FRAME_RA          0
#define FRAME_GP          8
#define FRAME_TP          16
#define FRAME_S0          24
#define FRAME_ATTEMPT     120
#define FRAME_SIZE        128

.macro saved_registers op
    \op ra, FRAME_RA(sp)
    \op gp, FRAME_GP(sp)
    \op tp, FRAME_TP(sp)
    \op s0, FRAME_S0(sp)
    \op s1, FRAME_S0+8(sp)
    \op s2, FRAME_S0+16(sp)
    \op s3, FRAME_S0+24(sp)
    \op s4, FRAME_S0+32(sp)
    \op s5, FRAME_S0+40(sp)
    \op s6, FRAME_S0+48(sp)
    \op s7, FRAME_S0+56(sp)
    \op s8, FRAME_S0+64(sp)
    \op s9, FRAME_S0+72(sp)
    \op s10, FRAME_S0+80(sp)
    \op s11, FRAME_S0+88(sp)
.endm

.option norvc

/* The reset vector jumps here, in M-mode. */
.section .entry, "ax"
.global _start
_start:
    la sp, __stack_top
    la t0, trap_entry
    csrw mtvec, t0
    la t0, __bss_start
    la t1, __bss_end
1:  bgeu t0, t1, 2f
    sd zero, 0(t0)
    addi t0, t0, 8
    j 1b
2:  call main
3:  wfi
    j 3b

.text

/*
 * void run_attempt(struct attempt *attempt): M-mode C code calls this. It leaves for the target, by mret to S or U or,
 * with MPRV set, by a jump within M-mode; whatever trap ends the attempt comes back through trap_entry, which returns
 * to the caller. mscratch holds the stack pointer meanwhile.
 */
.balign 4
.global run_attempt
run_attempt:
    addi sp, sp, -FRAME_SIZE
    saved_registers sd
    sd a0, FRAME_ATTEMPT(sp)
    csrw mscratch, sp
    ld t0, ATTEMPT_MSTATUS(a0)
    ld t1, ATTEMPT_TARGET(a0)
    ld a1, ATTEMPT_VA(a0)
    ld a2, ATTEMPT_VALUE(a0)
    li a0, 0
    li t2, MSTATUS_MPRV
    and t2, t0, t2
    csrw mepc, t1
    csrw mstatus, t0
    bnez t2, 1f
    mret
1:  jr t1

/* mtvec: every trap comes here, in M-mode, from S, from U, or from M with MPRV; only sp is known to be ours. */
.balign 4
.global trap_entry
trap_entry:
    csrr sp, mscratch
    csrw mstatus, zero
    ld t0, FRAME_ATTEMPT(sp)
    sd a0, ATTEMPT_VALUE(t0)
    csrr t1, mcause
    sd t1, ATTEMPT_CAUSE(t0)
    csrr t1, mtval
    sd t1, ATTEMPT_TVAL(t0)
    csrr t1, mepc
    sd t1, ATTEMPT_EPC(t0)
    saved_registers ld
    addi sp, sp, FRAME_SIZE
    ret

/*
 * int menvcfg_exists(void): M-mode C code calls this to find out whether the hart has menvcfg. Without it the read
 * traps, and the trap goes to the label below, still in M-mode.
 */
.balign 4
.global menvcfg_exists
menvcfg_exists:
    csrr t0, mtvec
    la t1, 1f
    csrw mtvec, t1
    li a0, 0
    csrr t1, 0x30a    /* menvcfg, which the assembler names only for newer architecture strings */
    li a0, 1
.balign 4
1:  csrw mtvec, t0
    csrw mstatus, zero
    ret

/*
 * The access routines, copied to ROUTINES_PA: run_attempt() goes to one of them, in S, U or M. a1 is the address, a2
 * what to write, a0 the answer; the ecall ends the attempt. In the order of enum access, width 4 before width 8.
 */
.balign ROUTINE_SIZE
.global access_routines
access_routines:
    lw a0, 0(a1)
    ecall
.balign ROUTINE_SIZE
    ld a0, 0(a1)
    ecall
.balign ROUTINE_SIZE
    sw a2, 0(a1)
    ecall
.balign ROUTINE_SIZE
    sd a2, 0(a1)
    ecall
.balign ROUTINE_SIZE
    amoswap.w a0, a2, (a1)
    ecall
.balign ROUTINE_SIZE
    amoswap.d a0, a2, (a1)
    ecall
.balign ROUTINE_SIZE
.global access_routines_end
access_routines_end:
