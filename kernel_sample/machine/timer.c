/* The machine timer of hart 0 (CLINT), for scenarios in which traps are not all page faults. */
#include "timer.h"

#include <stdint.h>

#include "../common/memory.h"
#include "../common/riscv.h"
#include "fault_log.h"

/* In ticks of mtime, 10 MHz on the virt machine: a millisecond. */
enum { TIMER_INTERVAL = 10000 };

static volatile uint64_t *const mtime = (volatile uint64_t *)CLINT_MTIME_PA;
static volatile uint64_t *const mtimecmp = (volatile uint64_t *)CLINT_MTIMECMP_PA;

/* Have the timer interrupt this hart, 0, from now on whenever it runs below M-mode. */
void timer_start(void)
{
    *mtimecmp = *mtime + TIMER_INTERVAL;
    csr_set(mie, MIE_MTIE);
}

/* The timer has interrupted S-mode, or M-mode itself (is_nested): count it, and ask for the next. */
void timer_interrupt(bool is_nested)
{
    fault_log_interrupt(is_nested);
    *mtimecmp = *mtime + TIMER_INTERVAL;
}

/* Have the timer interrupt M-mode here and now, and return behind that interrupt. */
void timer_nest(void)
{
    const volatile uint64_t *nested = &fault_log.nested;
    uint64_t before = *nested;

    *mtimecmp = 0;
    csr_set(mstatus, MSTATUS_MIE);
    while (*nested == before)
        ;
    csr_clear(mstatus, MSTATUS_MIE);
}
