/* mprotect_toggle: takes write permission from a page and gives it back.
 *
 * System calls: mprotect twice. Moves: nothing; changes one page-table entry and splits and merges a mapping. What a
 * write barrier by page protection costs. */
#include <sys/mman.h>

#include "../pageswap.h"

static int call_many(struct ps_region *region, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (mprotect(region->base, region->page_bytes, PROT_READ) != 0 ||
            mprotect(region->base, region->page_bytes, PROT_READ | PROT_WRITE) != 0)
            return ps_fail(region, "mprotect");
    return 0;
}

const struct ps_method ps_method_mprotect_toggle = {
    .name = "mprotect_toggle",
    .summary = "two mprotect calls on one page: read-only and back",
    .family = PS_CONTROL,
    .call_many = call_many,
};
