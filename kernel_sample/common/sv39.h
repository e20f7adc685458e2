/* Sv39 (privileged specification, "Sv39: Page-Based 39-bit Virtual-Memory System"), as far as the kernel needs it. */
#ifndef SV39_H
#define SV39_H

#include <stdbool.h>
#include <stdint.h>

#include "memory.h"

typedef uint64_t pte_t;

#define ROOT_LEVEL 2
#define PTES_PER_TABLE 512

#define PTE_V 0x01UL
#define PTE_R 0x02UL
#define PTE_W 0x04UL
#define PTE_X 0x08UL
#define PTE_A 0x40UL
#define PTE_D 0x80UL
#define PTE_PPN_SHIFT 10
#define PTE_PPN_MASK ((1UL << 44) - 1)

/*
 * Leaf PTEs, complete. A and D are set from the start: a hart may set them itself or may raise a page fault for
 * each that is clear, and this kernel runs on both kinds.
 */
#define PAGE_R (PTE_V | PTE_A | PTE_D | PTE_R)
#define PAGE_RW (PTE_V | PTE_A | PTE_D | PTE_R | PTE_W)
#define PAGE_RX (PTE_V | PTE_A | PTE_D | PTE_R | PTE_X)

/* The index (vpn[level]) that translates va at this level. */
static inline unsigned vpn(uint64_t va, unsigned level)
{
    return (va >> (12 + 9 * level)) & (PTES_PER_TABLE - 1);
}

/* The leaf for pa with these flags (V included), or the link to the table at pa where flags is PTE_V alone. */
static inline pte_t make_pte(uint64_t pa, pte_t flags)
{
    return pa / PAGE_SIZE << PTE_PPN_SHIFT | flags;
}

static inline uint64_t pte_target_pa(pte_t pte)
{
    return (pte >> PTE_PPN_SHIFT & PTE_PPN_MASK) * PAGE_SIZE;
}

static inline bool is_page_aligned(uint64_t address)
{
    return address % PAGE_SIZE == 0;
}

#endif
