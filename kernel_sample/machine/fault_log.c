/*
 * Counters are atomic and a record belongs to one hart from begin to end, so the log stays true where two harts
 * fault at once, even when the handler is told to run without its lock.
 */
#include "fault_log.h"

#include <stddef.h>

#include "hart.h"

struct fault_log fault_log;

/* The record that each hart is filling; NULL outside the page fault handler. */
static struct fault_record *open_records[HART_COUNT_MAX];

static uint64_t add_one(uint64_t *counter)
{
    return __atomic_fetch_add(counter, 1, __ATOMIC_SEQ_CST);
}

/* Begin this hart's record of a page fault. The hart must have none open. */
void fault_log_begin(uint64_t cause, uint64_t va, uint64_t pc, bool is_region)
{
    uint64_t seq = add_one(&fault_log.faults);
    struct fault_record *record = &fault_log.records[seq % FAULT_LOG_CAPACITY];

    *record = (struct fault_record){
        .seq = seq,
        .hart = this_hart(),
        .cause = cause,
        .va = va,
        .pc = pc,
        .is_region = is_region,
    };
    add_one(is_region ? &fault_log.region_faults : &fault_log.outside);
    open_records[this_hart()] = record;
}

/* End this hart's record: what M-mode does from here on is not the handler's. */
void fault_log_end(void)
{
    open_records[this_hart()] = NULL;
}

/* Note a table page that was allocated; outside a page fault, nothing. */
void fault_log_page(uint64_t pa)
{
    struct fault_record *record = open_records[this_hart()];

    if (!record)
        return;
    add_one(&fault_log.table_pages);
    if (record->page_count < FAULT_PAGES_MAX)
        record->pages[record->page_count++] = pa;
}

/* Note a PTE that was stored; outside a page fault, nothing. */
void fault_log_write(uint64_t pte_pa, uint64_t level, uint64_t old, uint64_t new)
{
    struct fault_record *record = open_records[this_hart()];

    if (!record)
        return;
    add_one(&fault_log.pte_writes);
    if (record->write_count < FAULT_WRITES_MAX)
        record->writes[record->write_count++] =
            (struct pte_write){.pte_pa = pte_pa, .level = level, .old = old, .new = new};
}

/* Note a timer interrupt. */
void fault_log_interrupt(bool is_nested)
{
    add_one(&fault_log.interrupts);
    if (is_nested)
        add_one(&fault_log.nested);
}
