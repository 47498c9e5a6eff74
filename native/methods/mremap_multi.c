/* mremap_multi: moves a run of neighbouring pages with one call, whatever number of mappings it consists of.
 *
 * System calls: mremap(MREMAP_MAYMOVE | MREMAP_FIXED) over the whole run, old_size == new_size. Moves: page-table
 * entries and each mapping of the run. Needs: Linux 6.17, a run that begins in a mapping, source and destination that
 * do not overlap, no userfaultfd on any of it, vm.max_map_count above the number of mappings. Not cheaper for a page
 * that moves alone: that is mremap_fixed. Not atomic: the kernel stops at the mapping that fails, and what went is
 * copied back here. */
#include <stdio.h>
#include <string.h>

#include "../mremap_move.h"

static int move_many(struct ps_region *region, const struct ps_move *moves, size_t n, size_t *done)
{
    for (*done = 0; *done < n; ++*done) {
        const struct ps_move *const move = &moves[*done];
        const int failed = ps_mremap(move->to, move->from, move->pages * region->page_bytes);

        if (failed)
            return ps_mremap_give_up(region, move, -failed);
        for (size_t page = 0; page < move->pages; page++)
            ps_touch(region, move->to + page * region->page_bytes);
    }
    return 0;
}

/* Two mappings, which differ in protection, moved by one call. */
static int try_move(void)
{
    unsigned char *const pages = mmap(NULL, 4 * PS_BASE_PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int failed = 0;

    if (pages == MAP_FAILED)
        return -errno;
    if (mprotect(pages, PS_BASE_PAGE, PROT_READ | PROT_WRITE) != 0)
        failed = -errno;
    else
        failed = ps_mremap(pages + 2 * PS_BASE_PAGE, pages, 2 * PS_BASE_PAGE);
    (void)munmap(pages, 4 * PS_BASE_PAGE);
    return failed;
}

static int probe(ps_error *why)
{
    char detail[sizeof why->detail];
    const int failed = try_move();

    if (!failed)
        return 0;
    (void)snprintf(detail, sizeof detail,
                   "mremap over two mappings: %s; needs Linux 6.17 or newer; mremap_fixed does with one call a page",
                   strerror(-failed));
    return ps_unavailable(why, -failed, detail);
}

const struct ps_method ps_method_mremap_multi = {
    .name = "mremap_multi",
    .summary = "one mremap(MREMAP_FIXED) call a run, over all the mappings it consists of",
    .family = PS_REMAP,
    .flags = PS_SPLITS_MAPPINGS | PS_LEAVES_HOLES,
    .scratch = PS_SCRATCH_ADDRESSES,
    .memory = PS_ANY_MEMORY,
    .probe = probe,
    .move_many = move_many,
};
