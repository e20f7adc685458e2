/*
 * Where things lie on QEMU's virt machine, and the bounds that the linker script gives them.
 * Linker symbols have an address and no value: declared as arrays, read through ADDRESS_OF.
 */
#ifndef MEMORY_H
#define MEMORY_H

#define PAGE_SIZE 4096
#define MEGAPAGE_SIZE (512 * PAGE_SIZE)

#define HART_COUNT_MAX 2

#define TEST_FINISHER_PA 0x100000
#define CLINT_MSIP_PA 0x2000000
#define CLINT_MTIMECMP_PA 0x2004000
#define CLINT_MTIME_PA 0x200bff8
#define UART_PA 0x10000000

#define MACHINE_STACK_SIZE (2 * PAGE_SIZE)
#define SUPERVISOR_STACK_SIZE (4 * PAGE_SIZE)

#ifndef __ASSEMBLER__

#include <stdint.h>

extern char __ram_start[], __ram_end[];
extern char __machine_text_start[], __machine_text_end[];
extern char __machine_data_start[], __machine_data_end[];
extern char __text_start[], __text_end[];
extern char __rodata_start[], __rodata_end[];
extern char __data_start[], __data_end[];
extern char __bss_start[], __bss_end[];
extern char __heap_start[], __heap_end[];
extern char __page_table_region_start[], __page_table_region_end[];
/* RAM above the region: in no table at boot. */
extern char __unmapped_start[], __unmapped_end[];

#define ADDRESS_OF(symbol) ((uint64_t)(symbol))

/* A supervisor stack grows down towards a page that is never mapped. */
struct supervisor_stack {
    uint8_t guard[PAGE_SIZE];
    uint8_t bytes[SUPERVISOR_STACK_SIZE];
};

extern struct supervisor_stack supervisor_stacks[HART_COUNT_MAX];

#endif
#endif
