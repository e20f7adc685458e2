/* S-mode's part of each scenario; README.md says what it shows. */
#ifndef PLAY_H
#define PLAY_H

#include <stdint.h>

void play_retry(uint64_t count);
void play_double(uint64_t count);
void play_outside(uint64_t count);

#endif
