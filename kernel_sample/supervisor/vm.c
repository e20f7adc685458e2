/*
 * S-mode's hand on the page tables. Each table page is mapped to itself, so a table's pa is also the va under which
 * it is edited, if it is mapped at all: the first store to a new one faults, and M-mode provides the page.
 */
#include "vm.h"

#include "../common/print.h"
#include "../common/riscv.h"
#include "../common/table_map.h"
#include "stop.h"

/* Choose a free page of the region for a new table. Result: its pa; without one the kernel stops. */
static uint64_t choose_table(void)
{
    uint64_t pa = lowest_free_table();

    if (!pa) {
        print("kernel: page-table region full\n");
        stop(EXIT_EXHAUSTED);
    }
    return pa;
}

/*
 * The table that *entry, the PTE for va at this level, links to. Where it links to none, a new table is taken: the
 * store to its PTE for va faults to M-mode, which allocates, zeroes and maps the page, and is retried; then
 * the page is linked. Result: the table, mapped.
 */
static volatile pte_t *next_table(volatile pte_t *entry, uint64_t va, unsigned level)
{
    if (!(*entry & PTE_V)) {
        uint64_t table = choose_table();

        ((volatile pte_t *)table)[vpn(va, level - 1)] = 0;
        *entry = make_pte(table, PTE_V);
    }
    return (volatile pte_t *)pte_target_pa(*entry);
}

/* Map the page at va to the frame at pa, both page-aligned, with these flags: PAGE_R, PAGE_RW or PAGE_RX. */
void map_virtual_address_to_physical_address(uint64_t va, uint64_t pa, pte_t flags)
{
    volatile pte_t *table = (volatile pte_t *)__page_table_region_start;

    for (unsigned level = ROOT_LEVEL; level > 0; level--)
        table = next_table(&table[vpn(va, level)], va, level);
    table[vpn(va, 0)] = make_pte(pa, flags);
    sfence_vma();
}
