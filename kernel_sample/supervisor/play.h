/* S-mode's part of each scenario, run on every hart that plays; README.md says what each of them shows. */
#ifndef PLAY_H
#define PLAY_H

#include <stdint.h>

/* More would run from one hart's addresses into the other's. */
enum { SMP_ROUNDS_MAX = 128 };

void play_retry(uint64_t count);
void play_double(uint64_t count);
void play_outside(uint64_t count);
void play_tamper(uint64_t count);
void play_illegal(uint64_t count);
void play_far(uint64_t count);
void play_churn(uint64_t rounds);
void play_recursion(uint64_t count);
void play_exhausted(uint64_t count);
void play_no_fence(uint64_t count);
void play_dirty_page(uint64_t count);
void play_smp(uint64_t rounds);
void play_smp_unlocked(uint64_t count);
void play_interrupts(uint64_t rounds);

#endif
