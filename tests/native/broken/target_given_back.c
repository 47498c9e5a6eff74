/* target_given_back: memcpy, but it gives back the memory that it copied to. */
#include <string.h>

#include "../pageswap.h"

static int move_many(struct ps_region *region, const struct ps_move *moves, size_t n, size_t *done)
{
    int failed = 0;

    for (*done = 0; *done < n && !failed; ++*done) {
        const struct ps_move *const move = &moves[*done];
        const size_t bytes = move->pages * region->page_bytes;

        memcpy(move->to, move->from, bytes);
        failed = region->give_back ? ps_give_back(region, move->to, bytes) : 0;
    }
    return failed;
}

const struct ps_method ps_method_target_given_back = {
    .name = "target_given_back",
    .summary = "broken on purpose",
    .family = PS_COPY,
    .memory = PS_ANY_MEMORY,
    .move_many = move_many,
};
