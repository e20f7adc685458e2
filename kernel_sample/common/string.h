#ifndef STRING_H
#define STRING_H

#include <stdbool.h>
#include <stddef.h>

/* The compiler may call these two by itself. */
void *memset(void *destination, int byte, size_t size);
void *memcpy(void *restrict destination, const void *restrict source, size_t size);

bool is_equal(const char *left, const char *right);
bool has_prefix(const char *text, const char *prefix);

#endif
