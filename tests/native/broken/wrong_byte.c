/* wrong_byte: memcpy, but one byte in the last cache line of one page comes out wrong. */
#include <string.h>

#include "../pageswap.h"

static int swap_many(struct ps_region *region, const uint32_t *a, const uint32_t *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        memcpy(region->scratch, ps_slot(region, b[i]), region->page_bytes);
        memmove(ps_slot(region, b[i]), ps_slot(region, a[i]), region->page_bytes);
        memcpy(ps_slot(region, a[i]), region->scratch, region->page_bytes);
    }
    if (n > 0)
        ps_slot(region, a[n - 1])[region->page_bytes - 1] = 0xd5;
    return 0;
}

const struct ps_method ps_method_wrong_byte = {
    .name = "wrong_byte",
    .summary = "broken on purpose",
    .family = PS_COPY,
    .memory = PS_ANY_MEMORY,
    .swap_many = swap_many,
};
