/* touch_reach: reads each page as after a move, while all of it but its first 4 KiB is forbidden: whoever reads more
 * than one word of it dies. */
#include <sys/mman.h>

#include "../pageswap.h"

static int swap_many(struct ps_region *region, const uint32_t *a, const uint32_t *b, size_t n)
{
    (void)b;
    for (size_t i = 0; i < n; i++) {
        unsigned char *const rest = ps_slot(region, a[i]) + PS_BASE_PAGE;
        const size_t bytes = region->page_bytes - PS_BASE_PAGE;

        if (mprotect(rest, bytes, PROT_NONE) != 0)
            return ps_fail(region, "mprotect");
        ps_touch(region, ps_slot(region, a[i]));
        if (mprotect(rest, bytes, PROT_READ | PROT_WRITE) != 0)
            return ps_fail(region, "mprotect");
    }
    return 0;
}

const struct ps_method ps_method_touch_reach = {
    .name = "touch_reach",
    .summary = "a test's",
    .family = PS_CONTROL,
    .flags = PS_MOVES_NOTHING,
    .scratch = PS_SCRATCH_NONE,
    .memory = PS_ANY_MEMORY,
    .swap_many = swap_many,
};
