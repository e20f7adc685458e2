#ifndef MAIN_H
#define MAIN_H

#include <stdint.h>

_Noreturn void supervisor_main(uint64_t hart);
void supervisor_trap_entry(void);

#endif
