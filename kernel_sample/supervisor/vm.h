#ifndef VM_H
#define VM_H

#include <stdint.h>

#include "../common/sv39.h"

/* Where new tables come from: vm_set_table_source. Result: pa of a page for a new table. */
typedef uint64_t table_source(void);

table_source lowest_table, highest_table, claimed_table, kalloced_table;

void vm_set_table_source(table_source *source);
void map_virtual_address_to_physical_address(uint64_t va, uint64_t pa, pte_t flags);
uint64_t unlink_table(uint64_t va);
void free_table(uint64_t table);

#endif
