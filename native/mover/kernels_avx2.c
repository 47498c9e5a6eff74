/* The loops through 256-bit registers. */
#include "../exchange_avx2.h"
#include "region.h"

PS_TARGET_AVX2 static void swap(struct ps_region *region, const uint32_t *a, const uint32_t *b, size_t n)
{
    ps_exchange_stream(ps_exchange_line_avx2, region, a, b, n);
}

PS_TARGET_AVX2 static void rotate(struct ps_region *region)
{
    ps_cycles_rotate(ps_rotate_line_avx2, ps_copy_line_avx2, region);
}

PS_TARGET_AVX2 static void move(struct ps_region *region, const struct ps_move *moves, size_t n)
{
    size_t done;

    (void)ps_move_stream(ps_copy_line_avx2, region, moves, n, &done); /* nothing is given back in there */
}

const struct pm_kernels pm_kernels_avx2 = {
    .swap_name = "exchange_prefetch_avx2",
    .permute_name = "permute_avx2",
    .move_name = "exchange_prefetch_avx2",
    .cpu_features = PS_CPU(avx2) | PS_CPU(prefetchw),
    .register_bits = 256,
    .alignment = PS_LINE_BYTES,
    .swap = swap,
    .rotate = rotate,
    .move = move,
};
