/*
 * S-mode's hand on the page tables. Each table page is mapped to itself, so a table's pa is also the va under which
 * it is edited, if it is mapped at all: the first store to a new one faults, and M-mode provides the page.
 */
#include "vm.h"

#include <stdbool.h>

#include "../common/print.h"
#include "../common/riscv.h"
#include "../common/spinlock.h"
#include "../common/table_map.h"
#include "harts.h"
#include "kalloc.h"
#include "stop.h"

static volatile pte_t *const root = (volatile pte_t *)__page_table_region_start;

static table_source *new_table = lowest_table;

/* Take new tables from there from now on, on all harts; at first it is lowest_table. */
void vm_set_table_source(table_source *source)
{
    new_table = source;
}

static uint64_t stop_unless_found(uint64_t table)
{
    if (!table) {
        print("kernel: page-table region full\n");
        stop(EXIT_EXHAUSTED);
    }
    return table;
}

/* The first free page of the region, in the half whose level-0 table exists from the start. For one hart. */
uint64_t lowest_table(void)
{
    return stop_unless_found(lowest_free_table());
}

/* The last free page of the region: M-mode needs a level-0 table more to map it. For one hart. */
uint64_t highest_table(void)
{
    return stop_unless_found(highest_free_table());
}

/*
 * The first free page that no other hart is about to touch. The page is free until M-mode has served the fault, so
 * each hart's last choice is noted. M-mode must not need tables of its own meanwhile: lower half of the region only.
 */
uint64_t claimed_table(void)
{
    static spinlock_t lock;
    static uint64_t claims[HART_COUNT_MAX];
    uint64_t table;

    spin_lock(&lock);
    table = lowest_free_table();
    if (table == claims[1 - this_hart()])
        table = free_table_from(table + PAGE_SIZE);
    claims[this_hart()] = table;
    spin_unlock(&lock);
    return stop_unless_found(table);
}

/*
 * The design that does not work, for the scenario `recursion`: the kernel's own allocator, and a mapping to reach the
 * page by. That mapping takes a table, which takes a page, which takes a mapping.
 */
uint64_t kalloced_table(void)
{
    uint64_t table = kalloc();

    map_virtual_address_to_physical_address(table, table, PAGE_RW);
    return table;
}

/*
 * The table that *entry, the PTE for va at this level, links to. Where it links to none, a new table is taken: the
 * store to its PTE for va faults to M-mode, which allocates, zeroes and maps the page, and is retried; then
 * the page is linked. Result: the table, mapped.
 */
static volatile pte_t *next_table(volatile pte_t *entry, uint64_t va, unsigned level)
{
    if (!(*entry & PTE_V)) {
        uint64_t table = new_table();

        ((volatile pte_t *)table)[vpn(va, level - 1)] = 0;
        *entry = make_pte(table, PTE_V);
    }
    return (volatile pte_t *)pte_target_pa(*entry);
}

/* Map the page at va to the frame at pa, both page-aligned, with these flags: PAGE_R, PAGE_RW or PAGE_RX. */
void map_virtual_address_to_physical_address(uint64_t va, uint64_t pa, pte_t flags)
{
    volatile pte_t *table = root;

    for (unsigned level = ROOT_LEVEL; level > 0; level--)
        table = next_table(&table[vpn(va, level)], va, level);
    table[vpn(va, 0)] = make_pte(pa, flags);
    sfence_vma();
}

/*
 * Unmap all that the level-0 table of va serves, 2 MiB, by taking the table out of its parent. va must have
 * such a table. Result: the table's pa; the page is still S-mode's, with its PTEs as they were.
 */
uint64_t unlink_table(uint64_t va)
{
    volatile pte_t *parent = (volatile pte_t *)pte_target_pa(root[vpn(va, ROOT_LEVEL)]);
    volatile pte_t *entry = &parent[vpn(va, 1)];
    uint64_t table = pte_target_pa(*entry);

    *entry = 0;
    sfence_vma();
    return table;
}

/* Give an unlinked table page back to M-mode. Nothing in it need be cleared: M-mode zeroes what it hands out. */
void free_table(uint64_t table)
{
    ecall(ECALL_FREE_TABLE, table);
}
