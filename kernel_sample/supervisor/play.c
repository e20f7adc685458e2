#include "play.h"

#include "../common/print.h"
#include "../common/sv39.h"
#include "kalloc.h"
#include "stop.h"
#include "vm.h"

/* Addresses that no table serves at boot: in the gigapage of the kernel, and in one that has no level-1 table. */
#define VA_IN_KERNEL_GIGAPAGE 0x90000000
#define VA_IN_NEW_GIGAPAGE 0xc0000000

#define UNMAPPED_VA 0x40000000

static void store_word(uint64_t va, uint64_t word)
{
    *(volatile uint64_t *)va = word;
}

static uint64_t load_word(uint64_t va)
{
    return *(volatile uint64_t *)va;
}

/* Write a word at va and expect it at the same place of the frame's own mapping, pa; otherwise the kernel stops. */
static void prove_mapping(uint64_t va, uint64_t pa)
{
    uint64_t word = va ^ 0x5a5a5a5a5a5a5a5a;

    store_word(va, word);
    if (load_word(pa) != word) {
        print("kernel: wrote 0x%lx at va 0x%lx, read 0x%lx at pa 0x%lx\n", word, va, load_word(pa), pa);
        stop(EXIT_PROOF_FAILED);
    }
}

static void map_and_prove(uint64_t va)
{
    uint64_t frame = kalloc();

    map_virtual_address_to_physical_address(va, frame, PAGE_RW);
    prove_mapping(va, frame);
}

/* One new level-0 table: one fault, one retry. */
void play_retry(uint64_t count)
{
    (void)count;
    map_and_prove(VA_IN_KERNEL_GIGAPAGE);
}

/* A new level-1 and a new level-0 table: a fault and retry for the one, then for the other. */
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
