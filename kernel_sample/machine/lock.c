/* The lock over the page-table region: its bitmap, and the tables that map it. */
#include "lock.h"

#include "../common/meet.h"
#include "../common/scenario.h"
#include "../common/spinlock.h"

static spinlock_t tables;

/* Keep other harts from the region, waiting where one has it. With interrupts off. */
void lock_tables(void)
{
    if (!boot_info.defects->omits_lock)
        spin_lock(&tables);
}

void unlock_tables(void)
{
    if (!boot_info.defects->omits_lock)
        spin_unlock(&tables);
}

/*
 * Called between a check and the store that relies on it, under the lock. Where the lock is omitted, all harts wait
 * here for each other, so that the race is lost every time and not once in a blue moon.
 */
void pass_race_window(void)
{
    static uint64_t arrivals;

    if (boot_info.defects->omits_lock)
        meet(&arrivals, boot_info.scenario->harts);
}
