#ifndef KALLOC_H
#define KALLOC_H

#include <stdint.h>

void kalloc_init(uint64_t start, uint64_t end);
uint64_t kalloc(void);

#endif
