#include "power.h"

#include "../common/memory.h"
#include "../common/print.h"
#include "../common/riscv.h"
#include "../common/scenario.h"
#include "fault_log.h"

/* The SiFive test finisher of the virt machine: a store ends QEMU. */
enum { FINISHER_PASS = 0x5555, FINISHER_FAIL = 0x3333, FINISHER_STATUS_SHIFT = 16 };

static const char *const status_names[] = {
    [EXIT_OK] = "ok",
    [EXIT_BAD_SCENARIO] = "bad-scenario",
    [EXIT_PROOF_FAILED] = "proof-failed",
    [EXIT_OUTSIDE] = "outside",
    [EXIT_NO_PROGRESS] = "no-progress",
    [EXIT_EXHAUSTED] = "exhausted",
    [EXIT_STACK_OVERFLOW] = "stack-overflow",
    [EXIT_ACCESS_FAULT] = "access-fault",
    [EXIT_UNEXPECTED_TRAP] = "unexpected-trap",
};

/* Print the one line that sums up the run, and end the machine: QEMU exits with status. */
_Noreturn void end_machine(enum exit_status status)
{
    volatile uint32_t *finisher = (volatile uint32_t *)TEST_FINISHER_PA;

    if (status >= sizeof status_names / sizeof status_names[0] || !status_names[status])
        status = EXIT_UNEXPECTED_TRAP;
    print("kernel: scenario=%s status=%s region_faults=%lu table_pages=%lu pte_writes=%lu outside=%lu\n",
          boot_info.scenario ? boot_info.scenario->name : "none", status_names[status], fault_log.region_faults,
          fault_log.table_pages, fault_log.pte_writes, fault_log.outside);
    *finisher = status == EXIT_OK ? FINISHER_PASS : (uint32_t)status << FINISHER_STATUS_SHIFT | FINISHER_FAIL;
    for (;;)
        wait_for_interrupt();
}
