/* exchange_avx512: exchanges two pages, a cache line at a time, through two 512-bit registers.
 *
 * System calls: none. Moves: 2 * page_bytes read and written a swap, no temporary. Needs: a CPU and a kernel with
 * AVX-512F. Fetches ahead inside the two pages, as one can who knows only this pair; it does not look at the coming
 * pairs: see exchange_prefetch_avx2. */
#include "../exchange_avx512.h"

PS_TARGET_AVX512 static int swap_many(struct ps_region *region, const uint32_t *a, const uint32_t *b, size_t n)
{
    ps_exchange_pairs(ps_exchange_line_avx512, ps_fetch_t0, region, a, b, n);
    return 0;
}

const struct ps_method ps_method_exchange_avx512 = {
    .name = "exchange_avx512",
    .summary = "exchanges both pages through 512-bit registers, without a temporary",
    .family = PS_COPY,
    .cpu_features = PS_CPU(avx512f),
    .scratch = PS_SCRATCH_NONE,
    .memory = PS_ANY_MEMORY,
    .swap_many = swap_many,
};
