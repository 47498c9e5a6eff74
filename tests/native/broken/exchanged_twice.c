/* exchanged_twice: memcpy, but the first two pages are exchanged once more, and so are back. */
#include <string.h>

#include "../pageswap.h"

static int swap_many(struct ps_region *region, const uint32_t *a, const uint32_t *b, size_t n)
{
    for (size_t turn = 0; n > 0 && turn <= n; turn++) {
        const size_t i = turn ? turn - 1 : 0;

        memcpy(region->scratch, ps_slot(region, b[i]), region->page_bytes);
        memmove(ps_slot(region, b[i]), ps_slot(region, a[i]), region->page_bytes);
        memcpy(ps_slot(region, a[i]), region->scratch, region->page_bytes);
    }
    return 0;
}

const struct ps_method ps_method_exchanged_twice = {
    .name = "exchanged_twice",
    .summary = "broken on purpose",
    .family = PS_COPY,
    .memory = PS_ANY_MEMORY,
    .swap_many = swap_many,
};
