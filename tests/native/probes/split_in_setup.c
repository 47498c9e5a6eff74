/* split_in_setup: exchanges nothing, and breaks the first huge page of its share before the rounds begin. Used by
 * tests: what a backing claims must be looked at after everything that may end it. */
#include <sys/mman.h>

#include "../pageswap.h"

static int setup(struct ps_region *region)
{
    if (mprotect(region->base, PS_BASE_PAGE, PROT_READ) != 0)
        return ps_fail(region, "mprotect");
    return mprotect(region->base, PS_BASE_PAGE, PROT_READ | PROT_WRITE) == 0 ? 0 : ps_fail(region, "mprotect");
}

static int swap_many(struct ps_region *region, const uint32_t *a, const uint32_t *b, size_t n)
{
    (void)region, (void)a, (void)b, (void)n;
    return 0;
}

const struct ps_method ps_method_split_in_setup = {
    .name = "split_in_setup",
    .summary = "breaks a huge page in its set-up; for tests",
    .family = PS_CONTROL,
    .flags = PS_MOVES_NOTHING,
    .scratch = PS_SCRATCH_NONE,
    .memory = PS_ANY_MEMORY,
    .setup = setup,
    .swap_many = swap_many,
};
