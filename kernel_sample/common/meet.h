#ifndef MEET_H
#define MEET_H

#include <stdint.h>

/*
 * Wait until `harts` harts have come to this meeting, then go on with all of them. arrivals counts for all meetings
 * of the same harts; it starts at zero.
 */
static inline void meet(uint64_t *arrivals, uint64_t harts)
{
    uint64_t before_me = __atomic_fetch_add(arrivals, 1, __ATOMIC_SEQ_CST);
    uint64_t complete = (before_me / harts + 1) * harts;

    while (__atomic_load_n(arrivals, __ATOMIC_SEQ_CST) < complete)
        ;
}

#endif
