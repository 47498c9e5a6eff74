/* One cache line of two pages exchanged through four 256-bit registers. */
#ifndef PAGESWAP_EXCHANGE_AVX2_H
#define PAGESWAP_EXCHANGE_AVX2_H

#include <immintrin.h>

#include "exchange.h"

#define PS_TARGET_AVX2 __attribute__((target("avx2")))

PS_TARGET_AVX2 static inline void ps_exchange_line_avx2(unsigned char *a, unsigned char *b)
{
    __m256i *const va = (__m256i *)(void *)a;
    __m256i *const vb = (__m256i *)(void *)b;
    const __m256i a0 = _mm256_load_si256(va), a1 = _mm256_load_si256(va + 1);
    const __m256i b0 = _mm256_load_si256(vb), b1 = _mm256_load_si256(vb + 1);

    _mm256_store_si256(va, b0);
    _mm256_store_si256(va + 1, b1);
    _mm256_store_si256(vb, a0);
    _mm256_store_si256(vb + 1, a1);
}

PS_TARGET_AVX2 static inline void ps_copy_line_avx2(unsigned char *to, const unsigned char *from)
{
    __m256i *const target = (__m256i *)(void *)to;
    const __m256i *const source = (const __m256i *)(const void *)from;
    const __m256i v0 = _mm256_load_si256(source), v1 = _mm256_load_si256(source + 1);

    _mm256_store_si256(target, v0);
    _mm256_store_si256(target + 1, v1);
}

/* A ps_rotate_line of cycles.h: half a line of each page in one register, all loaded before any is stored. */
PS_TARGET_AVX2 static inline void ps_rotate_line_avx2(unsigned char *const *pages, size_t count, size_t offset)
{
    for (size_t half = 0; half < PS_LINE_BYTES; half += PS_LINE_BYTES / 2) {
#define PS_LOAD(i) (count > (i) ? _mm256_load_si256((const __m256i *)(const void *)(pages[i] + offset + half)) : zero)
#define PS_STORE(i, value) \
    if (count > (i))       \
    _mm256_store_si256((__m256i *)(void *)(pages[i] + offset + half), count > (i) + 1 ? (value) : v0)
        const __m256i zero = _mm256_setzero_si256();
        const __m256i v0 = PS_LOAD(0), v1 = PS_LOAD(1), v2 = PS_LOAD(2), v3 = PS_LOAD(3);
        const __m256i v4 = PS_LOAD(4), v5 = PS_LOAD(5), v6 = PS_LOAD(6), v7 = PS_LOAD(7);

        PS_STORE(0, v1);
        PS_STORE(1, v2);
        PS_STORE(2, v3);
        PS_STORE(3, v4);
        PS_STORE(4, v5);
        PS_STORE(5, v6);
        PS_STORE(6, v7);
        PS_STORE(7, v0);
#undef PS_LOAD
#undef PS_STORE
    }
}

/* The exchange with stores that pass the caches by; the caller ends with _mm_sfence(). */
PS_TARGET_AVX2 static inline void ps_exchange_line_nt_avx2(unsigned char *a, unsigned char *b)
{
    __m256i *const va = (__m256i *)(void *)a;
    __m256i *const vb = (__m256i *)(void *)b;
    const __m256i a0 = _mm256_load_si256(va), a1 = _mm256_load_si256(va + 1);
    const __m256i b0 = _mm256_load_si256(vb), b1 = _mm256_load_si256(vb + 1);

    _mm256_stream_si256(va, b0);
    _mm256_stream_si256(va + 1, b1);
    _mm256_stream_si256(vb, a0);
    _mm256_stream_si256(vb + 1, a1);
}

#endif
