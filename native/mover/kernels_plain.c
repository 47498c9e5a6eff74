/* The loops that every x86-64 has: an exchange through 128-bit registers, and the C library's memcpy, which asks for no
 * alignment. */
#include <string.h>

#include "../exchange_sse2.h"
#include "region.h"

static void swap_sse2(struct ps_region *region, const uint32_t *a, const uint32_t *b, size_t n)
{
    ps_exchange_pairs(ps_exchange_line_sse2, ps_fetch_t0, region, a, b, n);
}

/* Three copies of each base page through one that stays in the first-level cache. */
static void swap_memcpy(struct ps_region *region, const uint32_t *a, const uint32_t *b, size_t n)
{
    unsigned char *const aside = ((struct ps_cycles *)region->private)->aside;

    for (size_t i = 0; i < n; i++) {
        unsigned char *const page_a = ps_slot(region, a[i]), *const page_b = ps_slot(region, b[i]);

        for (size_t offset = 0; page_a != page_b && offset < region->page_bytes; offset += PS_BASE_PAGE) {
            memcpy(aside, page_b + offset, PS_BASE_PAGE);
            memcpy(page_b + offset, page_a + offset, PS_BASE_PAGE);
            memcpy(page_a + offset, aside, PS_BASE_PAGE);
        }
        ps_touch(region, page_a);
        ps_touch(region, page_b);
    }
}

static void rotate_memcpy(struct ps_region *region)
{
    const struct ps_cycles *const cycles = region->private;

    for (size_t cycle = 0, i = 0; cycle < cycles->count; cycle++) {
        const size_t begin = i, last = cycles->ends[cycle] - 1;

        for (size_t offset = 0; offset < region->page_bytes; offset += PS_BASE_PAGE) {
            memcpy(cycles->aside, ps_part(region, cycles->slots[begin], offset), PS_BASE_PAGE);
            for (i = begin; i < last; i++)
                memcpy(ps_part(region, cycles->slots[i], offset), ps_part(region, cycles->slots[i + 1], offset),
                       PS_BASE_PAGE);
            memcpy(ps_part(region, cycles->slots[last], offset), cycles->aside, PS_BASE_PAGE);
        }
        for (i = begin; i <= last; i++)
            ps_touch(region, ps_slot(region, cycles->slots[i]));
    }
}

static void move_memcpy(struct ps_region *region, const struct ps_move *moves, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        memcpy(moves[i].to, moves[i].from, moves[i].pages * region->page_bytes);
        for (size_t page = 0; page < moves[i].pages; page++)
            ps_touch(region, moves[i].to + page * region->page_bytes);
    }
}

const struct pm_kernels pm_kernels_sse2 = {
    .swap_name = "exchange_sse2",
    .permute_name = "memcpy",
    .move_name = "memcpy",
    .register_bits = 128,
    .alignment = PS_LINE_BYTES,
    .swap = swap_sse2,
    .rotate = rotate_memcpy,
    .move = move_memcpy,
};

const struct pm_kernels pm_kernels_memcpy = {
    .swap_name = "memcpy",
    .permute_name = "memcpy",
    .move_name = "memcpy",
    .alignment = 1,
    .swap = swap_memcpy,
    .rotate = rotate_memcpy,
    .move = move_memcpy,
};
