/* given_too_much: madvise_dontneed that takes 4 KiB before the run along, where the region has them. */
#include <sys/mman.h>

#include "../pageswap.h"

static int give_many(struct ps_region *region, const struct iovec *runs, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char *const begin = runs[i].iov_base;
        const size_t more = begin == region->base ? 0 : PS_BASE_PAGE;

        if (madvise(begin - more, runs[i].iov_len + more, MADV_DONTNEED) != 0)
            return ps_fail(region, "madvise");
    }
    return 0;
}

const struct ps_method ps_method_given_too_much = {
    .name = "given_too_much",
    .summary = "broken on purpose",
    .family = PS_CONTROL,
    .memory = PS_KIND(PS_ANON),
    .give_many = give_many,
};
