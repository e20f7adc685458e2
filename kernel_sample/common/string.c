#include "string.h"

#include <stdint.h>

/* Set size bytes to byte; returns destination. */
void *memset(void *destination, int byte, size_t size)
{
    uint8_t *to = destination;

    while (size--)
        *to++ = (uint8_t)byte;
    return destination;
}

/* Copy size bytes between places that do not overlap; returns destination. */
void *memcpy(void *restrict destination, const void *restrict source, size_t size)
{
    uint8_t *to = destination;
    const uint8_t *from = source;

    while (size--)
        *to++ = *from++;
    return destination;
}

/* Whether text begins with prefix. */
bool has_prefix(const char *text, const char *prefix)
{
    while (*prefix)
        if (*text++ != *prefix++)
            return false;
    return true;
}

/* Whether two strings are the same. */
bool is_equal(const char *left, const char *right)
{
    while (*left && *left == *right)
        left++, right++;
    return *left == *right;
}
