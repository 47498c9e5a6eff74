/* permute_avx2: a batch of swaps composed and carried out in place through 256-bit registers, by its size.
 *
 * System calls: none. Moves: each page that ends elsewhere once, read and written. Cycles of up to eight pages are
 * rotated through registers, longer ones as two streams of moves side by side; a batch that is small for its region is
 * exchanged pair by pair, as by exchange_prefetch_avx2. Needs: a CPU and a kernel with AVX2, and with PREFETCHW. Not
 * for pages that others read meanwhile: it knows no moment at which all swaps of a part of the batch are done. */
#include "../cycles.h"
#include "../exchange_avx2.h"

PS_TARGET_AVX2 static int permute(struct ps_region *region, uint32_t *from, const uint32_t *a, const uint32_t *b,
                                  size_t n)
{
    ps_permute(ps_exchange_line_avx2, ps_rotate_line_avx2, ps_copy_line_avx2, region, from, a, b, n);
    return 0;
}

const struct ps_method ps_method_permute_avx2 = {
    .name = "permute_avx2",
    .summary = "moves the pages of a batch once, through 256-bit registers: short cycles whole, others in two streams",
    .family = PS_COPY,
    .cpu_features = PS_CPU(avx2) | PS_CPU(prefetchw),
    .scratch = PS_SCRATCH_NONE,
    .memory = PS_ANY_MEMORY,
    .setup = ps_cycles_new,
    .permute = permute,
    .teardown = ps_cycles_free,
};
