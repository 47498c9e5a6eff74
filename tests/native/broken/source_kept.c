/* source_kept: memcpy that gives memory back, but not what the last move leaves. */
#include <string.h>

#include "../pageswap.h"

static int move_many(struct ps_region *region, const struct ps_move *moves, size_t n, size_t *done)
{
    int failed = 0;

    for (*done = 0; *done < n && !failed; ++*done) {
        const struct ps_move *const move = &moves[*done];
        const size_t bytes = move->pages * region->page_bytes;

        memcpy(move->to, move->from, bytes);
        failed = region->give_back && *done + 1 < n ? ps_give_back(region, move->from, bytes) : 0;
    }
    return failed;
}

const struct ps_method ps_method_source_kept = {
    .name = "source_kept",
    .summary = "broken on purpose",
    .family = PS_COPY,
    .memory = PS_ANY_MEMORY,
    .move_many = move_many,
};
