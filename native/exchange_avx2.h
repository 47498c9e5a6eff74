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
