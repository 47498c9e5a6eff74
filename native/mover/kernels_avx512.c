/* The loops through 512-bit registers. */
#include "../exchange_avx512.h"
#include "region.h"

PS_TARGET_AVX512 static void swap(struct ps_region *region, const uint32_t *a, const uint32_t *b, size_t n)
{
    ps_exchange_stream(ps_exchange_line_avx512, region, a, b, n);
}

PS_TARGET_AVX512 static void rotate(struct ps_region *region)
{
    ps_cycles_rotate(ps_rotate_line_avx512, ps_copy_line_avx512, region);
}

PS_TARGET_AVX512 static void move(struct ps_region *region, const struct ps_move *moves, size_t n)
{
    size_t done;

    (void)ps_move_stream(ps_copy_line_avx512, region, moves, n, &done); /* nothing is given back in there */
}

const struct pm_kernels pm_kernels_avx512 = {
    .swap_name = "exchange_prefetch_avx512",
    .permute_name = "permute_avx512",
    .move_name = "exchange_prefetch_avx512",
    .cpu_features = PS_CPU(avx512f) | PS_CPU(prefetchw),
    .register_bits = 512,
    .alignment = PS_LINE_BYTES,
    .swap = swap,
    .rotate = rotate,
    .move = move,
};
