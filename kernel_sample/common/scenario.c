/* The table of scenarios. README.md says in words what each of them shows. */
#include "scenario.h"

#include <stddef.h>

#include "../supervisor/play.h"
#include "memory.h"
#include "string.h"
#include "table_map.h"

enum { NAME_SIZE = 32, COUNT_MAX = 100000000 };

static const struct scenario scenarios[] = {
    {.name = "retry", .run = play_retry},
    {.name = "double", .run = play_double},
    {.name = "outside", .run = play_outside},
    {.name = "tamper", .run = play_tamper},
    {.name = "illegal", .run = play_illegal},
    {.name = "far", .run = play_far},
    {.name = "churn", .run = play_churn, .default_count = 10000, .count_max = COUNT_MAX},
    {.name = "recursion", .run = play_recursion},
    {.name = "exhausted",
     .run = play_exhausted,
     .default_count = 4,
     .count_max = TABLE_PAGES_MAX,
     .limits_region = true},
    {.name = "no-fence", .run = play_no_fence, .defects.omits_unmap_fence = true},
    {.name = "no-fence-map", .run = play_double, .defects.omits_map_fence = true},
    {.name = "no-map", .run = play_retry, .defects.omits_map = true},
    {.name = "wrong-va", .run = play_retry, .defects.va_offset = PAGE_SIZE},
    {.name = "wrong-level", .run = play_far, .defects.leaf_level = 1},
    {.name = "no-dirty", .run = play_retry, .defects.missing_flags = PTE_W | PTE_D},
    {.name = "no-dirty-d", .run = play_retry, .defects.missing_flags = PTE_D},
    {.name = "dirty-page", .run = play_dirty_page, .defects.keeps_dirt = true},
    {.name = "smp", .run = play_smp, .default_count = 8, .count_max = SMP_ROUNDS_MAX, .harts = 2},
    {.name = "smp-no-lock", .run = play_smp_unlocked, .harts = 2, .defects.omits_lock = true},
    {.name = "interrupts", .run = play_interrupts, .default_count = 8, .count_max = COUNT_MAX, .timer = true},
    {.name = "vectored",
     .run = play_interrupts,
     .default_count = 8,
     .count_max = COUNT_MAX,
     .timer = true,
     .vectored = true},
};

/*
 * Look up boot arguments of the form "NAME" or "NAME COUNT"; empty ones mean the first scenario.
 * Result: the scenario, with *count set, or NULL where there is none of this name or it takes no such count.
 */
const struct scenario *find_scenario(const char *boot_arguments, uint64_t *count)
{
    char name[NAME_SIZE];
    size_t length = 0;
    bool has_number = false;
    uint64_t number = 0;

    while (*boot_arguments && *boot_arguments != ' ') {
        if (length == NAME_SIZE - 1)
            return NULL;
        name[length++] = *boot_arguments++;
    }
    name[length] = '\0';
    while (*boot_arguments == ' ')
        boot_arguments++;
    for (; *boot_arguments; boot_arguments++) {
        if (*boot_arguments < '0' || *boot_arguments > '9' || number > COUNT_MAX / 10)
            return NULL;
        has_number = true;
        number = number * 10 + (uint64_t)(*boot_arguments - '0');
    }

    for (size_t i = 0; i < sizeof scenarios / sizeof scenarios[0]; i++) {
        const struct scenario *scenario = &scenarios[i];

        if (length > 0 && !is_equal(scenario->name, name))
            continue;
        if (has_number && (scenario->count_max == 0 || number > scenario->count_max))
            return NULL;
        *count = has_number ? number : scenario->default_count;
        return scenario;
    }
    return NULL;
}
