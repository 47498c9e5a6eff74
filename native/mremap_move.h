/* What the methods share that move mappings with mremap. */
#ifndef PAGESWAP_MREMAP_MOVE_H
#define PAGESWAP_MREMAP_MOVE_H

#include <sys/mman.h>

#include "pageswap.h"

/* Returns 0 or a negative errno. */
static inline int ps_mremap(unsigned char *to, unsigned char *from, size_t bytes)
{
    return mremap(from, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, to) == MAP_FAILED ? -errno : 0;
}

/* Frees the scratch slots' pages, so that the first moves need not; the range stays reserved, because the stacks of
 * threads are yet to be mapped and must not come to lie there. */
static inline int ps_mremap_setup(struct ps_region *region)
{
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED;

    if (mmap(region->scratch, region->scratch_bytes, PROT_NONE, flags, -1, 0) == MAP_FAILED)
        return ps_fail(region, "mmap (empty scratch)");
    return 0;
}

/* Moves back every page of a run that left its place (there, nothing is mapped now), and notes the run's failure. */
static inline int ps_mremap_undo(struct ps_region *region, const struct ps_move *move, int errnum)
{
    const char *verdict = "";
    unsigned char present;

    for (size_t page = 0; page < move->pages; page++) {
        const size_t offset = page * region->page_bytes;

        if (mincore(move->from + offset, PS_BASE_PAGE, &present) == 0 || errno != ENOMEM)
            continue;
        if (ps_mremap(move->from + offset, move->to + offset, region->page_bytes) != 0)
            verdict = "a part of the run stays at its new place: the way back failed too";
    }
    return ps_error_set(region->error, errnum, "mremap", verdict);
}

#endif
