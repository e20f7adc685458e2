#ifndef STOP_H
#define STOP_H

#include "../common/ecall.h"

_Noreturn void stop(enum exit_status status);

#endif
