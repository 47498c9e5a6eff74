/* too_late: memcpy that gives back what all of its moves left when the last is made, and with it pages that meanwhile
 * came to such a place. */
#include <string.h>

#include "../pageswap.h"

static int move_many(struct ps_region *region, const struct ps_move *moves, size_t n, size_t *done)
{
    int failed = 0;

    for (*done = 0; *done < n; ++*done)
        memcpy(moves[*done].to, moves[*done].from, moves[*done].pages * region->page_bytes);
    for (size_t i = 0; i < n && region->give_back && !failed; i++)
        failed = ps_give_back(region, moves[i].from, moves[i].pages * region->page_bytes);
    return failed;
}

const struct ps_method ps_method_too_late = {
    .name = "too_late",
    .summary = "broken on purpose",
    .family = PS_COPY,
    .memory = PS_ANY_MEMORY,
    .move_many = move_many,
};
