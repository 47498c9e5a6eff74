/* madvise_dontneed: gives runs of pages back with one call each; what is written to again faults, and is zeroed.
 *
 * System calls: madvise(MADV_DONTNEED), one a run. Moves: nothing; page-table entries go and come, the mapping stays.
 * Needs: private anonymous memory that is not locked. */
#include <sys/mman.h>

#include "../pageswap.h"

static int give_many(struct ps_region *region, const struct iovec *runs, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (madvise(runs[i].iov_base, runs[i].iov_len, MADV_DONTNEED) != 0)
            return ps_not_given_back(region, "madvise(MADV_DONTNEED)");
    return 0;
}

const struct ps_method ps_method_madvise_dontneed = {
    .name = "madvise_dontneed",
    .summary = "madvise(MADV_DONTNEED) of each run: its memory is gone at once",
    .family = PS_CONTROL,
    .scratch = PS_SCRATCH_NONE,
    .memory = PS_KIND(PS_ANON),
    .give_many = give_many,
};
