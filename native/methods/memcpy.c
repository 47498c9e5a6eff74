/* memcpy: three copies of the C library through one page-sized buffer (scratch <- B, B <- A, A <- scratch).
 *
 * System calls: none. Moves: 3 * page_bytes read and written a swap. Needs: nothing. What a program does that gives
 * the matter no thought, and so the baseline; not the fastest copy: see the exchange methods. */
#include <string.h>

#include "../pageswap.h"

static int swap_many(struct ps_region *region, const uint32_t *a, const uint32_t *b, size_t n)
{
    const size_t page_bytes = region->page_bytes;
    unsigned char *const scratch = region->scratch;

    for (size_t i = 0; i < n; i++) {
        unsigned char *const page_a = ps_slot(region, a[i]);
        unsigned char *const page_b = ps_slot(region, b[i]);

        if (page_a == page_b)
            continue; /* memcpy onto itself is undefined */
        memcpy(scratch, page_b, page_bytes);
        memcpy(page_b, page_a, page_bytes);
        memcpy(page_a, scratch, page_bytes);
        ps_touch(region, page_a);
        ps_touch(region, page_b);
    }
    return 0;
}

static int move_many(struct ps_region *region, const struct ps_move *moves, size_t n, size_t *done)
{
    int failed = 0;

    for (*done = 0; *done < n && !failed; ++*done) {
        const struct ps_move *const move = &moves[*done];
        const size_t bytes = move->pages * region->page_bytes;

        memcpy(move->to, move->from, bytes);
        for (size_t page = 0; page < move->pages; page++)
            ps_touch(region, move->to + page * region->page_bytes);
        failed = region->give_back ? ps_give_back(region, move->from, bytes) : 0;
    }
    return failed;
}

const struct ps_method ps_method_memcpy = {
    .name = "memcpy",
    .summary = "three memcpy() calls through a page-sized buffer",
    .family = PS_COPY,
    .memory = PS_ANY_MEMORY,
    .swap_many = swap_many,
    .move_many = move_many,
};
