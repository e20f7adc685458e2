#ifndef HART_H
#define HART_H

#include <stdint.h>

#include "../common/riscv.h"

/* The hart that runs this; M-mode only. */
static inline uint64_t this_hart(void)
{
    return csr_read(mhartid);
}

#endif
