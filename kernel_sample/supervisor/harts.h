/* The harts that play the scenario, in S-mode. */
#ifndef HARTS_H
#define HARTS_H

#include <stdint.h>

/* The hart that runs this: M-mode leaves its id in tp, which nothing else uses. */
static inline uint64_t this_hart(void)
{
    uint64_t hart;

    __asm__("mv %0, tp" : "=r"(hart));
    return hart;
}

void meet_harts(void);

#endif
