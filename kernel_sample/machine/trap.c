/* Every trap to M-mode ends up here. The page fault handler is the heart of the kernel: see handle_page_fault. */
#include <stdbool.h>
#include <stddef.h>

#include "../common/print.h"
#include "../common/scenario.h"
#include "../common/table_map.h"
#include "fault_log.h"
#include "hart.h"
#include "lock.h"
#include "power.h"
#include "table_alloc.h"
#include "tables.h"
#include "timer.h"
#include "trap_frame.h"

/* How often a hart may fault in a row on a page that is allocated, before the handler gives up. */
enum { REPEATS_MAX = 16 };

static uint64_t repeats[HART_COUNT_MAX];

static _Noreturn void give_up(const struct trap_frame *frame, const char *what, enum exit_status status)
{
    print("kernel: %s: cause=%lu va=0x%lx pc=0x%lx hart=%lu\n", what, frame->mcause, frame->mtval, frame->mepc,
          this_hart());
    end_machine(status);
}

static bool is_guard_page(uint64_t va)
{
    for (unsigned hart = 0; hart < HART_COUNT_MAX; hart++)
        if (va / PAGE_SIZE == ADDRESS_OF(supervisor_stacks[hart].guard) / PAGE_SIZE)
            return true;
    return false;
}

/*
 * S-mode touched a page of the region that no table maps: allocate that page and map it to itself.
 * A page in use already needs nothing but the retry, where another hart or a late fence was the reason; only a page
 * that goes on faulting is given up.
 */
static void grow_region(const struct trap_frame *frame)
{
    uint64_t page = frame->mtval / PAGE_SIZE * PAGE_SIZE;

    if (!is_table_free(page)) {
        if (++repeats[this_hart()] == REPEATS_MAX)
            give_up(frame, "no progress on a table page", EXIT_NO_PROGRESS);
    } else if (table_alloc_at(page)) {
        repeats[this_hart()] = 0;
    } else {
        give_up(frame, "page-table region exhausted", EXIT_EXHAUSTED);
    }
    if (!map_table_page(page))
        give_up(frame, "page-table region exhausted", EXIT_EXHAUSTED);
}

/*
 * A page fault from S-mode. In the page-table region it is S-mode's way to ask for a table page: on return the
 * page is there and the same instruction runs again. Anywhere else it ends the machine.
 */
static void handle_page_fault(const struct trap_frame *frame)
{
    bool is_region = is_in_region(frame->mtval) && frame->mcause != CAUSE_FETCH_PAGE_FAULT;

    fault_log_begin(frame->mcause, frame->mtval, frame->mepc, is_region);
    if (is_guard_page(frame->mtval))
        give_up(frame, "supervisor stack overflow", EXIT_STACK_OVERFLOW);
    if (!is_region)
        give_up(frame, "page fault outside the page-table region", EXIT_OUTSIDE);
    if (boot_info.scenario->timer)
        timer_nest();
    lock_tables();
    grow_region(frame);
    unlock_tables();
    fault_log_end();
}

/* S-mode asks for something: see common/ecall.h. Goes on behind the ecall. */
static void handle_ecall(struct trap_frame *frame)
{
    uint64_t argument = frame->x[REGISTER_A0];

    switch (frame->x[REGISTER_A7]) {
    case ECALL_EXIT:
        end_machine(argument);
    case ECALL_FREE_TABLE:
        if (!is_in_region(argument) || !is_page_aligned(argument) || is_table_free(argument))
            give_up(frame, "free of a page that is no table", EXIT_UNEXPECTED_TRAP);
        lock_tables();
        unmap_table_page(argument);
        table_free(argument);
        unlock_tables();
        break;
    default:
        give_up(frame, "unknown ecall", EXIT_UNEXPECTED_TRAP);
    }
    frame->mepc += sizeof(uint32_t);
}

/*
 * Called by machine_trap_entry with the state that was interrupted; it is restored from frame afterwards.
 * Precondition: M-mode, interrupts off, on the machine stack of this hart.
 */
void machine_trap(struct trap_frame *frame)
{
    bool is_nested = (frame->mstatus & MSTATUS_MPP) == MSTATUS_MPP_MACHINE;

    if (frame->mcause == (CAUSE_INTERRUPT | CAUSE_MACHINE_TIMER)) {
        timer_interrupt(is_nested);
        return;
    }
    if (is_nested)
        give_up(frame, "trap in M-mode", EXIT_UNEXPECTED_TRAP);

    switch (frame->mcause) {
    case CAUSE_SUPERVISOR_ECALL:
        handle_ecall(frame);
        break;
    case CAUSE_FETCH_PAGE_FAULT:
    case CAUSE_LOAD_PAGE_FAULT:
    case CAUSE_STORE_PAGE_FAULT:
        handle_page_fault(frame);
        break;
    case CAUSE_FETCH_ACCESS_FAULT:
    case CAUSE_LOAD_ACCESS_FAULT:
    case CAUSE_STORE_ACCESS_FAULT:
        give_up(frame, "access fault", EXIT_ACCESS_FAULT);
    default:
        give_up(frame, "unexpected trap", EXIT_UNEXPECTED_TRAP);
    }
}
