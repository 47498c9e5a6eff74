/* mmap_touch_munmap: makes a mapping, writes to it, and takes it away.
 *
 * System calls: mmap, munmap; and one page fault that clears a page. Moves: nothing. A page from the kernel and back.
 */
#include <sys/mman.h>

#include "../pageswap.h"

static int call_many(struct ps_region *region, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char *const page =
            mmap(NULL, region->page_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (page == MAP_FAILED)
            return ps_fail(region, "mmap");
        *(volatile unsigned char *)page = 1;
        if (munmap(page, region->page_bytes) != 0)
            return ps_fail(region, "munmap");
    }
    return 0;
}

const struct ps_method ps_method_mmap_touch_munmap = {
    .name = "mmap_touch_munmap",
    .summary = "mmap, one write, munmap of one page",
    .family = PS_CONTROL,
    .call_many = call_many,
};
