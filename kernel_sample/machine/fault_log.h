/*
 * The kernel's own account of its page faults, for tests to compare with what a debugger saw.
 * fault_log lies in M-mode's memory. It is complete for a fault once the handler has returned from it.
 */
#ifndef FAULT_LOG_H
#define FAULT_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "../common/memory.h"

enum { FAULT_LOG_CAPACITY = 256, FAULT_PAGES_MAX = 4, FAULT_WRITES_MAX = 8 };

/* A PTE that the handler stored: where, in a table of which level, and the value before and after. */
struct pte_write {
    uint64_t pte_pa;
    uint64_t level;
    uint64_t old;
    uint64_t new;
};

struct fault_record {
    uint64_t seq; /* counts from 0; the record of fault seq is records[seq % FAULT_LOG_CAPACITY] */
    uint64_t hart;
    uint64_t cause;
    uint64_t va;
    uint64_t pc;
    uint64_t is_region;  /* 1: in the page-table region and served; 0: outside */
    uint64_t page_count;
    uint64_t pages[FAULT_PAGES_MAX];  /* pa of each table page allocated, in order */
    uint64_t write_count;
    struct pte_write writes[FAULT_WRITES_MAX];  /* in order */
};

struct fault_log {
    uint64_t faults;         /* all: how many records were begun */
    uint64_t region_faults;  /* page faults in the page-table region */
    uint64_t table_pages;    /* table pages allocated by the handler; those of boot are not counted */
    uint64_t pte_writes;     /* PTEs stored by the handler; those of boot and of S-mode are not counted */
    uint64_t outside;        /* page faults elsewhere */
    uint64_t interrupts;     /* machine timer interrupts, wherever they came */
    uint64_t nested;         /* those of them that came inside the handler */
    struct fault_record records[FAULT_LOG_CAPACITY];
};

extern struct fault_log fault_log;

void fault_log_begin(uint64_t cause, uint64_t va, uint64_t pc, bool is_region);
void fault_log_end(void);
void fault_log_page(uint64_t pa);
void fault_log_write(uint64_t pte_pa, uint64_t level, uint64_t old, uint64_t new);
void fault_log_interrupt(bool is_nested);

#endif
