/* mmap_prot_none: lays a mapping that allows nothing over runs of pages, and one that allows all to take them again.
 *
 * System calls: mmap(MAP_FIXED, PROT_NONE) a run, and mmap(MAP_FIXED, PROT_READ | PROT_WRITE) to take it. Moves:
 * nothing; the mapping is cut, so that as many more are left as runs are given back, until they are taken. Whoever
 * reads or writes there meanwhile gets SIGSEGV, and nothing counts against the limit on committed memory. What was
 * advised about the memory is forgotten. Needs: private anonymous memory that is not to lie on huge pages,
 * vm.max_map_count above twice the number of runs. */
#include <sys/mman.h>

#include "../pageswap.h"

#define FLAGS (MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED)

static int map_all(struct ps_region *region, const struct iovec *runs, size_t n, int protection, int flags)
{
    for (size_t i = 0; i < n; i++)
        if (mmap(runs[i].iov_base, runs[i].iov_len, protection, flags, -1, 0) == MAP_FAILED)
            return ps_fail(region, "mmap");
    return 0;
}

static int give_many(struct ps_region *region, const struct iovec *runs, size_t n)
{
    return map_all(region, runs, n, PROT_NONE, FLAGS | MAP_NORESERVE);
}

static int take_many(struct ps_region *region, const struct iovec *runs, size_t n)
{
    return map_all(region, runs, n, PROT_READ | PROT_WRITE, FLAGS);
}

const struct ps_method ps_method_mmap_prot_none = {
    .name = "mmap_prot_none",
    .summary = "mmap(MAP_FIXED, PROT_NONE) over each run, and mmap(MAP_FIXED) again to take it",
    .family = PS_CONTROL,
    .flags = PS_SPLITS_MAPPINGS | PS_SMALL_PAGES,
    .scratch = PS_SCRATCH_NONE,
    .memory = PS_KIND(PS_ANON),
    .give_many = give_many,
    .take_many = take_many,
};
