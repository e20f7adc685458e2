#ifndef SPINLOCK_H
#define SPINLOCK_H

#include <stdint.h>

/* All zero: nobody holds it. */
typedef uint32_t spinlock_t;

/* Wait until no other hart holds the lock, and take it. */
static inline void spin_lock(spinlock_t *lock)
{
    while (__atomic_exchange_n(lock, 1, __ATOMIC_ACQUIRE))
        ;
}

/* Give back the lock, which this hart must hold. */
static inline void spin_unlock(spinlock_t *lock)
{
    __atomic_store_n(lock, 0, __ATOMIC_RELEASE);
}

#endif
