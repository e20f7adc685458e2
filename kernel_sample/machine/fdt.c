/* A reader for the flattened device tree (Devicetree Specification 0.4, chapter 5), for two questions only. */
#include "fdt.h"

#include <stdbool.h>
#include <stddef.h>

#include "../common/string.h"

enum { FDT_MAGIC = 0xd00dfeed };
enum fdt_token { FDT_BEGIN_NODE = 1, FDT_END_NODE = 2, FDT_PROPERTY = 3, FDT_NOP = 4, FDT_END = 9 };

struct fdt_header {
    uint32_t magic;
    uint32_t totalsize;
    uint32_t off_dt_struct;
    uint32_t off_dt_strings;
};

/* Where an iteration stands: what fdt_next found last, and how deep. The root node has depth 1. */
struct fdt_cursor {
    const uint8_t *next;
    const char *strings;
    enum fdt_token token;
    unsigned depth;
    const char *top_node;  /* the node of depth 2 that was entered last */
    const char *name;      /* of the node begun or the property */
    const void *value;
};

static uint32_t read_big_endian(const void *bytes)
{
    const uint8_t *byte = bytes;

    return (uint32_t)byte[0] << 24 | (uint32_t)byte[1] << 16 | (uint32_t)byte[2] << 8 | byte[3];
}

/* Set the cursor before the first token. Result: whether a device tree lies at fdt. */
static bool fdt_open(struct fdt_cursor *cursor, const void *fdt)
{
    const struct fdt_header *header = fdt;

    if (!fdt || read_big_endian(&header->magic) != FDT_MAGIC)
        return false;
    *cursor = (struct fdt_cursor){
        .next = (const uint8_t *)fdt + read_big_endian(&header->off_dt_struct),
        .strings = (const char *)fdt + read_big_endian(&header->off_dt_strings),
        .top_node = "",
        .name = "",
    };
    return true;
}

/* Go to the next token. Result: false at the end of the tree. */
static bool fdt_next(struct fdt_cursor *cursor)
{
    size_t size = 0;

    cursor->token = read_big_endian(cursor->next);
    cursor->next += sizeof(uint32_t);
    switch (cursor->token) {
    case FDT_BEGIN_NODE:
        cursor->name = (const char *)cursor->next;
        if (++cursor->depth == 2)
            cursor->top_node = cursor->name;
        while (cursor->next[size++])
            ;
        break;
    case FDT_END_NODE:
        cursor->depth--;
        break;
    case FDT_PROPERTY:
        size = read_big_endian(cursor->next);
        cursor->name = cursor->strings + read_big_endian(cursor->next + 4);
        cursor->value = cursor->next + 8;
        cursor->next += 8;
        break;
    case FDT_NOP:
        break;
    default:
        return false;
    }
    cursor->next += (size + 3) / 4 * 4;
    return true;
}

/* /chosen/bootargs, which QEMU sets from -append; an empty string where there is none. */
const char *fdt_boot_arguments(const void *fdt)
{
    struct fdt_cursor cursor;

    if (fdt_open(&cursor, fdt))
        while (fdt_next(&cursor))
            if (cursor.token == FDT_PROPERTY && cursor.depth == 2 && is_equal(cursor.top_node, "chosen") &&
                is_equal(cursor.name, "bootargs"))
                return cursor.value;
    return "";
}

/* How many harts the machine has: the children cpu@N of /cpus; 1 where there is no device tree. */
unsigned fdt_hart_count(const void *fdt)
{
    struct fdt_cursor cursor;
    unsigned count = 0;

    if (fdt_open(&cursor, fdt))
        while (fdt_next(&cursor))
            if (cursor.token == FDT_BEGIN_NODE && cursor.depth == 3 && is_equal(cursor.top_node, "cpus") &&
                has_prefix(cursor.name, "cpu@"))
                count++;
    return count > 0 ? count : 1;
}
