/* stream_copy: copies one half of the region to the other, as the STREAM benchmark does (McCalpin, 1995).
 *
 * System calls: none. Moves: page_bytes read and written a page, with the widest non-temporal stores of this CPU, so
 * that nothing is read but what is copied; the source is fetched one base page ahead. Needs: nothing. The roofline of
 * the workload `limit`; not a way to move pages: it takes no order but its own. */
#include <immintrin.h>

#include "../pageswap.h"

#define LINE_BYTES ((size_t)64)

typedef void (*copy_line)(unsigned char *to, const unsigned char *from);
typedef void (*copy_pages)(const struct ps_region *region, const uint32_t *from, const uint32_t *to, size_t n);

static inline void copy_line_sse2(unsigned char *to, const unsigned char *from)
{
    __m128i *const target = (__m128i *)(void *)to;
    const __m128i *const source = (const __m128i *)(const void *)from;
    const __m128i v0 = _mm_load_si128(source), v1 = _mm_load_si128(source + 1);
    const __m128i v2 = _mm_load_si128(source + 2), v3 = _mm_load_si128(source + 3);

    _mm_stream_si128(target, v0);
    _mm_stream_si128(target + 1, v1);
    _mm_stream_si128(target + 2, v2);
    _mm_stream_si128(target + 3, v3);
}

__attribute__((target("avx2"))) static inline void copy_line_avx2(unsigned char *to, const unsigned char *from)
{
    __m256i *const target = (__m256i *)(void *)to;
    const __m256i *const source = (const __m256i *)(const void *)from;
    const __m256i v0 = _mm256_load_si256(source), v1 = _mm256_load_si256(source + 1);

    _mm256_stream_si256(target, v0);
    _mm256_stream_si256(target + 1, v1);
}

__attribute__((target("avx512f"))) static inline void copy_line_avx512(unsigned char *to, const unsigned char *from)
{
    _mm512_stream_si512((__m512i *)(void *)to, _mm512_load_si512(from));
}

/* Fetches the source one base page ahead, at the end of a page from the next one; the last page fetches itself again.
 */
static inline __attribute__((always_inline)) void copy_all(copy_line copy, const struct ps_region *region,
                                                           const uint32_t *from, const uint32_t *to, size_t n)
{
    const size_t body = region->page_bytes - PS_BASE_PAGE;

    for (size_t i = 0; i < n; i++) {
        const unsigned char *const source = ps_slot(region, from[i]);
        const unsigned char *const next = ps_slot(region, from[i + 1 < n ? i + 1 : i]);
        unsigned char *const target = ps_slot(region, to[i]);

        for (size_t offset = 0; offset < region->page_bytes; offset += LINE_BYTES) {
            const unsigned char *const ahead = offset < body ? source + offset + PS_BASE_PAGE : next + (offset - body);

            _mm_prefetch((const char *)ahead, _MM_HINT_NTA);
            copy(target + offset, source + offset);
        }
        ps_touch(region, target);
    }
    _mm_sfence();
}

static void copy_sse2(const struct ps_region *region, const uint32_t *from, const uint32_t *to, size_t n)
{
    copy_all(copy_line_sse2, region, from, to, n);
}

__attribute__((target("avx2"))) static void copy_avx2(const struct ps_region *region, const uint32_t *from,
                                                      const uint32_t *to, size_t n)
{
    copy_all(copy_line_avx2, region, from, to, n);
}

__attribute__((target("avx512f"))) static void copy_avx512(const struct ps_region *region, const uint32_t *from,
                                                           const uint32_t *to, size_t n)
{
    copy_all(copy_line_avx512, region, from, to, n);
}

/* The widest first. */
static const struct kernel {
    unsigned cpu_features;
    copy_pages copy;
} kernels[] = {{PS_CPU(avx512f), copy_avx512}, {PS_CPU(avx2), copy_avx2}, {0, copy_sse2}};

static int setup(struct ps_region *region)
{
    const struct kernel *kernel = kernels;

    while (!ps_cpu_has(kernel->cpu_features))
        kernel++;
    region->private = (void *)kernel;
    return 0;
}

static int copy_many(struct ps_region *region, const uint32_t *from, const uint32_t *to, size_t n)
{
    ((const struct kernel *)region->private)->copy(region, from, to, n);
    return 0;
}

const struct ps_method ps_method_stream_copy = {
    .name = "stream_copy",
    .summary = "copies half of the region to the other half with non-temporal stores: the memory's own limit",
    .family = PS_CONTROL,
    .scratch = PS_SCRATCH_NONE,
    .memory = PS_ANY_MEMORY,
    .setup = setup,
    .copy_many = copy_many,
};
