#include "../common/memory.h"

/* In a section of its own: what lies there is mapped stack by stack, never a guard page. */
__attribute__((section(".stacks,\"aw\",@nobits#"), aligned(PAGE_SIZE)))
struct supervisor_stack supervisor_stacks[HART_COUNT_MAX];
