/* mremap_fixed: moves the mappings of both pages with three calls through the scratch slot.
 *
 * System calls: mremap(MREMAP_MAYMOVE | MREMAP_FIXED): scratch <- B, B <- A, A <- scratch. Moves: page-table entries
 * and, above all, mappings: each displaced page becomes a mapping (VMA) of its own. Needs: vm.max_map_count above the
 * number of pages. Not a batch: the kernel takes one contiguous range a call. */
#define _GNU_SOURCE
#include <sys/mman.h>

#include "../pageswap.h"

static int setup(struct ps_region *region)
{
    /* The scratch slot starts empty, as every swap leaves it: else the first swap would pay an unmapping. */
    return munmap(region->scratch, region->page_bytes) == 0 ? 0 : ps_fail(region, "munmap (scratch)");
}

static int move(struct ps_region *region, unsigned char *from, unsigned char *to)
{
    if (mremap(from, region->page_bytes, region->page_bytes, MREMAP_MAYMOVE | MREMAP_FIXED, to) == MAP_FAILED)
        return ps_fail(region, "mremap");
    return 0;
}

static int swap_many(struct ps_region *region, const uint32_t *a, const uint32_t *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char *const page_a = ps_slot(region, a[i]);
        unsigned char *const page_b = ps_slot(region, b[i]);
        int failed;

        if (page_a == page_b)
            continue; /* its mapping would be gone after the first call */
        if ((failed = move(region, page_b, region->scratch)) != 0 || (failed = move(region, page_a, page_b)) != 0 ||
            (failed = move(region, region->scratch, page_a)) != 0)
            return failed;
        ps_touch(region, page_a);
        ps_touch(region, page_b);
    }
    return 0;
}

const struct ps_method ps_method_mremap_fixed = {
    .name = "mremap_fixed",
    .summary = "three mremap(MREMAP_FIXED) calls through an empty slot",
    .family = PS_REMAP,
    .flags = PS_SPLITS_MAPPINGS,
    .backings = PS_ANY_BACKING,
    .setup = setup,
    .swap_many = swap_many,
};
