#ifndef TABLE_ALLOC_H
#define TABLE_ALLOC_H

#include <stdbool.h>
#include <stdint.h>

void table_limit(uint64_t pages);
uint64_t table_alloc(void);
bool table_alloc_at(uint64_t pa);
void table_free(uint64_t pa);

#endif
