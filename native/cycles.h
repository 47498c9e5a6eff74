/* A permutation carried out in place, cycle by cycle: what the permute methods share. As with exchange.h every function
 * here is compiled anew for a method's instruction set, in its file.
 *
 * Short cycles go through registers, a line of each of their pages at a time: no page is copied aside. A longer one is
 * cut into two halves that are moved side by side, a line of each at a time: in one stream of moves each page waits for
 * the one before it. At each cut the page that is overwritten first waits in the method's own memory. Pages are moved
 * in parts of one base page, so that two such parts are all the memory that this takes. */
#ifndef PAGESWAP_CYCLES_H
#define PAGESWAP_CYCLES_H

#include <stdlib.h>
#include <string.h>

#include "batch.h"
#include "exchange.h"

/* The longest cycle that goes through registers; AVX2 has sixteen, and half of a line takes one. */
#define PS_SHORT_CYCLE ((size_t)8)

/* Below so many swaps for each page of the region a batch hardly names a page twice: there is nothing to gain by
 * composing it, and what composing reads, the pages that moved meanwhile have pushed out of the cache. */
#define PS_PAGES_A_SWAP ((size_t)8)

/* A batch's cycles one after the other, and memory for what waits at the cuts. */
struct ps_cycles {
    uint32_t *slots; /* room for all of the region: the page in slots[i + 1] goes to slots[i], the first to the last */
    uint32_t *ends; /* of each cycle in slots */
    size_t count;
    unsigned char *aside; /* two base pages */
};

/* Moves one line of each of `count` pages, a constant from 2 to PS_SHORT_CYCLE, to the page before it, the first's to
 * the last page. */
typedef void (*ps_rotate_line)(unsigned char *const *pages, size_t count, size_t offset);

/* Pages, or their parts, that change places. */
struct ps_ring {
    unsigned char *pages[PS_SHORT_CYCLE];
    size_t count;
};

static inline void ps_cycles_free(struct ps_region *region)
{
    struct ps_cycles *const cycles = region->private;

    if (!cycles)
        return;
    free(cycles->aside);
    free(cycles->ends);
    free(cycles->slots);
    free(cycles);
    region->private = NULL;
}

static inline int ps_cycles_new(struct ps_region *region)
{
    struct ps_cycles *const cycles = region->private = calloc(1, sizeof *cycles);

    if (!cycles)
        return ps_error_set(region->error, ENOMEM, "calloc (cycles)", "");
    cycles->slots = malloc(region->pages * sizeof *cycles->slots);
    cycles->ends = malloc(region->pages / 2 * sizeof *cycles->ends);
    cycles->aside = aligned_alloc(PS_BASE_PAGE, 2 * PS_BASE_PAGE);
    if (!cycles->slots || !cycles->ends || !cycles->aside)
        return ps_error_set(region->error, ENOMEM, "malloc (cycles)", "");
    /* Their faults belong to the set-up. */
    memset(cycles->slots, 0, region->pages * sizeof *cycles->slots);
    memset(cycles->ends, 0, region->pages / 2 * sizeof *cycles->ends);
    memset(cycles->aside, 0, 2 * PS_BASE_PAGE);
    return 0;
}

/* Lists the cycles of `from`, and leaves every slot its own page there. */
PS_INLINE void ps_cycles_find(struct ps_cycles *cycles, uint32_t *from, const struct ps_slots_named *named)
{
    size_t end = 0;

    cycles->count = 0;
    for (size_t i = 0; i < named->count; i++) {
        const uint32_t first = ps_slot_named(named, i);
        uint32_t slot = first;

        if (from[first] == first)
            continue;
        do {
            const uint32_t next = from[slot];

            cycles->slots[end++] = slot;
            from[slot] = slot;
            slot = next;
        } while (slot != first);
        cycles->ends[cycles->count++] = (uint32_t)end;
    }
}

PS_INLINE size_t ps_cycle_begin(const struct ps_cycles *cycles, size_t cycle)
{
    return cycle ? cycles->ends[cycle - 1] : 0;
}

PS_INLINE size_t ps_cycle_length(const struct ps_cycles *cycles, size_t cycle)
{
    return cycles->ends[cycle] - ps_cycle_begin(cycles, cycle);
}

/* The next cycle from `cycle` on that is short, or not; the number of cycles when there is none. */
PS_INLINE size_t ps_cycle_of_kind(const struct ps_cycles *cycles, size_t cycle, int is_short)
{
    while (cycle < cycles->count && (ps_cycle_length(cycles, cycle) <= PS_SHORT_CYCLE) != is_short)
        cycle++;
    return cycle;
}

PS_INLINE struct ps_ring ps_ring_at(const struct ps_region *region, const struct ps_cycles *cycles, size_t cycle,
                                    size_t offset)
{
    struct ps_ring ring = {.count = 0};

    if (cycle == cycles->count)
        return ring;
    for (size_t i = ps_cycle_begin(cycles, cycle); i < cycles->ends[cycle]; i++)
        ring.pages[ring.count++] = ps_slot(region, cycles->slots[i]) + offset;
    return ring;
}

PS_INLINE void ps_fetch_ring(const struct ps_ring *ring, size_t offset)
{
    for (size_t i = 0; i < ring->count; i++)
        ps_fetch_w(ring->pages[i] + offset);
}

/* Rotates one base page of each; meanwhile the ring after it is fetched, and each line a second time, as in
 * ps_exchange_stream. */
PS_INLINE void ps_rotate_part(ps_rotate_line rotate_line, const struct ps_ring *ring, size_t count,
                              const struct ps_ring *next)
{
    const size_t middle = PS_BASE_PAGE - PS_NEAR_BYTES;

    for (size_t offset = 0; offset < PS_BASE_PAGE; offset += PS_LINE_BYTES) {
        ps_fetch_ring(next, offset);
        if (offset < middle)
            for (size_t i = 0; i < count; i++)
                ps_fetch_w(ring->pages[i] + offset + PS_NEAR_BYTES);
        else
            ps_fetch_ring(next, offset - middle);
        rotate_line(ring->pages, count, offset);
    }
}

PS_INLINE void ps_rotate_ring(ps_rotate_line rotate_line, const struct ps_ring *ring, const struct ps_ring *next)
{
    switch (ring->count) {
    case 2:
        ps_rotate_part(rotate_line, ring, 2, next);
        break;
    case 3:
        ps_rotate_part(rotate_line, ring, 3, next);
        break;
    case 4:
        ps_rotate_part(rotate_line, ring, 4, next);
        break;
    case 5:
        ps_rotate_part(rotate_line, ring, 5, next);
        break;
    case 6:
        ps_rotate_part(rotate_line, ring, 6, next);
        break;
    case 7:
        ps_rotate_part(rotate_line, ring, 7, next);
        break;
    default:
        ps_rotate_part(rotate_line, ring, PS_SHORT_CYCLE, next);
    }
}

PS_INLINE void ps_touch_ring(const struct ps_region *region, const struct ps_ring *ring, size_t offset)
{
    if (offset + PS_BASE_PAGE == region->page_bytes)
        for (size_t i = 0; i < ring->count; i++)
            ps_touch(region, ring->pages[i] - offset);
}

/* Asks for the translations of the pages that come some cycles later. */
PS_INLINE void ps_fetch_walks(const struct ps_region *region, const struct ps_cycles *cycles, size_t cycle)
{
    const size_t begin = ps_cycle_begin(cycles, cycle) + 2 * PS_WALK_PAIRS,
                 end = cycles->ends[cycle] + 2 * PS_WALK_PAIRS;

    for (size_t i = begin; i < end && i < cycles->ends[cycles->count - 1]; i++)
        ps_fetch_w(ps_slot(region, cycles->slots[i]));
}

PS_INLINE void ps_rotate_short(ps_rotate_line rotate_line, const struct ps_region *region,
                               const struct ps_cycles *cycles)
{
    size_t cycle = ps_cycle_of_kind(cycles, 0, 1);
    struct ps_ring ring = ps_ring_at(region, cycles, cycle, 0);

    for (size_t line = 0; line < PS_NEAR_BYTES; line += PS_LINE_BYTES)
        ps_fetch_ring(&ring, line);
    while (cycle < cycles->count) {
        const size_t after = ps_cycle_of_kind(cycles, cycle + 1, 1);

        ps_fetch_walks(region, cycles, cycle);
        for (size_t offset = 0; offset < region->page_bytes; offset += PS_BASE_PAGE) {
            const int is_last = offset + PS_BASE_PAGE == region->page_bytes;
            const struct ps_ring next =
                ps_ring_at(region, cycles, is_last ? after : cycle, is_last ? 0 : offset + PS_BASE_PAGE);

            ps_rotate_ring(rotate_line, &ring, &next);
            ps_touch_ring(region, &ring, offset);
            ring = next;
        }
        cycle = after;
    }
}

/* A move of one of the two streams: a base page, while that which its next move reads is fetched. */
struct ps_step {
    unsigned char *to;
    const unsigned char *from;
    const unsigned char *next;
};

PS_INLINE void ps_copy_two(ps_copy_line copy_line, struct ps_step a, struct ps_step b)
{
    for (size_t offset = 0; offset < PS_BASE_PAGE; offset += PS_LINE_BYTES) {
        ps_fetch_w(a.next + offset);
        ps_fetch_w(b.next + offset);
        copy_line(a.to + offset, a.from + offset);
        copy_line(b.to + offset, b.from + offset);
    }
}

PS_INLINE void ps_copy_base_page(ps_copy_line copy_line, unsigned char *to, const unsigned char *from)
{
    for (size_t offset = 0; offset < PS_BASE_PAGE; offset += PS_LINE_BYTES)
        copy_line(to + offset, from + offset);
}

PS_INLINE unsigned char *ps_part(const struct ps_region *region, uint32_t slot, size_t offset)
{
    return ps_slot(region, slot) + offset;
}

PS_INLINE void ps_touch_last_part(const struct ps_region *region, uint32_t slot, size_t offset)
{
    if (offset + PS_BASE_PAGE == region->page_bytes)
        ps_touch(region, ps_slot(region, slot));
}

/* Rotates the base pages at `offset` of a cycle as two streams, of which the second is the longer one where `count` is
 * odd; then next_a and next_b are moved. */
PS_INLINE void ps_rotate_halves(ps_copy_line copy_line, const struct ps_region *region, unsigned char *aside,
                                const uint32_t *slots, size_t count, size_t offset, const unsigned char *next_a,
                                const unsigned char *next_b)
{
    unsigned char *const aside_a = aside, *const aside_b = aside + PS_BASE_PAGE;
    const uint32_t *const a = slots, *const b = slots + count / 2;
    const size_t count_a = count / 2, count_b = count - count_a;

    ps_copy_two(copy_line, (struct ps_step){aside_a, ps_part(region, a[0], offset), ps_part(region, a[1], offset)},
                (struct ps_step){aside_b, ps_part(region, b[0], offset), ps_part(region, b[1], offset)});
    for (size_t i = 0; i + 1 < count_a; i++) {
        const unsigned char *const ahead_a = i + 2 < count_a ? ps_part(region, a[i + 2], offset) : next_a;
        const unsigned char *const ahead_b = i + 2 < count_b ? ps_part(region, b[i + 2], offset) : next_b;

        ps_copy_two(copy_line,
                    (struct ps_step){ps_part(region, a[i], offset), ps_part(region, a[i + 1], offset), ahead_a},
                    (struct ps_step){ps_part(region, b[i], offset), ps_part(region, b[i + 1], offset), ahead_b});
        ps_touch_last_part(region, a[i], offset);
        ps_touch_last_part(region, b[i], offset);
    }
    if (count_b > count_a) {
        ps_copy_base_page(copy_line, ps_part(region, b[count_b - 2], offset), ps_part(region, b[count_b - 1], offset));
        ps_touch_last_part(region, b[count_b - 2], offset);
    }
    ps_copy_two(copy_line, (struct ps_step){ps_part(region, a[count_a - 1], offset), aside_b, next_a},
                (struct ps_step){ps_part(region, b[count_b - 1], offset), aside_a, next_b});
    ps_touch_last_part(region, a[count_a - 1], offset);
    ps_touch_last_part(region, b[count_b - 1], offset);
}

PS_INLINE void ps_rotate_long(ps_copy_line copy_line, const struct ps_region *region, const struct ps_cycles *cycles)
{
    for (size_t cycle = ps_cycle_of_kind(cycles, 0, 0), after; cycle < cycles->count; cycle = after) {
        const uint32_t *const slots = cycles->slots + ps_cycle_begin(cycles, cycle);
        const size_t count = ps_cycle_length(cycles, cycle);

        after = ps_cycle_of_kind(cycles, cycle + 1, 0);
        for (size_t offset = 0; offset < region->page_bytes; offset += PS_BASE_PAGE) {
            const int is_last = offset + PS_BASE_PAGE == region->page_bytes;
            const size_t next = is_last && after < cycles->count ? after : cycle;
            const size_t next_offset = is_last ? 0 : offset + PS_BASE_PAGE;
            const uint32_t *const first = cycles->slots + ps_cycle_begin(cycles, next);

            ps_rotate_halves(copy_line, region, cycles->aside, slots, count, offset,
                             ps_part(region, first[0], next_offset),
                             ps_part(region, first[ps_cycle_length(cycles, next) / 2], next_offset));
        }
    }
}

/* Every page of the cycles that were found goes to its place. */
PS_INLINE void ps_cycles_rotate(ps_rotate_line rotate_line, ps_copy_line copy_line, const struct ps_region *region)
{
    const struct ps_cycles *const cycles = region->private;

    ps_rotate_short(rotate_line, region, cycles);
    ps_rotate_long(copy_line, region, cycles);
}

/* Is a batch so small for its region that its swaps are better made one by one? */
static inline int ps_is_small_batch(const struct ps_region *region, size_t n)
{
    return n * PS_PAGES_A_SWAP < region->pages;
}

/* A whole batch, by the way that suits its size. */
PS_INLINE void ps_permute(ps_exchange_line exchange_line, ps_rotate_line rotate_line, ps_copy_line copy_line,
                          struct ps_region *region, uint32_t *from, const uint32_t *a, const uint32_t *b, size_t n)
{
    struct ps_cycles *const cycles = region->private;
    const struct ps_slots_named named = ps_slots_named(region, a, b, n);

    if (ps_is_small_batch(region, n)) {
        ps_exchange_stream(exchange_line, region, a, b, n);
        return;
    }
    ps_compose(from, a, b, n);
    ps_cycles_find(cycles, from, &named);
    ps_cycles_rotate(rotate_line, copy_line, region);
}

#endif
