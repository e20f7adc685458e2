#ifndef POWER_H
#define POWER_H

#include "../common/ecall.h"

_Noreturn void end_machine(enum exit_status status);

#endif
