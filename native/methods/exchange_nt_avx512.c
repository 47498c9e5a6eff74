/* exchange_nt_avx512: as exchange_avx512, but with non-temporal stores, which pass the caches by.
 *
 * System calls: none. Moves: 2 * page_bytes read and written a swap, no temporary. Needs: a CPU and a kernel with
 * AVX-512F. Leaves the cache to others; the pages it moved are in none, so whoever reads them next waits for memory.
 * Saves no traffic: an exchange reads every line that it writes. */
#include "../exchange_avx512.h"

PS_TARGET_AVX512 static int swap_many(struct ps_region *region, const uint32_t *a, const uint32_t *b, size_t n)
{
    ps_exchange_pairs(ps_exchange_line_nt_avx512, ps_fetch_nta, region, a, b, n);
    _mm_sfence();
    return 0;
}

const struct ps_method ps_method_exchange_nt_avx512 = {
    .name = "exchange_nt_avx512",
    .summary = "exchanges both pages through 512-bit registers with non-temporal stores",
    .family = PS_COPY,
    .cpu_features = PS_CPU(avx512f),
    .scratch = PS_SCRATCH_NONE,
    .memory = PS_ANY_MEMORY,
    .swap_many = swap_many,
};
