#ifndef VM_H
#define VM_H

#include <stdint.h>

#include "../common/sv39.h"

void map_virtual_address_to_physical_address(uint64_t va, uint64_t pa, pte_t flags);

#endif
