/*
 * Which pages of the page-table region are in use: M-mode's bookkeeping, which S-mode can read and not write
 * (PMP, machine/pmp.c). One bit a page, set while the page is handed out.
 */
#ifndef TABLE_MAP_H
#define TABLE_MAP_H

#include <stdbool.h>
#include <stdint.h>

#include "memory.h"

enum { TABLE_PAGES_MAX = 1024, TABLE_BITS_PER_WORD = 64 };

extern uint64_t table_bitmap[TABLE_PAGES_MAX / TABLE_BITS_PER_WORD];

/* Whether an address lies in the page-table region. */
static inline bool is_in_region(uint64_t address)
{
    return address >= ADDRESS_OF(__page_table_region_start) && address < ADDRESS_OF(__page_table_region_end);
}

/* Whether the page at pa, which must lie in the region, is free. */
static inline bool is_table_free(uint64_t pa)
{
    uint64_t page = (pa - ADDRESS_OF(__page_table_region_start)) / PAGE_SIZE;
    const volatile uint64_t *word = &table_bitmap[page / TABLE_BITS_PER_WORD];

    return !(*word >> page % TABLE_BITS_PER_WORD & 1);
}

/* The first free page of the region at or above pa, a page of it; 0 where there is none. */
static inline uint64_t free_table_from(uint64_t pa)
{
    for (; pa < ADDRESS_OF(__page_table_region_end); pa += PAGE_SIZE)
        if (is_table_free(pa))
            return pa;
    return 0;
}

/* The lowest free page of the region; 0 where there is none. */
static inline uint64_t lowest_free_table(void)
{
    return free_table_from(ADDRESS_OF(__page_table_region_start));
}

/* The highest free page of the region; 0 where there is none. */
static inline uint64_t highest_free_table(void)
{
    uint64_t pa = ADDRESS_OF(__page_table_region_end);

    while (pa > ADDRESS_OF(__page_table_region_start))
        if (is_table_free(pa -= PAGE_SIZE))
            return pa;
    return 0;
}

#endif
