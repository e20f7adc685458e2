/* M-mode's start: from power-on to S-mode with Sv39 on. */
#include <stddef.h>

#include "../common/print.h"
#include "../common/riscv.h"
#include "../common/scenario.h"
#include "../common/string.h"
#include "../supervisor/main.h"
#include "fdt.h"
#include "pmp.h"
#include "power.h"
#include "table_alloc.h"
#include "tables.h"
#include "timer.h"

_Noreturn void enter_supervisor(uint64_t hart, uint64_t entry, uint64_t stack_top);

/* All of mstatus that decides how S-mode runs: whatever is not set below is off. */
#define MSTATUS_BOOT_MASK                                                                                         \
    (MSTATUS_SIE | MSTATUS_MIE | MSTATUS_SPIE | MSTATUS_MPIE | MSTATUS_SPP | MSTATUS_MPP | MSTATUS_MPRV | \
     MSTATUS_SUM | MSTATUS_MXR | MSTATUS_TVM | MSTATUS_TW | MSTATUS_TSR)

/*
 * What S-mode has to deal with itself: mistakes in its own code. Page faults stay with M-mode, which is the whole
 * idea, and so do access faults and ecalls.
 */
#define DELEGATED_EXCEPTIONS                                                                                     \
    (1 << CAUSE_MISALIGNED_FETCH | 1 << CAUSE_ILLEGAL_INSTRUCTION | 1 << CAUSE_BREAKPOINT |                      \
     1 << CAUSE_MISALIGNED_LOAD | 1 << CAUSE_MISALIGNED_STORE)

static const struct defects no_defects;

struct boot_info boot_info = {.defects = &no_defects};

void machine_trap_entry(void);
void machine_vectors(void);

/* Set this hart's CSRs and leave M-mode for good: supervisor_main runs with the tables at root. */
static _Noreturn void start_supervisor(uint64_t hart, uint64_t root)
{
    struct supervisor_stack *stack = &supervisor_stacks[hart];

    protect_memory();
    if (boot_info.scenario->vectored)
        csr_write(mtvec, (uint64_t)machine_vectors | MTVEC_VECTORED);
    else
        csr_write(mtvec, (uint64_t)machine_trap_entry | MTVEC_DIRECT);
    csr_write(medeleg, DELEGATED_EXCEPTIONS);
    csr_write(mideleg, 0);
    csr_write(stvec, supervisor_trap_entry);
    csr_write(satp, SATP_MODE_SV39 | root / PAGE_SIZE);
    sfence_vma();
    csr_clear(mstatus, MSTATUS_BOOT_MASK);
    csr_set(mstatus, MSTATUS_MPP_SUPERVISOR);
    enter_supervisor(hart, (uint64_t)supervisor_main, (uint64_t)(stack + 1));
}

/* Where a store of 1 raises the software interrupt of that hart, and one of 0 lowers it. */
static volatile uint32_t *software_interrupt(uint64_t hart)
{
    return (volatile uint32_t *)CLINT_MSIP_PA + hart;
}

/*
 * Any other hart that has a stack comes here from _start, in M-mode. It sleeps until hart 0 wakes it, which hart 0
 * does in scenarios for several harts only; until then memory may not be touched.
 */
_Noreturn void machine_start_secondary(uint64_t hart)
{
    csr_write(mie, MIE_MSIE);
    while (!(csr_read(mip) & MIE_MSIE))
        wait_for_interrupt();
    csr_write(mie, 0);
    *software_interrupt(hart) = 0;
    start_supervisor(hart, ADDRESS_OF(__page_table_region_start));
}

/* Hart 0 comes here from _start, in M-mode, M-mode's .bss cleared, with the device tree at fdt. */
_Noreturn void machine_start(const void *fdt)
{
    const char *boot_arguments = fdt_boot_arguments(fdt);
    uint64_t root;

    memset(__bss_start, 0, (size_t)(__bss_end - __bss_start));
    boot_info.scenario = find_scenario(boot_arguments, &boot_info.count);
    if (!boot_info.scenario) {
        print("kernel: unknown scenario '%s'\n", boot_arguments);
        end_machine(EXIT_BAD_SCENARIO);
    }
    if (boot_info.scenario->harts > fdt_hart_count(fdt)) {
        print("kernel: %s needs %lu harts\n", boot_info.scenario->name, boot_info.scenario->harts);
        end_machine(EXIT_BAD_SCENARIO);
    }

    root = make_first_tables();
    if (boot_info.scenario->limits_region)
        table_limit(boot_info.count);
    boot_info.defects = &boot_info.scenario->defects;
    for (uint64_t hart = 1; hart < boot_info.scenario->harts; hart++)
        *software_interrupt(hart) = 1;
    if (boot_info.scenario->timer)
        timer_start();
    start_supervisor(0, root);
}
