/* The loops that the exchange methods share. A method brings its own way of exchanging one cache line of each page,
 * which the compiler inlines: every function here is compiled anew, for that method's instruction set, in its file. */
#ifndef PAGESWAP_EXCHANGE_H
#define PAGESWAP_EXCHANGE_H

#include "pageswap.h"

#define PS_LINE_BYTES ((size_t)64)

/* How far a method without knowledge of the coming pairs fetches ahead inside its two pages. 16 lines of each page
 * were best on the CPU this was tuned on (Zen 5). Presumably they fill what it can have outstanding, and more would
 * delay the line that is needed next; that was not measured. */
#define PS_NEAR_BYTES (16 * PS_LINE_BYTES)

/* How many pairs ahead address translations are fetched: a page walk takes longer than the lines of one base page. */
#define PS_WALK_PAIRS ((size_t)4)

#define PS_INLINE static inline __attribute__((always_inline))

/* Exchanges the 64 bytes at `a` with those at `b`; both are 64-byte aligned and equal or disjoint. */
typedef void (*ps_exchange_line)(unsigned char *a, unsigned char *b);

/* Copies the 64 bytes at `from` to `to`; both are 64-byte aligned and disjoint. */
typedef void (*ps_copy_line)(unsigned char *to, const unsigned char *from);

/* Asks for a line that will be needed soon. Spelt out in assembler: gcc takes a function that holds nothing but its
 * builtin for one without effect and drops the call, and its builtin for writing yields prefetchw for few targets. */
typedef void (*ps_fetch_line)(const unsigned char *line);

PS_INLINE void ps_fetch_t0(const unsigned char *line)
{
    __asm__ volatile("prefetcht0 %0" : : "m"(*line));
}

/* Past the second-level cache, for lines that non-temporal stores will take out of the caches again. */
PS_INLINE void ps_fetch_nta(const unsigned char *line)
{
    __asm__ volatile("prefetchnta %0" : : "m"(*line));
}

/* For writing: a store to the line need not ask for it again. Needs PS_CPU(prefetchw). */
PS_INLINE void ps_fetch_w(const unsigned char *line)
{
    __asm__ volatile("prefetchw %0" : : "m"(*line));
}

PS_INLINE void ps_fetch_both(ps_fetch_line fetch, const unsigned char *a, const unsigned char *b, size_t bytes)
{
    for (size_t offset = 0; offset < bytes; offset += PS_LINE_BYTES) {
        fetch(a + offset);
        fetch(b + offset);
    }
}

PS_INLINE void ps_exchange(ps_exchange_line exchange_line, unsigned char *a, unsigned char *b, size_t bytes)
{
    for (size_t offset = 0; offset < bytes; offset += PS_LINE_BYTES)
        exchange_line(a + offset, b + offset);
}

/* Exchanges `bytes` at a and b while as many bytes at next_a and next_b are fetched. */
PS_INLINE void ps_exchange_and_fetch(ps_exchange_line exchange_line, unsigned char *a, unsigned char *b,
                                     ps_fetch_line fetch, const unsigned char *next_a, const unsigned char *next_b,
                                     size_t bytes)
{
    for (size_t offset = 0; offset < bytes; offset += PS_LINE_BYTES) {
        fetch(next_a + offset);
        fetch(next_b + offset);
        exchange_line(a + offset, b + offset);
    }
}

/* The same, but with a second fetch, of lines that are needed sooner. A fetch may be dropped, and one that was made a
 * base page before may be gone again: what is asked for twice is there. */
PS_INLINE void ps_exchange_and_fetch_twice(ps_exchange_line exchange_line, unsigned char *a, unsigned char *b,
                                           const unsigned char *far_a, const unsigned char *far_b,
                                           const unsigned char *near_a, const unsigned char *near_b, size_t bytes)
{
    for (size_t offset = 0; offset < bytes; offset += PS_LINE_BYTES) {
        ps_fetch_w(far_a + offset);
        ps_fetch_w(far_b + offset);
        ps_fetch_w(near_a + offset);
        ps_fetch_w(near_b + offset);
        exchange_line(a + offset, b + offset);
    }
}

/* Exchanges one pair after the other, as if the coming pairs were not known: it fetches ahead inside a pair only. */
PS_INLINE void ps_exchange_pairs(ps_exchange_line exchange_line, ps_fetch_line fetch, struct ps_region *region,
                                 const uint32_t *a, const uint32_t *b, size_t n)
{
    const size_t body = region->page_bytes - PS_NEAR_BYTES;

    for (size_t i = 0; i < n; i++) {
        unsigned char *const page_a = ps_slot(region, a[i]);
        unsigned char *const page_b = ps_slot(region, b[i]);

        ps_fetch_both(fetch, page_a, page_b, PS_NEAR_BYTES);
        ps_exchange_and_fetch(exchange_line, page_a, page_b, fetch, page_a + PS_NEAR_BYTES, page_b + PS_NEAR_BYTES,
                              body);
        ps_exchange(exchange_line, page_a + body, page_b + body, PS_NEAR_BYTES);
        ps_touch(region, page_a);
        ps_touch(region, page_b);
    }
}

/* Exchanges all pairs as one stream of lines. Each line is fetched twice: one base page before its turn, whether that
 * is in the same page or in the pair before, and again PS_NEAR_BYTES before it. The first pair's first lines are
 * fetched at once, and after the last pair there is nothing to fetch; so one pair alone is exchanged as
 * ps_exchange_pairs does it. */
PS_INLINE void ps_exchange_stream(ps_exchange_line exchange_line, struct ps_region *region, const uint32_t *a,
                                  const uint32_t *b, size_t n)
{
    const size_t body = region->page_bytes - PS_BASE_PAGE, middle = PS_BASE_PAGE - PS_NEAR_BYTES;

    if (n > 0)
        ps_fetch_both(ps_fetch_w, ps_slot(region, a[0]), ps_slot(region, b[0]), PS_NEAR_BYTES);
    for (size_t i = 0; i < n; i++) {
        unsigned char *const page_a = ps_slot(region, a[i]), *const page_b = ps_slot(region, b[i]);
        unsigned char *const last_a = page_a + body, *const last_b = page_b + body;

        if (i + PS_WALK_PAIRS < n)
            ps_fetch_both(ps_fetch_w, ps_slot(region, a[i + PS_WALK_PAIRS]), ps_slot(region, b[i + PS_WALK_PAIRS]),
                          PS_LINE_BYTES);
        ps_exchange_and_fetch_twice(exchange_line, page_a, page_b, page_a + PS_BASE_PAGE, page_b + PS_BASE_PAGE,
                                    page_a + PS_NEAR_BYTES, page_b + PS_NEAR_BYTES, body);
        if (i + 1 < n) {
            const unsigned char *const next_a = ps_slot(region, a[i + 1]), *const next_b = ps_slot(region, b[i + 1]);

            ps_exchange_and_fetch_twice(exchange_line, last_a, last_b, next_a, next_b, last_a + PS_NEAR_BYTES,
                                        last_b + PS_NEAR_BYTES, middle);
            ps_exchange_and_fetch_twice(exchange_line, last_a + middle, last_b + middle, next_a + middle,
                                        next_b + middle, next_a, next_b, PS_NEAR_BYTES);
        } else {
            ps_exchange_and_fetch(exchange_line, last_a, last_b, ps_fetch_w, last_a + PS_NEAR_BYTES,
                                  last_b + PS_NEAR_BYTES, middle);
            ps_exchange(exchange_line, last_a + middle, last_b + middle, PS_NEAR_BYTES);
        }
        ps_touch(region, page_a);
        ps_touch(region, page_b);
    }
}

/* Carries out all moves as one stream of lines, fetching as ps_exchange_stream does: one base page ahead, and the
 * translations some moves before. In a cycle of a permutation the next target is the page that is read now, so that of
 * its lines only the writing is new. */
PS_INLINE int ps_move_stream(ps_copy_line copy_line, struct ps_region *region, const struct ps_move *moves, size_t n,
                             size_t *done)
{
    int failed = 0;
    size_t i = 0;

    for (; i < n && !failed; i++) {
        const struct ps_move *const move = &moves[i];
        const struct ps_move *const next = &moves[i + 1 < n ? i + 1 : i];
        const struct ps_move *const walk = &moves[i + PS_WALK_PAIRS < n ? i + PS_WALK_PAIRS : n - 1];
        const size_t bytes = move->pages * region->page_bytes;

        ps_fetch_both(ps_fetch_w, walk->from, walk->to, PS_LINE_BYTES);
        for (size_t offset = 0; offset < bytes; offset += PS_LINE_BYTES) {
            const size_t left = bytes - PS_BASE_PAGE;

            ps_fetch_w(offset < left ? move->from + offset + PS_BASE_PAGE : next->from + (offset - left));
            ps_fetch_w(offset < left ? move->to + offset + PS_BASE_PAGE : next->to + (offset - left));
            copy_line(move->to + offset, move->from + offset);
        }
        for (size_t page = 0; page < move->pages; page++)
            ps_touch(region, move->to + page * region->page_bytes);
        failed = region->give_back ? ps_give_back(region, move->from, bytes) : 0;
    }
    *done = i;
    return failed;
}

#endif
