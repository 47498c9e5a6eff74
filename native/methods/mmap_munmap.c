/* mmap_munmap: makes a mapping and takes it away, untouched.
 *
 * System calls: mmap, munmap. Moves: nothing; no page is ever there. The bookkeeping of a mapping (VMA) alone. */
#include <sys/mman.h>

#include "../pageswap.h"

static int call_many(struct ps_region *region, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        void *const page = mmap(NULL, region->page_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (page == MAP_FAILED)
            return ps_fail(region, "mmap");
        if (munmap(page, region->page_bytes) != 0)
            return ps_fail(region, "munmap");
    }
    return 0;
}

const struct ps_method ps_method_mmap_munmap = {
    .name = "mmap_munmap",
    .summary = "mmap and munmap of one page that is never touched",
    .family = PS_CONTROL,
    .call_many = call_many,
};
