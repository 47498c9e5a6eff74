/* exchange_avx2: exchanges two pages, a cache line at a time, through four 256-bit registers.
 *
 * System calls: none. Moves: 2 * page_bytes read and written a swap, no temporary. Needs: a CPU and a kernel with AVX2.
 * Fetches ahead inside the two pages, as one can who knows only this pair; it does not look at the coming pairs: see
 * exchange_prefetch_avx2. */
#include "../exchange_avx2.h"

PS_TARGET_AVX2 static int swap_many(struct ps_region *region, const uint32_t *a, const uint32_t *b, size_t n)
{
    ps_exchange_pairs(ps_exchange_line_avx2, ps_fetch_t0, region, a, b, n);
    return 0;
}

const struct ps_method ps_method_exchange_avx2 = {
    .name = "exchange_avx2",
    .summary = "exchanges both pages through 256-bit registers, without a temporary",
    .family = PS_COPY,
    .cpu_features = PS_CPU(avx2),
    .scratch = PS_SCRATCH_NONE,
    .memory = PS_ANY_MEMORY,
    .swap_many = swap_many,
};
