#include "main.h"

#include "../common/meet.h"
#include "../common/memory.h"
#include "../common/print.h"
#include "../common/riscv.h"
#include "../common/scenario.h"
#include "harts.h"
#include "kalloc.h"
#include "stop.h"

/* Wait here until every hart that plays the scenario has come. */
void meet_harts(void)
{
    static uint64_t arrivals;

    if (boot_info.scenario->harts > 1)
        meet(&arrivals, boot_info.scenario->harts);
}

/* M-mode enters S-mode here, with Sv39 on, on the supervisor stack of this hart. Plays the scenario. */
_Noreturn void supervisor_main(uint64_t hart)
{
    if (hart == 0)
        kalloc_init(ADDRESS_OF(__heap_start), ADDRESS_OF(__heap_end));
    meet_harts();
    boot_info.scenario->run(boot_info.count);
    meet_harts();
    if (hart == 0)
        stop(EXIT_OK);
    for (;;)
        wait_for_interrupt();
}

/* End the machine with this status. */
_Noreturn void stop(enum exit_status status)
{
    for (;;)
        ecall(ECALL_EXIT, status);
}

/*
 * supervisor_trap_entry comes here with an exception that M-mode delegates: all of them are mistakes of
 * the kernel itself.
 */
_Noreturn void supervisor_trap(void)
{
    print("kernel: trap in S-mode: cause=%lu tval=0x%lx pc=0x%lx\n", csr_read(scause), csr_read(stval),
          csr_read(sepc));
    stop(EXIT_UNEXPECTED_TRAP);
}
