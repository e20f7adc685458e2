/* The lock over the page-table region: its bitmap, and the tables that map it. */
#include "lock.h"

#include <stdint.h>

#include "../common/scenario.h"

static uint32_t is_locked;

/* Wait until no other hart holds the lock, and take it. M-mode with interrupts off. */
void lock_tables(void)
{
    if (boot_info.defects->omits_lock)
        return;
    while (__atomic_exchange_n(&is_locked, 1U, __ATOMIC_ACQUIRE))
        ;
}

void unlock_tables(void)
{
    if (boot_info.defects->omits_lock)
        return;
    __atomic_store_n(&is_locked, 0U, __ATOMIC_RELEASE);
}

/*
 * Called between a check and the store that relies on it, under the lock. Where the lock is omitted, two harts
 * wait here for each other, so that the race is lost every time and not once in a blue moon.
 */
void pass_race_window(void)
{
    static uint64_t arrivals;
    uint64_t ticket, both;

    if (!boot_info.defects->omits_lock)
        return;
    ticket = __atomic_fetch_add(&arrivals, 1, __ATOMIC_SEQ_CST);
    both = (ticket / 2 + 1) * 2;
    while (__atomic_load_n(&arrivals, __ATOMIC_SEQ_CST) < both)
        ;
}
