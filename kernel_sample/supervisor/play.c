#include "play.h"

#include "../common/print.h"
#include "../common/sv39.h"
#include "../common/table_map.h"
#include "../machine/fault_log.h"
#include "harts.h"
#include "kalloc.h"
#include "stop.h"
#include "vm.h"

/* Addresses that no table serves at boot: in the gigapage of the kernel, and in one that has no level-1 table. */
#define VA_IN_KERNEL_GIGAPAGE 0x90000000
#define VA_IN_NEW_GIGAPAGE 0xc0000000

#define VA_OF_HART(hart) (VA_IN_KERNEL_GIGAPAGE + (hart) * SMP_ROUNDS_MAX * MEGAPAGE_SIZE)

#define UNMAPPED_VA 0x40000000

static void store_word(uint64_t va, uint64_t word)
{
    *(volatile uint64_t *)va = word;
}

static uint64_t load_word(uint64_t va)
{
    return *(volatile uint64_t *)va;
}

/* The word that is written at va to see where it lands. */
static uint64_t mark(uint64_t va)
{
    return va ^ 0x5a5a5a5a5a5a5a5a;
}

/* Expect the mark of va at mirror_va, another va of the same frame or va itself; otherwise the kernel stops. */
static void check_mark(uint64_t va, uint64_t mirror_va)
{
    uint64_t word = load_word(mirror_va);

    if (word == mark(va))
        return;
    print("kernel: stored 0x%lx at va 0x%lx, loaded 0x%lx at va 0x%lx\n", mark(va), va, word, mirror_va);
    stop(EXIT_PROOF_FAILED);
}

/* Prove that va is mapped to the frame at pa: store there, and load through the frame's mapping to itself. */
static void prove_mapping(uint64_t va, uint64_t pa)
{
    store_word(va, mark(va));
    check_mark(va, pa);
}

/* Map va to a new frame and prove it. */
static void map_and_prove(uint64_t va)
{
    uint64_t pa = kalloc();

    map_virtual_address_to_physical_address(va, pa, PAGE_RW);
    prove_mapping(va, pa);
}

/* One new level-0 table: one fault, one retry. */
void play_retry(uint64_t count)
{
    (void)count;
    map_and_prove(VA_IN_KERNEL_GIGAPAGE);
}

/* A new level-1 and a new level-0 table: a fault and a retry for the one, then for the other. */
void play_double(uint64_t count)
{
    (void)count;
    map_and_prove(VA_IN_NEW_GIGAPAGE);
}

/* A good mapping first, then a store where nothing is mapped. */
void play_outside(uint64_t count)
{
    (void)count;
    map_and_prove(VA_IN_KERNEL_GIGAPAGE);
    store_word(UNMAPPED_VA, 1);
}

/*
 * S-mode edits the page tables, so it can map M-mode's bookkeeping writable. The load works, and PMP refuses
 * the store.
 */
void play_tamper(uint64_t count)
{
    uint64_t bitmap = (uint64_t)table_bitmap, va = VA_IN_KERNEL_GIGAPAGE + bitmap % PAGE_SIZE;

    (void)count;
    map_virtual_address_to_physical_address(VA_IN_KERNEL_GIGAPAGE, bitmap - bitmap % PAGE_SIZE, PAGE_RW);
    store_word(va, load_word(va));
}

/* An instruction that does not exist: this trap is delegated, and S-mode's own vector takes it. */
void play_illegal(uint64_t count)
{
    (void)count;
    __asm__ volatile("unimp");
}

/* One new level-0 table at the far end of the region, where M-mode needs another one to map it. */
void play_far(uint64_t count)
{
    (void)count;
    vm_set_table_source(highest_table);
    map_and_prove(VA_IN_KERNEL_GIGAPAGE);
}

/* Map and unmap again and again: each round faults once, and no more than one table more than at boot is alive. */
void play_churn(uint64_t rounds)
{
    uint64_t pa = kalloc();

    for (uint64_t round = 0; round < rounds; round++) {
        uint64_t va = VA_IN_KERNEL_GIGAPAGE + round % PTES_PER_TABLE * PAGE_SIZE;

        map_virtual_address_to_physical_address(va, pa, PAGE_RW);
        prove_mapping(va, pa);
        free_table(unlink_table(va));
    }
}

/* Tables from the kernel's own allocator, which hands out frames that are not mapped: it never gets out of the first. */
void play_recursion(uint64_t count)
{
    (void)count;
    kalloc_init(ADDRESS_OF(__unmapped_start), ADDRESS_OF(__unmapped_end));
    vm_set_table_source(kalloced_table);
    map_and_prove(VA_IN_KERNEL_GIGAPAGE);
}

/* A new table for each mapping until there is none left. */
void play_exhausted(uint64_t count)
{
    (void)count;
    for (uint64_t va = VA_IN_KERNEL_GIGAPAGE;; va += MEGAPAGE_SIZE)
        map_and_prove(va);
}

/*
 * Where M-mode does not fence what it unmaps. A table page goes back while its translation is still cached; when it is
 * taken again, the first store finds the old translation, so M-mode never hears of it and the page stays free.
 * The next mapping takes the same page once more, and the one before is lost.
 */
void play_no_fence(uint64_t count)
{
    uint64_t table, first_va = VA_IN_KERNEL_GIGAPAGE, second_va = VA_IN_KERNEL_GIGAPAGE + MEGAPAGE_SIZE;

    (void)count;
    map_and_prove(first_va);
    table = unlink_table(first_va);
    load_word(table); /* unlink_table has fenced: this puts the page's translation back in the cache */
    free_table(table);

    map_and_prove(first_va);
    map_and_prove(second_va);
    check_mark(first_va, first_va);
}

/*
 * Where M-mode does not zero what it hands out. A table page with a read-only PTE in its last slot goes back, and
 * M-mode makes it the table that maps the last page of the region: that slot is taken, and not with what it needs.
 */
void play_dirty_page(uint64_t count)
{
    uint64_t va = VA_IN_KERNEL_GIGAPAGE + (PTES_PER_TABLE - 1) * PAGE_SIZE;

    (void)count;
    map_virtual_address_to_physical_address(va, kalloc(), PAGE_R);
    free_table(unlink_table(va));

    vm_set_table_source(highest_table);
    map_and_prove(VA_IN_KERNEL_GIGAPAGE);
}

static uint64_t frame_of_hart[HART_COUNT_MAX];

/* All harts take a table and fault on it at the same time; then hart 0 looks whether each has a mapping of its own. */
static void map_together(uint64_t offset)
{
    uint64_t hart = this_hart();

    frame_of_hart[hart] = kalloc();
    meet_harts();
    map_virtual_address_to_physical_address(VA_OF_HART(hart) + offset, frame_of_hart[hart], PAGE_RW);
    meet_harts();
    store_word(VA_OF_HART(hart) + offset, mark(VA_OF_HART(hart) + offset));
    meet_harts();
    for (uint64_t other = 0; hart == 0 && other < HART_COUNT_MAX; other++)
        check_mark(VA_OF_HART(other) + offset, frame_of_hart[other]);
    meet_harts();
}

/* Each hart takes care not to take what the other has taken. */
void play_smp(uint64_t rounds)
{
    vm_set_table_source(claimed_table);
    for (uint64_t round = 0; round < rounds; round++)
        map_together(round * MEGAPAGE_SIZE);
}

/* No care, and no lock in M-mode either: both harts take the same page. */
void play_smp_unlocked(uint64_t count)
{
    (void)count;
    map_together(0);
}

/* One new table a round, and a timer interrupt between the rounds. */
void play_interrupts(uint64_t rounds)
{
    const volatile uint64_t *interrupts = &fault_log.interrupts;

    for (uint64_t round = 0; round < rounds; round++) {
        uint64_t before;

        map_and_prove(VA_IN_KERNEL_GIGAPAGE + round * MEGAPAGE_SIZE);
        before = *interrupts;
        while (*interrupts == before)
            ;
    }
}
