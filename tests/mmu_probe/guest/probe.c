/*
 * The MMU probe: performs batches of memory accesses on the hart it runs on, and writes down what happened.
 *
 * It knows nothing of page tables. The host puts cases into RAM (see probe.h), rings `request`, and reads the results;
 * what the tables hold, what PMP bars and what ought to come out is the host's business alone.
 */
#include "probe.h"

#define SATP_MODE_SHIFT    60
#define SATP_MODES         16

#define MSTATUS_MPP_SHIFT  11
#define MSTATUS_MPRV       (1UL << 17)
#define MSTATUS_SUM        (1UL << 18)
#define MSTATUS_MXR        (1UL << 19)
#define MIE_MTIE           (1UL << 7)

#define CAUSE_ECALL_U      8
#define CAUSE_ECALL_S      9
#define CAUSE_ECALL_M      11

#define SLOT_SIZE          8
/*
 * `lui a0, page; mret`, as one little-endian word: the page number goes into the upper bits of the first half. mret is
 * an illegal instruction in S and U, and its bit 60 is reserved in a PTE, so that an arena page taken for a table never
 * has A or D set in it.
 */
#define SLOT_LUI_A0        0x00000537UL
#define SLOT_MRET          0x3020007300000000UL
#define LUI_MASK           0xfffff000UL

#define CLINT_MTIMECMP     0x02004000UL
#define CLINT_MTIME        0x0200bff8UL
#define TICKS_PER_SECOND   10000000UL
#define IDLE_TICKS         (TICKS_PER_SECOND / 20000)
/* What was fetched may run away in S or U. The timer brings it back; it is wound up again every so many cases. */
#define WATCHDOG_TICKS     TICKS_PER_SECOND
#define WATCHDOG_CASES     256

#define read_csr(csr) ({ u64 read_value; asm volatile("csrr %0, " #csr : "=r"(read_value)); read_value; })
#define write_csr(csr, value) asm volatile("csrw " #csr ", %0" : : "rK"((u64)(value)) : "memory")
/* The assembler names menvcfg only for newer architecture strings. */
#define MENVCFG 0x30a
#define STRING(text) #text
#define CSR_NAME(number) STRING(number)
#define read_menvcfg() ({ u64 read_value; asm volatile("csrr %0, " CSR_NAME(MENVCFG) : "=r"(read_value)); read_value; })
#define write_menvcfg(value) asm volatile("csrw " CSR_NAME(MENVCFG) ", %0" : : "r"(value) : "memory")

void run_attempt(struct attempt *attempt);
int menvcfg_exists(void);
extern const u64 access_routines[], access_routines_end[];

#define CAPACITY           16384
_Static_assert(RESULTS_PA - CASES_PA >= CAPACITY * sizeof(struct probe_case), "cases overlap results");
_Static_assert(ROUTINES_PA - RESULTS_PA >= CAPACITY * sizeof(struct probe_result), "results overlap the arena");

static volatile struct mailbox *const mailbox = (volatile struct mailbox *)MAILBOX_PA;
static const struct probe_case *const cases = (const struct probe_case *)CASES_PA;
static struct probe_result *const results = (struct probe_result *)RESULTS_PA;

static int have_menvcfg;
/* What the hart's PMP holds now; writing PMP makes an emulator drop its TLB, so only changes are written. */
static u64 installed_pmpcfg[PMP_ENTRIES / 8];
static u64 installed_pmpaddr[PMP_ENTRIES];
static u64 installed_menvcfg;

static u32 read_word(u64 pa) { return *(volatile u32 *)pa; }
static void write_word(u64 pa, u32 value) { *(volatile u32 *)pa = value; }

/*
 * The memory of the cases is read and written 4 bytes at a time: an access that a PMP entry matches only in part fails
 * in M-mode too, and no entry is smaller than 4 bytes.
 */
static u64 read_memory(u64 pa)
{
    return read_word(pa) | (u64)read_word(pa + 4) << 32;
}

static void write_memory(u64 pa, u64 value)
{
    write_word(pa, value);
    write_word(pa + 4, value >> 32);
}

/* Make the timer interrupt pending `ticks` from now. It is taken only in S and U, and ends a wfi in M. */
static void set_timer(u64 ticks)
{
    *(volatile u64 *)CLINT_MTIMECMP = *(volatile u64 *)CLINT_MTIME + ticks;
}

/* Write pmpaddr`entry`. CSR numbers are part of the instruction, hence the switch. */
static void write_pmpaddr(int entry, u64 value)
{
    switch (entry) {
    case 0: write_csr(pmpaddr0, value); break;
    case 1: write_csr(pmpaddr1, value); break;
    case 2: write_csr(pmpaddr2, value); break;
    case 3: write_csr(pmpaddr3, value); break;
    case 4: write_csr(pmpaddr4, value); break;
    case 5: write_csr(pmpaddr5, value); break;
    case 6: write_csr(pmpaddr6, value); break;
    case 7: write_csr(pmpaddr7, value); break;
    case 8: write_csr(pmpaddr8, value); break;
    case 9: write_csr(pmpaddr9, value); break;
    case 10: write_csr(pmpaddr10, value); break;
    case 11: write_csr(pmpaddr11, value); break;
    case 12: write_csr(pmpaddr12, value); break;
    case 13: write_csr(pmpaddr13, value); break;
    case 14: write_csr(pmpaddr14, value); break;
    case 15: write_csr(pmpaddr15, value); break;
    }
}

static void write_pmpcfg(const u64 pmpcfg[PMP_ENTRIES / 8])
{
    write_csr(pmpcfg0, pmpcfg[0]);
    write_csr(pmpcfg2, pmpcfg[1]);
}

/* No entry matches anything: M-mode may touch all memory. */
static void switch_pmp_off(void)
{
    for (int i = 0; i < PMP_ENTRIES / 8; i++)
        installed_pmpcfg[i] = 0;
    write_pmpcfg(installed_pmpcfg);
}

/* Bring the PMP to the case's entries. All entries are off while addresses change, so no mixture is ever in force. */
static void install_pmp(const struct probe_case *c)
{
    const u64 *pmpcfg = (const u64 *)c->pmpcfg;
    int differs = 0;

    for (int i = 0; i < PMP_ENTRIES / 8; i++)
        differs |= pmpcfg[i] != installed_pmpcfg[i];
    for (int i = 0; i < PMP_ENTRIES; i++)
        differs |= c->pmpaddr[i] != installed_pmpaddr[i];
    if (!differs)
        return;
    switch_pmp_off();
    for (int i = 0; i < PMP_ENTRIES; i++) {
        if (c->pmpaddr[i] != installed_pmpaddr[i])
            write_pmpaddr(i, c->pmpaddr[i]);
        installed_pmpaddr[i] = c->pmpaddr[i];
    }
    for (int i = 0; i < PMP_ENTRIES / 8; i++)
        installed_pmpcfg[i] = pmpcfg[i];
    write_pmpcfg(pmpcfg);
}

static void install_menvcfg(u64 value)
{
    if (!have_menvcfg || value == installed_menvcfg)
        return;
    write_menvcfg(value);
    installed_menvcfg = value;
}

/* What belongs into the 8 bytes at `pa`: an access routine, nothing, or in the arena what tells a load or fetch its page. */
static u64 slot_content(u64 pa)
{
    if (pa >= ARENA_PA)
        return SLOT_MRET | (pa & LUI_MASK) | SLOT_LUI_A0;
    u64 index = (pa - ROUTINES_PA) / SLOT_SIZE;
    return access_routines + index < access_routines_end ? access_routines[index] : 0;
}

/*
 * Put back whatever differs. A walk that takes an arena page for a table may set A or D in it, where an emulator does not
 * look at the reserved bit; case by case that would be too slow to undo.
 */
static void mend_memory(void)
{
    for (u64 pa = ROUTINES_PA; pa < RAM_END_PA; pa += SLOT_SIZE)
        if (*(volatile u64 *)pa != slot_content(pa))
            *(volatile u64 *)pa = slot_content(pa);
}

/*
 * Find the word that holds the low half of the nonce, put its slot back as it was, and return the word's pa; 0 when it
 * is nowhere in the memory of the cases. A slot that a poke wrote is put right when the pokes are undone.
 */
static u64 take_back_nonce(u32 nonce, u64 hint_pa)
{
    u64 pa = hint_pa;

    if (pa < ROUTINES_PA || pa > RAM_END_PA - sizeof(u32) || pa % sizeof(u32) || read_word(pa) != nonce)
        for (pa = ROUTINES_PA; pa < RAM_END_PA && read_word(pa) != nonce; pa += sizeof(u32))
            ;
    if (pa >= RAM_END_PA)
        return 0;
    write_memory(pa & ~(SLOT_SIZE - 1UL), slot_content(pa));
    return pa;
}

/* Write satp and return what the hart made of it. A mode that it lacks leaves it Bare, whatever was there before. */
static u64 install_satp(u64 satp)
{
    write_csr(satp, satp);
    u64 in_force = read_csr(satp);
    if (in_force >> SATP_MODE_SHIFT != satp >> SATP_MODE_SHIFT) {
        write_csr(satp, 0);
        in_force = read_csr(satp);
    }
    return in_force;
}

/* Perform one case and write its result. Memory is afterwards as it was before. */
static void run_case(const struct probe_case *c, struct probe_result *r)
{
    u64 before[POKES];
    struct attempt attempt;
    u64 routine = (c->access * 2 + (c->width == 8)) * ROUTINE_SIZE;

    for (u32 i = 0; i < c->poke_count; i++) {
        before[i] = read_memory(c->pokes[i].pa);
        write_memory(c->pokes[i].pa, c->pokes[i].value);
    }
    install_pmp(c);
    install_menvcfg(c->menvcfg);
    r->satp = install_satp(c->satp);
    asm volatile("sfence.vma\n\tfence.i" : : : "memory");

    attempt.mstatus = (u64)c->privilege << MSTATUS_MPP_SHIFT | (c->flags & CASE_SUM ? MSTATUS_SUM : 0) |
                      (c->flags & CASE_MXR ? MSTATUS_MXR : 0) | (c->flags & CASE_MPRV ? MSTATUS_MPRV : 0);
    attempt.va = c->va;
    attempt.value = c->nonce;
    if (c->access == ACCESS_FETCH)
        attempt.target = c->va;
    else
        attempt.target = (c->flags & CASE_MPRV ? ROUTINES_PA : c->routine_va) + routine;
    run_attempt(&attempt);

    r->cause = attempt.cause;
    r->tval = attempt.tval;
    r->epc = attempt.epc;
    r->value = attempt.value;
    r->store_pa = 0;
    int answered = attempt.cause == CAUSE_ECALL_U || attempt.cause == CAUSE_ECALL_S || attempt.cause == CAUSE_ECALL_M;
    if (answered && (c->access == ACCESS_STORE || c->access == ACCESS_AMO))
        r->store_pa = take_back_nonce(c->nonce, c->hint_pa);

    for (u32 i = 0; i < c->poke_count; i++)
        r->poked[i] = read_memory(c->pokes[i].pa);
    /* Backwards, so that a word poked twice ends with what it held before the first. */
    for (u32 i = c->poke_count; i-- > 0;)
        write_memory(c->pokes[i].pa, before[i]);
}

/* Find out what this hart has, by writing and reading back. Leaves every register as it was at reset. */
static void find_features(void)
{
    mailbox->misa = read_csr(misa);
    u64 modes = 0;
    for (u64 mode = 0; mode < SATP_MODES; mode++) {
        write_csr(satp, 0);
        write_csr(satp, mode << SATP_MODE_SHIFT);
        if (read_csr(satp) >> SATP_MODE_SHIFT == mode)
            modes |= 1UL << mode;
    }
    mailbox->satp_modes = modes;
    /* In M-mode without MPRV a senseless satp does no harm. */
    write_csr(satp, 8UL << SATP_MODE_SHIFT | ((1UL << SATP_MODE_SHIFT) - 1));
    mailbox->satp_mask = read_csr(satp) & ((1UL << SATP_MODE_SHIFT) - 1);
    write_csr(satp, 0);

    have_menvcfg = menvcfg_exists();
    mailbox->menvcfg_exists = have_menvcfg;
    mailbox->menvcfg_mask = 0;
    if (have_menvcfg) {
        write_menvcfg(~0UL);
        mailbox->menvcfg_mask = read_menvcfg();
        write_menvcfg(0UL);
        installed_menvcfg = 0;
    }

    u64 entries = 0;
    for (int i = 0; i < PMP_ENTRIES; i++)
        write_pmpaddr(i, ~0UL);
    entries += read_csr(pmpaddr0) != 0;
    entries += read_csr(pmpaddr7) != 0 ? 7 : 0;
    entries += read_csr(pmpaddr15) != 0 ? 8 : 0;
    mailbox->pmp_entries = entries;
    mailbox->pmpaddr_mask = read_csr(pmpaddr0);
    for (int i = 0; i < PMP_ENTRIES; i++)
        write_pmpaddr(i, 0);
}

void main(void)
{
    write_csr(mstatus, 0);
    write_csr(medeleg, 0);
    write_csr(mideleg, 0);
    write_csr(mie, MIE_MTIE);
    find_features();
    mend_memory();

    mailbox->version = PROBE_VERSION;
    mailbox->case_size = sizeof(struct probe_case);
    mailbox->result_size = sizeof(struct probe_result);
    mailbox->capacity = CAPACITY;
    mailbox->request = 0;
    mailbox->done = 0;
    asm volatile("fence" : : : "memory");
    mailbox->magic = PROBE_MAGIC;

    for (u64 done = 0;;) {
        while (mailbox->request == done) {
            set_timer(IDLE_TICKS);
            asm volatile("wfi");
        }
        asm volatile("fence" : : : "memory");
        u64 count = mailbox->count;
        switch_pmp_off();
        mend_memory();
        for (u64 i = 0; i < count; i++) {
            if (i % WATCHDOG_CASES == 0)
                set_timer(WATCHDOG_TICKS);
            run_case(&cases[i], &results[i]);
        }
        write_csr(satp, 0);
        asm volatile("fence" : : : "memory");
        done++;
        mailbox->done = done;
    }
}
