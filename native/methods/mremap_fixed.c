/* mremap_fixed: moves the mappings of both pages with three calls through the scratch slot.
 *
 * System calls: mremap(MREMAP_MAYMOVE | MREMAP_FIXED): scratch <- B, B <- A, A <- scratch. Moves: page-table entries
 * and, above all, mappings: each displaced page becomes a mapping (VMA) of its own. Needs: vm.max_map_count above the
 * number of pages. Not a batch: one call a page, see mremap_multi. Not atomic: after a failed call a page stays in the
 * scratch slot. */
#include "../mremap_move.h"

static int move_page(struct ps_region *region, unsigned char *to, unsigned char *from)
{
    const int failed = ps_mremap(to, from, region->page_bytes);

    return failed ? ps_error_set(region->error, -failed, "mremap", "") : 0;
}

static int swap_many(struct ps_region *region, const uint32_t *a, const uint32_t *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char *const page_a = ps_slot(region, a[i]);
        unsigned char *const page_b = ps_slot(region, b[i]);
        int failed;

        if (page_a == page_b)
            continue; /* its mapping would be gone after the first call */
        if ((failed = move_page(region, region->scratch, page_b)) != 0 ||
            (failed = move_page(region, page_b, page_a)) != 0 ||
            (failed = move_page(region, page_a, region->scratch)) != 0)
            return failed;
        ps_touch(region, page_a);
        ps_touch(region, page_b);
    }
    return 0;
}

/* One call a page, also in a run: nobody knows where in it a mapping ends, and before Linux 6.17 no call may pass
 * that. */
static int move_run(struct ps_region *region, const struct ps_move *move)
{
    for (size_t page = 0; page < move->pages; page++) {
        const size_t offset = page * region->page_bytes;
        const int failed = ps_mremap(move->to + offset, move->from + offset, region->page_bytes);

        if (failed)
            return ps_mremap_give_up(region, move, -failed);
        ps_touch(region, move->to + offset);
    }
    return 0;
}

static int move_many(struct ps_region *region, const struct ps_move *moves, size_t n, size_t *done)
{
    for (*done = 0; *done < n; ++*done) {
        const int failed = move_run(region, &moves[*done]);

        if (failed)
            return failed;
    }
    return 0;
}

const struct ps_method ps_method_mremap_fixed = {
    .name = "mremap_fixed",
    .summary = "three mremap(MREMAP_FIXED) calls through an empty slot",
    .family = PS_REMAP,
    .flags = PS_SPLITS_MAPPINGS | PS_LEAVES_HOLES,
    .scratch = PS_SCRATCH_ADDRESSES,
    .memory = PS_ANY_MEMORY,
    .swap_many = swap_many,
    .move_many = move_many,
};
