        /*
         * A kernel of another kind than the sample: page faults are delegated, S-mode handles its own and those of
         * user mode, and stvec is set only after M-mode was left. User mode stores to two pages; the handler maps
         * each where it is wanted. There is no page-table region.
         */
#define ROOT_PA 0x80100000
#define LEVEL1_PA 0x80101000
#define LEVEL0_PA 0x80102000
#define FINISHER 0x100000
#define USER_VA 0x40000000

#define LEAF_ALL 0xcf /* V R W X A D */
#define LEAF_USER 0xdf
#define POINTER 0x01

        .section .text
        .global _start
_start: /* Every hart comes here at reset, in M-mode; hart 0 alone goes on. */
        csrr t0, mhartid
1:      bnez t0, 1b
        la t0, unexpected
        csrw mtvec, t0
        li t0, 0xb000                   /* page faults of fetch, load and store */
        csrw medeleg, t0
        li t0, -1
        csrw pmpaddr0, t0
        li t0, 0x1f
        csrw pmpcfg0, t0
        li t0, ROOT_PA
        li t1, LEAF_ALL                 /* the first gigabyte to itself, for the finisher */
        sd t1, 0(t0)
        li t1, (0x80000000 >> 2) | LEAF_ALL
        sd t1, 16(t0)
        li t0, (8 << 60) | (ROOT_PA >> 12)
        csrw satp, t0
        sfence.vma
        la t0, supervisor
        csrw mepc, t0
        li t0, 1 << 11
        csrw mstatus, t0
        mret

supervisor: /* M-mode comes here, in S-mode with Sv39 on. */
        la t0, supervisor_trap
        csrw stvec, t0
        li t0, ROOT_PA                  /* user mode gets its code through a second mapping of this gigabyte */
        li t1, (0x80000000 >> 2) | LEAF_USER
        sd t1, 24(t0)
        sfence.vma
        la t0, user
        li t1, 0x40000000
        add t0, t0, t1
        csrw sepc, t0
        csrw sstatus, zero
        sret

user:   /* supervisor comes here, in U-mode. */
        li t0, USER_VA
        li t1, 0x1234
        .global first_store, second_store
first_store:
        sd t1, 8(t0)
        li t2, 0x1000
        add t0, t0, t2
second_store:
        sd t1, 16(t0)
        ecall

        .balign 4
        .global supervisor_trap
supervisor_trap: /* The hart comes here through stvec, with page faults of user mode. */
        csrr s0, stval
        li s1, ROOT_PA
        li s2, (LEVEL1_PA >> 2) | POINTER
        sd s2, 8(s1)
        li s1, LEVEL1_PA
        li s2, (LEVEL0_PA >> 2) | POINTER
        sd s2, 0(s1)
        srli s0, s0, 12
        andi s0, s0, 511
        slli s1, s0, 3
        li s2, LEVEL0_PA
        add s1, s1, s2
        slli s0, s0, 10
        li s2, (0x80200000 >> 2) | LEAF_USER
        or s0, s0, s2
        sd s0, 0(s1)
        sfence.vma
        sret

        .balign 4
unexpected: /* The hart comes here through mtvec: the ecall by which user mode says that it is done. */
        li t0, FINISHER
        li t1, 0x5555
        sw t1, 0(t0)
        j unexpected
