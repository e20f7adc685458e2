/*
 * Names of the RISC-V privileged specification: CSR accessors, CSR fields and exception causes.
 * Included from assembly too; what only C understands stands between the guards at the end.
 */
#ifndef RISCV_H
#define RISCV_H

/* mstatus */
#define MSTATUS_SIE (1 << 1)
#define MSTATUS_MIE (1 << 3)
#define MSTATUS_SPIE (1 << 5)
#define MSTATUS_MPIE (1 << 7)
#define MSTATUS_SPP (1 << 8)
#define MSTATUS_MPP (3 << 11)
#define MSTATUS_MPP_SUPERVISOR (1 << 11)
#define MSTATUS_MPP_MACHINE (3 << 11)
#define MSTATUS_MPRV (1 << 17)
#define MSTATUS_SUM (1 << 18)
#define MSTATUS_MXR (1 << 19)
#define MSTATUS_TVM (1 << 20)
#define MSTATUS_TW (1 << 21)
#define MSTATUS_TSR (1 << 22)

/* mie and mip: machine software and machine timer interrupt */
#define MIE_MSIE (1 << 3)
#define MIE_MTIE (1 << 7)

/* mtvec */
#define MTVEC_DIRECT 0
#define MTVEC_VECTORED 1

/* mcause and scause */
#define CAUSE_INTERRUPT (1UL << 63)
#define CAUSE_MACHINE_SOFTWARE 3
#define CAUSE_MACHINE_TIMER 7
#define CAUSE_MISALIGNED_FETCH 0
#define CAUSE_FETCH_ACCESS_FAULT 1
#define CAUSE_ILLEGAL_INSTRUCTION 2
#define CAUSE_BREAKPOINT 3
#define CAUSE_MISALIGNED_LOAD 4
#define CAUSE_LOAD_ACCESS_FAULT 5
#define CAUSE_MISALIGNED_STORE 6
#define CAUSE_STORE_ACCESS_FAULT 7
#define CAUSE_SUPERVISOR_ECALL 9
#define CAUSE_FETCH_PAGE_FAULT 12
#define CAUSE_LOAD_PAGE_FAULT 13
#define CAUSE_STORE_PAGE_FAULT 15

/* satp */
#define SATP_MODE_SV39 (8UL << 60)

/* pmpcfg: one byte per entry */
#define PMP_R 0x01
#define PMP_W 0x02
#define PMP_X 0x04
#define PMP_OFF 0x00
#define PMP_TOR 0x08
#define PMP_NAPOT 0x18
#define PMP_ADDRESS_SHIFT 2

#ifndef __ASSEMBLER__

#include <stdint.h>

#define csr_read(csr)                                                   \
    ({                                                                  \
        uint64_t csr_value_;                                            \
        __asm__ volatile("csrr %0, " #csr : "=r"(csr_value_)::"memory"); \
        csr_value_;                                                     \
    })
#define csr_write(csr, value) __asm__ volatile("csrw " #csr ", %0" ::"r"((uint64_t)(value)) : "memory")
#define csr_set(csr, bits) __asm__ volatile("csrs " #csr ", %0" ::"r"((uint64_t)(bits)) : "memory")
#define csr_clear(csr, bits) __asm__ volatile("csrc " #csr ", %0" ::"r"((uint64_t)(bits)) : "memory")

/* Order every earlier write to a page table before every later translation on this hart, all ASIDs. */
static inline void sfence_vma(void)
{
    __asm__ volatile("sfence.vma zero, zero" ::: "memory");
}

/* Sleep until an interrupt that mie enables is pending, whether or not it may be taken. */
static inline void wait_for_interrupt(void)
{
    __asm__ volatile("wfi" ::: "memory");
}

#endif
#endif
