#ifndef TIMER_H
#define TIMER_H

#include <stdbool.h>

void timer_start(void);
void timer_interrupt(bool is_nested);
void timer_nest(void);

#endif
