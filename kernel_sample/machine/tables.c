/*
 * M-mode's hand on the page tables. It reads and writes them by their physical addresses, so it needs nothing
 * mapped: that is what ends the recursion in which S-mode would be caught.
 */
#include "tables.h"

#include <stddef.h>

#include "../common/memory.h"
#include "../common/riscv.h"
#include "../common/scenario.h"
#include "fault_log.h"
#include "lock.h"
#include "table_alloc.h"

static void write_pte(pte_t *pte, unsigned level, pte_t new)
{
    pte_t old = *pte;

    *pte = new;
    fault_log_write((uint64_t)pte, level, old, new);
}

static bool map(uint64_t va, uint64_t pa, pte_t flags, unsigned leaf_level);

/*
 * The PTE for va in its table of leaf_level. Tables missing on the way are allocated, linked and mapped to
 * themselves, in this order: once linked they can serve their own mapping.
 * Result: the PTE by its pa, or NULL where the region has no free page.
 */
static pte_t *find_or_make_pte(uint64_t va, unsigned leaf_level)
{
    pte_t *table = (pte_t *)__page_table_region_start;

    for (unsigned level = ROOT_LEVEL; level > leaf_level; level--) {
        pte_t *pte = &table[vpn(va, level)];

        if (!(*pte & PTE_V)) {
            uint64_t new_table = table_alloc();

            if (!new_table)
                return NULL;
            write_pte(pte, level, make_pte(new_table, PTE_V));
            if (!map_table_page(new_table))
                return NULL;
        }
        table = (pte_t *)pte_target_pa(*pte);
    }
    return &table[vpn(va, leaf_level)];
}

/* Map the page at va to pa with these flags, unless something is mapped there. Result: false where tables ran out. */
static bool map(uint64_t va, uint64_t pa, pte_t flags, unsigned leaf_level)
{
    pte_t *pte = find_or_make_pte(va, leaf_level);
    bool is_missing;

    if (!pte)
        return false;
    is_missing = !(*pte & PTE_V);
    pass_race_window();
    if (is_missing)
        write_pte(pte, leaf_level, make_pte(pa, flags));
    return true;
}

/* Map start..end to itself, in megapages where they fit. The bounds are page-aligned; at boot only. */
static void map_to_itself(uint64_t start, uint64_t end, pte_t flags)
{
    while (start < end) {
        bool is_mega = start % MEGAPAGE_SIZE == 0 && end - start >= MEGAPAGE_SIZE;

        map(start, start, flags, is_mega ? 1 : 0);
        start += is_mega ? MEGAPAGE_SIZE : PAGE_SIZE;
    }
}

/*
 * Build the tables that S-mode starts with: the root in the first page of the region, and all of the kernel mapped to
 * itself. Nothing of the region is mapped but the tables that this takes.
 * Result: pa of the root table.
 */
uint64_t make_first_tables(void)
{
    uint64_t root = table_alloc();

    map_table_page(root);
    map_to_itself(UART_PA, UART_PA + PAGE_SIZE, PAGE_RW);
    map_to_itself(ADDRESS_OF(__machine_data_start), ADDRESS_OF(__machine_data_end), PAGE_R);
    map_to_itself(ADDRESS_OF(__text_start), ADDRESS_OF(__text_end), PAGE_RX);
    map_to_itself(ADDRESS_OF(__rodata_start), ADDRESS_OF(__rodata_end), PAGE_R);
    map_to_itself(ADDRESS_OF(__data_start), ADDRESS_OF(__data_end), PAGE_RW);
    for (unsigned hart = 0; hart < HART_COUNT_MAX; hart++) {
        uint64_t stack = ADDRESS_OF(supervisor_stacks[hart].bytes);

        map_to_itself(stack, stack + SUPERVISOR_STACK_SIZE, PAGE_RW);
    }
    map_to_itself(ADDRESS_OF(__heap_start), ADDRESS_OF(__heap_end), PAGE_RW);
    return root;
}

/*
 * Map the table page at pa, which is allocated, to itself, so that S-mode can edit it.
 * Result: false where the tables that this takes could not be allocated.
 */
bool map_table_page(uint64_t pa)
{
    const struct defects *defects = boot_info.defects;
    bool is_mapped = true;

    if (!defects->omits_map)
        is_mapped = map(pa + defects->va_offset, pa, PAGE_RW & ~defects->missing_flags, defects->leaf_level);
    if (!defects->omits_map_fence)
        sfence_vma();
    return is_mapped;
}

/* Take the table page at pa out of the tables. It must be mapped to itself. Other harts are not told. */
void unmap_table_page(uint64_t pa)
{
    pte_t *pte = find_or_make_pte(pa, 0);

    write_pte(pte, 0, 0);
    if (!boot_info.defects->omits_unmap_fence)
        sfence_vma();
}
