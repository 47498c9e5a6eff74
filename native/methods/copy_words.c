/* copy_words: exchanges two pages 8 bytes at a time through two general registers, eight words a turn of the loop.
 *
 * System calls: none. Moves: 2 * page_bytes read and written a swap. Needs: nothing. What a loop in portable C
 * compiles to without vector instructions; not what a compiler makes of it at -O3: see exchange_sse2 and its kin. */
#include "../pageswap.h"

/* The empty asm hides both words from the vectoriser, so that this stays the scalar exchange that its name says. */
#define EXCHANGE_WORD(i)                         \
    do {                                         \
        uint64_t x = a[i], y = b[i];             \
        __asm__ volatile("" : "+r"(x), "+r"(y)); \
        a[i] = y;                                \
        b[i] = x;                                \
    } while (0)

static void exchange(uint64_t *a, uint64_t *b, size_t page_bytes)
{
    for (const uint64_t *const end = a + page_bytes / sizeof *a; a != end; a += 8, b += 8) {
        EXCHANGE_WORD(0);
        EXCHANGE_WORD(1);
        EXCHANGE_WORD(2);
        EXCHANGE_WORD(3);
        EXCHANGE_WORD(4);
        EXCHANGE_WORD(5);
        EXCHANGE_WORD(6);
        EXCHANGE_WORD(7);
    }
}

static int swap_many(struct ps_region *region, const uint32_t *a, const uint32_t *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char *const page_a = ps_slot(region, a[i]);
        unsigned char *const page_b = ps_slot(region, b[i]);

        exchange((uint64_t *)(void *)page_a, (uint64_t *)(void *)page_b, region->page_bytes);
        ps_touch(region, page_a);
        ps_touch(region, page_b);
    }
    return 0;
}

const struct ps_method ps_method_copy_words = {
    .name = "copy_words",
    .summary = "exchanges 8-byte words through general registers, unrolled by eight, no vector instructions",
    .family = PS_COPY,
    .scratch = PS_SCRATCH_NONE,
    .memory = PS_ANY_MEMORY,
    .swap_many = swap_many,
};
