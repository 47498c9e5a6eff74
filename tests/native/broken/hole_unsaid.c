/* hole_unsaid: mremap_fixed without the flag that says that it leaves holes. */
#include "../mremap_move.h"

static int swap_many(struct ps_region *region, const uint32_t *a, const uint32_t *b, size_t n)
{
    const size_t bytes = region->page_bytes;
    int failed = 0;

    for (size_t i = 0; i < n && !failed; i++) {
        unsigned char *const page_a = ps_slot(region, a[i]), *const page_b = ps_slot(region, b[i]);

        if (page_a != page_b && (ps_mremap(region->scratch, page_b, bytes) != 0 ||
                                 ps_mremap(page_b, page_a, bytes) != 0 ||
                                 ps_mremap(page_a, region->scratch, bytes) != 0))
            failed = ps_fail(region, "mremap");
    }
    return failed;
}

const struct ps_method ps_method_hole_unsaid = {
    .name = "hole_unsaid",
    .summary = "broken on purpose",
    .family = PS_REMAP,
    .flags = PS_SPLITS_MAPPINGS,
    .scratch = PS_SCRATCH_ADDRESSES,
    .memory = PS_KIND(PS_ANON),
    .swap_many = swap_many,
};
