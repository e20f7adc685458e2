/*
 * What S-mode may touch, whatever its page tables say. S-mode edits the tables, so only PMP keeps M-mode's code
 * and bookkeeping from it. No entry is locked: M-mode itself is not bound.
 */
#include "pmp.h"

#include <stdint.h>

#include "../common/memory.h"
#include "../common/riscv.h"

/* A NAPOT address: bits 0..n set mean 2^(n+3) bytes. */
#define PMP_NAPOT_ADDRESS(start, size) (((start) + (size) / 2 - 1) >> PMP_ADDRESS_SHIFT)
#define PMP_TOR_ADDRESS(end) ((end) >> PMP_ADDRESS_SHIFT)
#define PMP_ENTRY(index, flags) ((uint64_t)(flags) << (index) * 8)

/*
 * Set this hart's PMP. The first entry that matches decides; where none does, S-mode is refused: the test finisher, the
 * timer and all other devices are M-mode's alone.
 */
void protect_memory(void)
{
    csr_write(pmpaddr0, PMP_NAPOT_ADDRESS(UART_PA, PAGE_SIZE));
    csr_write(pmpaddr1, PMP_TOR_ADDRESS(ADDRESS_OF(__ram_start)));
    csr_write(pmpaddr2, PMP_TOR_ADDRESS(ADDRESS_OF(__machine_text_end)));
    csr_write(pmpaddr3, PMP_TOR_ADDRESS(ADDRESS_OF(__machine_data_end)));
    csr_write(pmpaddr4, PMP_TOR_ADDRESS(ADDRESS_OF(__text_end)));
    csr_write(pmpaddr5, PMP_TOR_ADDRESS(ADDRESS_OF(__rodata_end)));
    csr_write(pmpaddr6, PMP_TOR_ADDRESS(ADDRESS_OF(__ram_end)));
    csr_write(pmpcfg0, PMP_ENTRY(0, PMP_NAPOT | PMP_R | PMP_W) /* UART */
                           | PMP_ENTRY(1, PMP_OFF)             /* only the lower bound of entry 2 */
                           | PMP_ENTRY(2, PMP_TOR)             /* M-mode's code: nothing */
                           | PMP_ENTRY(3, PMP_TOR | PMP_R)     /* M-mode's data: the bitmap and the fault log */
                           | PMP_ENTRY(4, PMP_TOR | PMP_R | PMP_X)
                           | PMP_ENTRY(5, PMP_TOR | PMP_R)
                           | PMP_ENTRY(6, PMP_TOR | PMP_R | PMP_W));
    sfence_vma();
}
