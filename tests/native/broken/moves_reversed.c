/* moves_reversed: memcpy, but the moves are made from the last to the first, over pages that were still to be moved. */
#include <string.h>

#include "../pageswap.h"

static int move_many(struct ps_region *region, const struct ps_move *moves, size_t n, size_t *done)
{
    for (size_t i = n; i > 0; i--)
        memcpy(moves[i - 1].to, moves[i - 1].from, moves[i - 1].pages * region->page_bytes);
    *done = n;
    return 0;
}

const struct ps_method ps_method_moves_reversed = {
    .name = "moves_reversed",
    .summary = "broken on purpose",
    .family = PS_COPY,
    .memory = PS_ANY_MEMORY,
    .move_many = move_many,
};
