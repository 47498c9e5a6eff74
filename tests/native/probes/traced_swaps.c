/* traced_swaps: memcpy, which says how many pairs it is given each time, and which, and likewise the moves of `move`, to
 * who stands before access(): slots and numbers of pages. For tests. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../pageswap.h"

static void tell(const char *what, size_t first, size_t second)
{
    char text[96];

    (void)snprintf(text, sizeof text, "traced:%s %zu %zu", what, first, second);
    (void)access(text, F_OK);
}

static int swap_many(struct ps_region *region, const uint32_t *a, const uint32_t *b, size_t n)
{
    tell("pairs", n, region->pages);
    for (size_t i = 0; i < n; i++) {
        tell("pair", a[i], b[i]);
        memcpy(region->scratch, ps_slot(region, b[i]), region->page_bytes);
        memmove(ps_slot(region, b[i]), ps_slot(region, a[i]), region->page_bytes);
        memcpy(ps_slot(region, a[i]), region->scratch, region->page_bytes);
    }
    return 0;
}

static int move_many(struct ps_region *region, const struct ps_move *moves, size_t n, size_t *done)
{
    tell("moves", n, region->pages);
    for (*done = 0; *done < n; ++*done) {
        const struct ps_move *const move = &moves[*done];

        tell("move", (size_t)(move->from - region->base) / region->page_bytes,
             (size_t)(move->to - region->base) / region->page_bytes);
        memcpy(move->to, move->from, move->pages * region->page_bytes);
    }
    return 0;
}

const struct ps_method ps_method_traced_swaps = {
    .name = "traced_swaps",
    .summary = "tells what it is given; for tests",
    .family = PS_COPY,
    .memory = PS_ANY_MEMORY,
    .swap_many = swap_many,
    .move_many = move_many,
};
