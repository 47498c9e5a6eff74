/* null: walks the schedule and moves nothing.
 *
 * System calls: none. Moves: nothing. Needs: nothing. It measures the harness: the loop, the loads of the schedule
 * and, with touch: moved, the reads. Not a bound on any method: `index` is that. */
#include "../pageswap.h"

static int swap_many(struct ps_region *region, const uint32_t *a, const uint32_t *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const unsigned char *const page_a = ps_slot(region, a[i]);
        const unsigned char *const page_b = ps_slot(region, b[i]);

        __asm__ volatile("" : : "r"(page_a), "r"(page_b)); /* keeps the loop that would otherwise be dead code */
        ps_touch(region, page_a);
        ps_touch(region, page_b);
    }
    return 0;
}

const struct ps_method ps_method_null = {
    .name = "null",
    .summary = "walks the schedule and moves nothing: the cost of the harness itself",
    .family = PS_CONTROL,
    .flags = PS_MOVES_NOTHING,
    .scratch = PS_SCRATCH_NONE,
    .memory = PS_ANY_MEMORY,
    .swap_many = swap_many,
};
