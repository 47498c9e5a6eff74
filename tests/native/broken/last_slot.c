/* last_slot: memcpy, but after the last swap or move one word of the last slot is another. Of `move` that is
 * so only in a call of more moves than there are pages, as rounds make it and what comes before them does not. */
#include <string.h>

#include "../pageswap.h"

static void damage(struct ps_region *region)
{
    *(uint64_t *)(void *)ps_slot(region, region->pages + region->spare_pages - 1) = 0;
}

static int swap_many(struct ps_region *region, const uint32_t *a, const uint32_t *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        memcpy(region->scratch, ps_slot(region, b[i]), region->page_bytes);
        memmove(ps_slot(region, b[i]), ps_slot(region, a[i]), region->page_bytes);
        memcpy(ps_slot(region, a[i]), region->scratch, region->page_bytes);
    }
    damage(region);
    return 0;
}

static int move_many(struct ps_region *region, const struct ps_move *moves, size_t n, size_t *done)
{
    for (*done = 0; *done < n; ++*done)
        memcpy(moves[*done].to, moves[*done].from, moves[*done].pages * region->page_bytes);
    if (region->spare_pages == 0 || n > region->pages)
        damage(region);
    return 0;
}

const struct ps_method ps_method_last_slot = {
    .name = "last_slot",
    .summary = "broken on purpose",
    .family = PS_COPY,
    .memory = PS_ANY_MEMORY,
    .swap_many = swap_many,
    .move_many = move_many,
};
