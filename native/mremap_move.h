/* What the methods share that move mappings with mremap. */
#ifndef PAGESWAP_MREMAP_MOVE_H
#define PAGESWAP_MREMAP_MOVE_H

#include <string.h>
#include <sys/mman.h>

#include "pageswap.h"

/* Returns 0 or a negative errno. */
static inline int ps_mremap(unsigned char *to, unsigned char *from, size_t bytes)
{
    return mremap(from, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, to) == MAP_FAILED ? -errno : 0;
}

static inline int ps_map_plain(unsigned char *at, size_t bytes)
{
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED;

    return mmap(at, bytes, PROT_READ | PROT_WRITE, flags, -1, 0) == MAP_FAILED ? -errno : 0;
}

/* Notes the failure of a run of which the first `gone` bytes went, and leaves both its ends mapped and its pages at the
 * old one. What already went is brought back by copying: where mremap failed for want of mappings it would fail again,
 * and one plain mapping still fits below the limit at which mremap gives up. A failed batch ends the trial, so what the
 * memory is made of matters no more. */
static inline int ps_mremap_bring_back(struct ps_region *region, const struct ps_move *move, size_t gone, int errnum)
{
    int failed = 0;

    if (gone > 0 && (failed = ps_map_plain(move->from, gone)) == 0)
        memcpy(move->from, move->to, gone);
    if (!failed)
        failed = ps_map_plain(move->to, move->pages * region->page_bytes);
    return ps_error_set(region->error, errnum, "mremap", failed ? "the way back failed too: no mapping is left" : "");
}

/* The same where it is not known how much went. Mappings go in the order of their addresses; where one went, none is
 * left. */
static inline int ps_mremap_give_up(struct ps_region *region, const struct ps_move *move, int errnum)
{
    const size_t bytes = move->pages * region->page_bytes;
    size_t gone = 0;
    unsigned char present;

    while (gone < bytes && mincore(move->from + gone, PS_BASE_PAGE, &present) != 0 && errno == ENOMEM)
        gone += region->page_bytes;
    return ps_mremap_bring_back(region, move, gone, errnum);
}

#endif
