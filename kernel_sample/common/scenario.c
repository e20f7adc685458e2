/* The table of scenarios. README.md says in words what each of them shows. */
#include "scenario.h"

#include <stddef.h>

#include "../supervisor/play.h"
#include "memory.h"
#include "string.h"

static const struct scenario scenarios[] = {
    {.name = "retry", .run = play_retry},
    {.name = "double", .run = play_double},
    {.name = "outside", .run = play_outside},
};

enum { NAME_SIZE = 32, COUNT_MAX = 100000000 };

/*
 * Look up boot arguments of the form "NAME" or "NAME COUNT"; empty ones mean the first scenario.
 * Result: the scenario, with *count set, or NULL where there is none of this name or it takes no such count.
 */
const struct scenario *find_scenario(const char *boot_arguments, uint64_t *count)
{
    char name[NAME_SIZE];
    size_t length = 0;
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
        number = number * 10 + (uint64_t)(*boot_arguments - '0');
    }

    for (size_t i = 0; i < sizeof scenarios / sizeof scenarios[0]; i++) {
        const struct scenario *scenario = &scenarios[i];

        if (length > 0 && !is_equal(scenario->name, name))
            continue;
        if (number > 0 && scenario->default_count == 0)
            return NULL;
        *count = number > 0 ? number : scenario->default_count;
        return scenario;
    }
    return NULL;
}
