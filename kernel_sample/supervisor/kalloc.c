/* The kernel's allocator of page frames. It knows nothing of page tables. */
#include "kalloc.h"

#include "../common/print.h"
#include "../common/sv39.h"
#include "stop.h"

static uint64_t next_frame, frames_end;

/* Hand out the frames of start..end, page-aligned, from now on. */
void kalloc_init(uint64_t start, uint64_t end)
{
    next_frame = start;
    frames_end = end;
}

/* A page frame that is the caller's for good. Result: its pa; what is in it is not said. Without one the kernel stops. */
uint64_t kalloc(void)
{
    uint64_t pa = __atomic_fetch_add(&next_frame, PAGE_SIZE, __ATOMIC_RELAXED);

    if (pa >= frames_end) {
        print("kernel: kalloc has no frame left\n");
        stop(EXIT_EXHAUSTED);
    }
    return pa;
}
