#ifndef FDT_H
#define FDT_H

#include <stdint.h>

const char *fdt_boot_arguments(const void *fdt);
unsigned fdt_hart_count(const void *fdt);

#endif
