/* left_out: memcpy, but the last swap is left out. */
#include <string.h>

#include "../pageswap.h"

static int swap_many(struct ps_region *region, const uint32_t *a, const uint32_t *b, size_t n)
{
    for (size_t i = 0; i + 1 < n; i++) {
        memcpy(region->scratch, ps_slot(region, b[i]), region->page_bytes);
        memmove(ps_slot(region, b[i]), ps_slot(region, a[i]), region->page_bytes);
        memcpy(ps_slot(region, a[i]), region->scratch, region->page_bytes);
    }
    return 0;
}

const struct ps_method ps_method_left_out = {
    .name = "left_out",
    .summary = "broken on purpose",
    .family = PS_COPY,
    .memory = PS_ANY_MEMORY,
    .swap_many = swap_many,
};
