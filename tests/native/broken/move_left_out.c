/* move_left_out: memcpy, but the last move is left out. */
#include <string.h>

#include "../pageswap.h"

static int move_many(struct ps_region *region, const struct ps_move *moves, size_t n, size_t *done)
{
    for (size_t i = 0; i + 1 < n; i++)
        memcpy(moves[i].to, moves[i].from, moves[i].pages * region->page_bytes);
    *done = n;
    return 0;
}

const struct ps_method ps_method_move_left_out = {
    .name = "move_left_out",
    .summary = "broken on purpose",
    .family = PS_COPY,
    .memory = PS_ANY_MEMORY,
    .move_many = move_many,
};
