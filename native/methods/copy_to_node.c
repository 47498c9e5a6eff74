/* copy_to_node: copies runs of pages into new memory on another NUMA node, and lays that over the places they came
 * from.
 *
 * System calls: mmap, mbind and madvise(MADV_NOHUGEPAGE) for all runs together, and an mremap(MREMAP_FIXED) a run,
 * which gives the old memory back. Moves: bytes, into pages that fault one by one, and page-table entries. What others
 * write there between a run's copy and its mremap is lost. A run becomes a mapping of its own, with a policy that keeps
 * it on its node. Needs: private anonymous memory that is not to lie on huge pages, vm.max_map_count above the number
 * of runs, memory on two nodes. */
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../numa.h"

#define POLICY_BIND 2 /* of linux/mempolicy.h, which C libraries' headers do without */

static size_t bytes_of(const struct iovec *runs, size_t n)
{
    size_t bytes = 0;

    for (size_t i = 0; i < n; i++)
        bytes += runs[i].iov_len;
    return bytes;
}

static int lay_over(struct ps_region *region, const struct iovec *runs, size_t n, unsigned char **from)
{
    for (size_t i = 0; i < n; i++) {
        const size_t bytes = runs[i].iov_len;

        memcpy(*from, runs[i].iov_base, bytes);
        if (mremap(*from, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, runs[i].iov_base) == MAP_FAILED)
            return ps_fail(region, "mremap");
        *from += bytes;
    }
    return 0;
}

static int migrate_many(struct ps_region *region, const struct iovec *runs, size_t n, unsigned node)
{
    const size_t bytes = bytes_of(runs, n);
    unsigned long mask[PS_MOST_NODES / PS_NODE_WORD_BITS] = {0};
    int failed = 0;

    if (n == 0)
        return 0;
    mask[node / PS_NODE_WORD_BITS] = 1ul << node % PS_NODE_WORD_BITS;
    unsigned char *const copies = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    unsigned char *from = copies;

    if (copies == MAP_FAILED)
        return ps_fail(region, "mmap");
    if (madvise(copies, bytes, MADV_NOHUGEPAGE) != 0 && errno != EINVAL) /* a kernel without huge pages gives none */
        failed = ps_fail(region, "madvise");
    else if (syscall(SYS_mbind, copies, bytes, POLICY_BIND, mask, (unsigned long)PS_MOST_NODES, 0u) != 0)
        failed = ps_fail(region, "mbind");
    else
        failed = lay_over(region, runs, n, &from);
    if (failed)
        (void)munmap(from, bytes - (size_t)(from - copies));
    return failed;
}

const struct ps_method ps_method_copy_to_node = {
    .name = "copy_to_node",
    .summary = "memcpy to new memory on the other NUMA node, and mremap(MREMAP_FIXED) of it over each run",
    .family = PS_COPY,
    .flags = PS_SPLITS_MAPPINGS | PS_FILLS_EMPTY,
    .scratch = PS_SCRATCH_NONE,
    .memory = PS_KIND(PS_ANON),
    .probe = ps_nodes_probe,
    .migrate_many = migrate_many,
};
