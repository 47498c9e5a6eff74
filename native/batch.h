/* A batch of swaps as one permutation: composing it, and finding the slots that it may have changed. */
#ifndef PAGESWAP_BATCH_H
#define PAGESWAP_BATCH_H

#include "pageswap.h"

/* How many swaps ahead the words of `from` are fetched: the pages that move in between push them out of the cache. */
#define PS_COMPOSE_AHEAD ((size_t)16)

/* Applies the swaps to `from`, slot -> the slot whose page it gets. */
static inline void ps_compose(uint32_t *from, const uint32_t *a, const uint32_t *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const size_t ahead = i + PS_COMPOSE_AHEAD < n ? i + PS_COMPOSE_AHEAD : n - 1;

        __builtin_prefetch(&from[a[ahead]], 1);
        __builtin_prefetch(&from[b[ahead]], 1);
        const uint32_t page = from[a[i]];

        from[a[i]] = from[b[i]];
        from[b[i]] = page;
    }
}

/* The slots to look at after composing: those that the swaps name, some of them twice, or all of the region where it
 * has fewer. So a small batch in a large region does not walk through all of it. */
struct ps_slots_named {
    const uint32_t *a, *b; /* NULL: all slots */
    size_t count;
};

static inline struct ps_slots_named ps_slots_named(const struct ps_region *region, const uint32_t *a, const uint32_t *b,
                                                   size_t n)
{
    return 2 * n < region->pages ? (struct ps_slots_named){a, b, 2 * n}
                                 : (struct ps_slots_named){NULL, NULL, region->pages};
}

static inline uint32_t ps_slot_named(const struct ps_slots_named *named, size_t i)
{
    return named->a ? (i % 2 ? named->b : named->a)[i / 2] : (uint32_t)i;
}

#endif
