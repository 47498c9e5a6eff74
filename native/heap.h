/* What the methods share that leave the memory to the C library: a heap in the state that every program begins with. */
#ifndef PAGESWAP_HEAP_H
#define PAGESWAP_HEAP_H

#include <features.h>
#include <malloc.h>

#include "pageswap.h"

/* glibc's defaults. It raises the first two to the size of what is freed, so what was done before in this process, and
 * in the one that it was forked from, would decide which blocks come from mmap. Set, they stay, and it is as for a
 * block that outgrows all that were freed before. */
#define PS_HEAP_BYTES (128 << 10)

static inline int ps_heap_setup(struct ps_region *region)
{
#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__)
    if (!mallopt(M_MMAP_THRESHOLD, PS_HEAP_BYTES) || !mallopt(M_TRIM_THRESHOLD, PS_HEAP_BYTES) ||
        !mallopt(M_TOP_PAD, PS_HEAP_BYTES))
        return ps_error_set(region->error, EINVAL, "mallopt", "");
    (void)malloc_trim(0); /* nor does what is free at the heap's end */
#else
    (void)region;
#endif
    return 0;
}

#endif
