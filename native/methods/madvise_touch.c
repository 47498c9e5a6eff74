/* madvise_touch: gives a page back to the kernel and faults a new one in its place.
 *
 * System calls: madvise(MADV_DONTNEED); and one page fault that clears a page. Moves: nothing; the mapping stays, the
 * page-table entry goes and comes. */
#include <sys/mman.h>

#include "../pageswap.h"

static int call_many(struct ps_region *region, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (madvise(region->scratch, region->page_bytes, MADV_DONTNEED) != 0)
            return ps_fail(region, "madvise");
        *(volatile unsigned char *)region->scratch = 1;
    }
    return 0;
}

const struct ps_method ps_method_madvise_touch = {
    .name = "madvise_touch",
    .summary = "madvise(MADV_DONTNEED) and a write: one page given back and faulted in again",
    .family = PS_CONTROL,
    .call_many = call_many,
};
