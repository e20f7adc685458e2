#ifndef TABLES_H
#define TABLES_H

#include <stdbool.h>
#include <stdint.h>

#include "../common/sv39.h"

uint64_t make_first_tables(void);
bool map_table_page(uint64_t pa);
void unmap_table_page(uint64_t pa);

#endif
