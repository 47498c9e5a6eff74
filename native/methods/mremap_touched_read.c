/* mremap_touched_read: moves a mapping of one page that is present, and reads it at its new place.
 *
 * System calls: mremap(MREMAP_FIXED) once. Moves: a mapping and a page-table entry; the read misses the TLB once. With
 * mremap_touched it shows what the first access afterwards costs. */
#include "../isolated_page.h"

static int setup(struct ps_region *region)
{
    return ps_isolated_page_make(region, 1);
}

static int call_many(struct ps_region *region, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int failed = ps_isolated_page_move(region);

        if (failed || (failed = ps_isolated_page_check(region, PS_ISOLATED_VALUE)) != 0)
            return failed;
    }
    return 0;
}

const struct ps_method ps_method_mremap_touched_read = {
    .name = "mremap_touched_read",
    .summary = "one mremap of a page that is present, and a read of it afterwards",
    .family = PS_CONTROL,
    .setup = setup,
    .call_many = call_many,
    .teardown = ps_isolated_page_free,
};
