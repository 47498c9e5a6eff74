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

/* The exchange with stores that pass the caches by; the caller ends with _mm_sfence(). */
PS_TARGET_AVX512 static inline void ps_exchange_line_nt_avx512(unsigned char *a, unsigned char *b)
{
    const __m512i line_a = _mm512_load_si512(a);
    const __m512i line_b = _mm512_load_si512(b);

    _mm512_stream_si512((__m512i *)(void *)a, line_b);
    _mm512_stream_si512((__m512i *)(void *)b, line_a);
}

#endif
