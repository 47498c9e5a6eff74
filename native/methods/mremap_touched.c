/* mremap_touched: moves a mapping of one page that is present, and does not look at it.
 *
 * System calls: mremap(MREMAP_FIXED) once. Moves: a mapping and a page-table entry; flushes the TLB of the old address.
 * With mremap_untouched it shows what the entry and the flush add. */
#include "../isolated_page.h"

static int setup(struct ps_region *region)
{
    return ps_isolated_page_make(region, 1);
}

static int call_many(struct ps_region *region, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const int failed = ps_isolated_page_move(region);

        if (failed)
            return failed;
    }
    return ps_isolated_page_check(region, PS_ISOLATED_VALUE);
}

const struct ps_method ps_method_mremap_touched = {
    .name = "mremap_touched",
    .summary = "one mremap of a page that is present",
    .family = PS_CONTROL,
    .setup = setup,
    .call_many = call_many,
    .teardown = ps_isolated_page_free,
};
