/* madvise_free: lets the kernel take runs of pages when it needs memory, and not before.
 *
 * System calls: madvise(MADV_FREE), one a run. Moves: nothing; page-table entries lose their dirty bit. What is written
 * to before the kernel took it is kept, without a fault that brings a page; what is read meanwhile may be the old bytes
 * or zeroes. Needs: private anonymous memory that is not locked. Not for who must see the process shrink. */
#include <sys/mman.h>

#include "../pageswap.h"

static int give_many(struct ps_region *region, const struct iovec *runs, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (madvise(runs[i].iov_base, runs[i].iov_len, MADV_FREE) != 0)
            return ps_not_given_back(region, "madvise(MADV_FREE)");
    return 0;
}

const struct ps_method ps_method_madvise_free = {
    .name = "madvise_free",
    .summary = "madvise(MADV_FREE) of each run: the kernel takes its memory when it needs some",
    .family = PS_CONTROL,
    .flags = PS_LAZY,
    .scratch = PS_SCRATCH_NONE,
    .memory = PS_KIND(PS_ANON),
    .give_many = give_many,
};
