/* The allocator of table pages. It serves the page-table region and belongs to M-mode; one bit a page. */
#include "table_alloc.h"

#include "../common/scenario.h"
#include "../common/string.h"
#include "../common/table_map.h"
#include "fault_log.h"
#include "lock.h"

uint64_t table_bitmap[TABLE_PAGES_MAX / TABLE_BITS_PER_WORD];

/* How many pages may still be handed out. */
static uint64_t pages_left = TABLE_PAGES_MAX;

static uint64_t *bitmap_word(uint64_t pa, uint64_t *bit)
{
    uint64_t page = (pa - ADDRESS_OF(__page_table_region_start)) / PAGE_SIZE;

    *bit = 1UL << page % TABLE_BITS_PER_WORD;
    return &table_bitmap[page / TABLE_BITS_PER_WORD];
}

/* Hand out no more than this many pages from now on, whatever the region still has. */
void table_limit(uint64_t pages)
{
    pages_left = pages;
}

/*
 * Take the page at pa, page-aligned and in the region, and zero it.
 * Result: false where it is in use or no page may be handed out any more.
 */
bool table_alloc_at(uint64_t pa)
{
    uint64_t bit, *word = bitmap_word(pa, &bit);

    if (!is_table_free(pa) || pages_left == 0)
        return false;
    pass_race_window();
    *word |= bit;
    pages_left--;
    if (!boot_info.defects->keeps_dirt)
        memset((void *)pa, 0, PAGE_SIZE);
    fault_log_page(pa);
    return true;
}

/* Take the lowest free page of the region and zero it. Result: its pa, or 0 where none is to be had. */
uint64_t table_alloc(void)
{
    uint64_t pa = lowest_free_table();

    return pa && table_alloc_at(pa) ? pa : 0;
}

/* Make the page at pa free again. It must be in use, and in no table any more. */
void table_free(uint64_t pa)
{
    uint64_t bit, *word = bitmap_word(pa, &bit);

    *word &= ~bit;
    pages_left++;
}
