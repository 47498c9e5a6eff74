/* mremap_dontunmap: moves pages as mremap_fixed does, and leaves the place that they came from mapped, and empty.
 *
 * System calls: mremap(MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP), one a page. Moves: page-table entries, and a
 * mapping to the new place; the one of the old place is not taken apart, which is what it saves. Who reads the old
 * place meanwhile sees zeroes, where mremap_fixed leaves a hole. Needs: Linux 5.7, private anonymous memory,
 * vm.max_map_count above twice the number of pages. Not a batch: one call a page, as mremap_fixed. */
#include <stdio.h>
#include <string.h>

#include "../mremap_move.h"

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

static int move_page(unsigned char *to, unsigned char *from, size_t bytes)
{
    const int flags = MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP;

    return mremap(from, bytes, bytes, flags, to) == MAP_FAILED ? -errno : 0;
}

static int move_run(struct ps_region *region, const struct ps_move *move)
{
    for (size_t page = 0; page < move->pages; page++) {
        const size_t offset = page * region->page_bytes;
        const int failed = move_page(move->to + offset, move->from + offset, region->page_bytes);

        if (failed)
            return ps_mremap_bring_back(region, move, offset, -failed);
        ps_touch(region, move->to + offset);
    }
    return 0;
}

static int move_many(struct ps_region *region, const struct ps_move *moves, size_t n, size_t *done)
{
    for (*done = 0; *done < n; ++*done) {
        const int failed = move_run(region, &moves[*done]);

        if (failed)
            return failed;
    }
    return 0;
}

static int try_move(void)
{
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS;
    unsigned char *const pages = mmap(NULL, 2 * PS_BASE_PAGE, PROT_READ | PROT_WRITE, flags, -1, 0);
    int failed;

    if (pages == MAP_FAILED)
        return -errno;
    pages[0] = 1;
    failed = move_page(pages + PS_BASE_PAGE, pages, PS_BASE_PAGE);
    (void)munmap(pages, 2 * PS_BASE_PAGE);
    return failed;
}

static int probe(ps_error *why)
{
    char detail[sizeof why->detail];
    const int failed = try_move();

    if (!failed)
        return 0;
    (void)snprintf(detail, sizeof detail,
                   "mremap(MREMAP_DONTUNMAP): %s; needs Linux 5.7 or newer; mremap_fixed does without",
                   strerror(-failed));
    return ps_unavailable(why, -failed, detail);
}

const struct ps_method ps_method_mremap_dontunmap = {
    .name = "mremap_dontunmap",
    .summary = "mremap(MREMAP_FIXED | MREMAP_DONTUNMAP): the place that is left stays mapped, and is empty",
    .family = PS_REMAP,
    .flags = PS_SPLITS_MAPPINGS | PS_ONE_WAY | PS_LEAVES_HOLES,
    .scratch = PS_SCRATCH_ADDRESSES,
    .memory = PS_KIND(PS_ANON),
    .probe = probe,
    .move_many = move_many,
};
