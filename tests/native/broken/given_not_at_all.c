/* given_not_at_all: madvise_dontneed that leaves out the last run of those it is handed. */
#include <sys/mman.h>

#include "../pageswap.h"

static int give_many(struct ps_region *region, const struct iovec *runs, size_t n)
{
    for (size_t i = 0; i + 1 < n; i++)
        if (madvise(runs[i].iov_base, runs[i].iov_len, MADV_DONTNEED) != 0)
            return ps_fail(region, "madvise");
    return 0;
}

const struct ps_method ps_method_given_not_at_all = {
    .name = "given_not_at_all",
    .summary = "broken on purpose",
    .family = PS_CONTROL,
    .memory = PS_KIND(PS_ANON),
    .give_many = give_many,
};
