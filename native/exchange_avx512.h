/* One cache line of two pages exchanged through two 512-bit registers. */
#ifndef PAGESWAP_EXCHANGE_AVX512_H
#define PAGESWAP_EXCHANGE_AVX512_H

#include <immintrin.h>

#include "exchange.h"

#define PS_TARGET_AVX512 __attribute__((target("avx512f")))

PS_TARGET_AVX512 static inline void ps_exchange_line_avx512(unsigned char *a, unsigned char *b)
{
    const __m512i line_a = _mm512_load_si512(a);
    const __m512i line_b = _mm512_load_si512(b);

    _mm512_store_si512(a, line_b);
    _mm512_store_si512(b, line_a);
}

PS_TARGET_AVX512 static inline void ps_copy_line_avx512(unsigned char *to, const unsigned char *from)
{
    _mm512_store_si512(to, _mm512_load_si512(from));
}

/* A ps_rotate_line of cycles.h: a line of each page in one register, all loaded before any is stored. */
PS_TARGET_AVX512 static inline void ps_rotate_line_avx512(unsigned char *const *pages, size_t count, size_t offset)
{
#define PS_LOAD(i) (count > (i) ? _mm512_load_si512(pages[i] + offset) : zero)
#define PS_STORE(i, value) \
    if (count > (i))       \
    _mm512_store_si512(pages[i] + offset, count > (i) + 1 ? (value) : v0)
    const __m512i zero = _mm512_setzero_si512();
    const __m512i v0 = PS_LOAD(0), v1 = PS_LOAD(1), v2 = PS_LOAD(2), v3 = PS_LOAD(3);
    const __m512i v4 = PS_LOAD(4), v5 = PS_LOAD(5), v6 = PS_LOAD(6), v7 = PS_LOAD(7);

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

/* The exchange with stores that pass the caches by; the caller ends with _mm_sfence(). */
PS_TARGET_AVX512 static inline void ps_exchange_line_nt_avx512(unsigned char *a, unsigned char *b)
{
    const __m512i line_a = _mm512_load_si512(a);
    const __m512i line_b = _mm512_load_si512(b);

    _mm512_stream_si512((__m512i *)(void *)a, line_b);
    _mm512_stream_si512((__m512i *)(void *)b, line_a);
}

#endif
