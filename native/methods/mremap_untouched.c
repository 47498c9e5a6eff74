/* mremap_untouched: moves a mapping of one page in which there is no page.
 *
 * System calls: mremap(MREMAP_FIXED) once. Moves: a mapping (VMA) alone, no page-table entry. What of mremap is
 * bookkeeping. */
#include "../isolated_page.h"

static int setup(struct ps_region *region)
{
    return ps_isolated_page_make(region, 0);
}

static int call_many(struct ps_region *region, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const int failed = ps_isolated_page_move(region);

        if (failed)
            return failed;
    }
    return 0;
}

const struct ps_method ps_method_mremap_untouched = {
    .name = "mremap_untouched",
    .summary = "one mremap of a page that was never touched: the mapping alone",
    .family = PS_CONTROL,
    .setup = setup,
    .call_many = call_many,
    .teardown = ps_isolated_page_free,
};
