/* pairwise_avx512: a batch of swaps exchanged pair by pair, as exchange_prefetch_avx512 does a whole schedule.
 *
 * System calls: none. Moves: 2 * page_bytes read and written a swap, no temporary. Needs: a CPU and a kernel with
 * AVX-512F, and with PREFETCHW. It knows no pair before its batch is handed over. What composing a batch is to be
 * compared with: see permute_avx512. */
#include "../exchange_avx512.h"

PS_TARGET_AVX512 static int permute(struct ps_region *region, uint32_t *from, const uint32_t *a, const uint32_t *b,
                                    size_t n)
{
    (void)from;
    ps_exchange_stream(ps_exchange_line_avx512, region, a, b, n);
    return 0;
}

const struct ps_method ps_method_pairwise_avx512 = {
    .name = "pairwise_avx512",
    .summary = "exchanges the pairs of a batch one by one through 512-bit registers, the next pair prefetched",
    .family = PS_COPY,
    .cpu_features = PS_CPU(avx512f) | PS_CPU(prefetchw),
    .scratch = PS_SCRATCH_NONE,
    .memory = PS_ANY_MEMORY,
    .permute = permute,
};
