/* One cache line of two pages exchanged through eight 128-bit registers. */
#ifndef PAGESWAP_EXCHANGE_SSE2_H
#define PAGESWAP_EXCHANGE_SSE2_H

#include <emmintrin.h>

#include "exchange.h"

static inline void ps_exchange_line_sse2(unsigned char *a, unsigned char *b)
{
    __m128i *const va = (__m128i *)(void *)a;
    __m128i *const vb = (__m128i *)(void *)b;
    const __m128i a0 = _mm_load_si128(va), a1 = _mm_load_si128(va + 1);
    const __m128i a2 = _mm_load_si128(va + 2), a3 = _mm_load_si128(va + 3);
    const __m128i b0 = _mm_load_si128(vb), b1 = _mm_load_si128(vb + 1);
    const __m128i b2 = _mm_load_si128(vb + 2), b3 = _mm_load_si128(vb + 3);

    _mm_store_si128(va, b0);
    _mm_store_si128(va + 1, b1);
    _mm_store_si128(va + 2, b2);
    _mm_store_si128(va + 3, b3);
    _mm_store_si128(vb, a0);
    _mm_store_si128(vb + 1, a1);
    _mm_store_si128(vb + 2, a2);
    _mm_store_si128(vb + 3, a3);
}

#endif
