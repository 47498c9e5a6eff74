/* exchange_prefetch_avx512: as exchange_avx512, but the coming pairs are fetched meanwhile.
 *
 * System calls: none. Moves: 2 * page_bytes read and written a swap, no temporary. Needs: a CPU and a kernel with
 * AVX-512F, and with PREFETCHW; a caller who knows which pair comes next. Every line is
 * asked for twice, one base page before its turn and again some lines before it, the address translations four pairs
 * before. A batch is copied page by page, with a look-ahead of one base page. Not for a single pair: see
 * exchange_avx512. */
#include "../exchange_avx512.h"

PS_TARGET_AVX512 static int swap_many(struct ps_region *region, const uint32_t *a, const uint32_t *b, size_t n)
{
    ps_exchange_stream(ps_exchange_line_avx512, region, a, b, n);
    return 0;
}

PS_TARGET_AVX512 static int move_many(struct ps_region *region, const struct ps_move *moves, size_t n, size_t *done)
{
    return ps_move_stream(ps_copy_line_avx512, region, moves, n, done);
}

const struct ps_method ps_method_exchange_prefetch_avx512 = {
    .name = "exchange_prefetch_avx512",
    .summary = "exchanges through 512-bit registers while the next pair is prefetched",
    .family = PS_COPY,
    .cpu_features = PS_CPU(avx512f) | PS_CPU(prefetchw),
    .scratch = PS_SCRATCH_NONE,
    .memory = PS_ANY_MEMORY,
    .swap_many = swap_many,
    .move_many = move_many,
};
