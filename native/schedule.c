/* The schedule of a trial: pairs of distinct slots, the same on every host for the same seed.
 *
 * The generator is xoshiro256** (Blackman and Vigna, "Scrambled Linear Pseudorandom Number Generators", ACM TOMS 47,
 * 2021), seeded by splitmix64 (Steele, Lea and Flood, OOPSLA 2014) as its authors advise. A number below a bound is
 * taken by multiplication with rejection (Lemire, "Fast Random Integer Generation in an Interval", ACM TOMACS 29,
 * 2019), so that no slot is favoured. */
#include "pageswap.h"

uint64_t ps_mix(uint64_t value)
{
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
    return value ^ (value >> 31);
}

static uint64_t rotate_left(uint64_t value, int bits)
{
    return (value << bits) | (value >> (64 - bits));
}

void ps_generator_seed(struct ps_generator *generator, uint64_t seed)
{
    for (int i = 0; i < 4; i++) {
        seed += 0x9e3779b97f4a7c15u;
        generator->state[i] = ps_mix(seed);
    }
}

static uint64_t next(struct ps_generator *generator)
{
    uint64_t *s = generator->state;
    const uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    const uint64_t shifted = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = rotate_left(s[3], 45);
    return result;
}

uint32_t ps_generator_below(struct ps_generator *generator, uint32_t bound)
{
    const uint32_t threshold = -bound % bound; /* 2^32 mod bound: the products below it would favour some numbers */
    uint64_t product;

    do
        product = (next(generator) >> 32) * bound;
    while ((uint32_t)product < threshold);
    return (uint32_t)(product >> 32);
}

static void random_pairs(uint64_t seed, uint32_t pages, size_t n, uint32_t *a, uint32_t *b)
{
    struct ps_generator generator;

    ps_generator_seed(&generator, seed);
    for (size_t i = 0; i < n; i++) {
        a[i] = ps_generator_below(&generator, pages);
        b[i] = ps_generator_below(&generator, pages - 1);
        b[i] += b[i] >= a[i]; /* skips a[i] itself: a swap moves two pages */
    }
}

/* Partners lie `distance` apart and pairs follow each other in address order, so that each pass takes every slot once:
 * with distance 2 (0,2) (1,3) (4,6) (5,7) ... What a last incomplete group would take is left out. */
static void sequential_pairs(uint64_t distance, size_t pages, size_t n, uint32_t *a, uint32_t *b)
{
    const size_t pairs = pages / (2 * distance) * distance;

    for (size_t i = 0; i < n; i++) {
        const size_t pair = i % pairs;

        a[i] = (uint32_t)(pair / distance * 2 * distance + pair % distance);
        b[i] = (uint32_t)(a[i] + distance);
    }
}

/* Neighbours (s, s+1), where s advances by `distance` pages from pair to pair and begins two pages later after each
 * turn through the region. */
static void strided_pairs(uint64_t distance, size_t pages, size_t n, uint32_t *a, uint32_t *b)
{
    size_t start = 0, slot = 0;

    for (size_t i = 0; i < n; i++) {
        a[i] = (uint32_t)slot;
        b[i] = (uint32_t)slot + 1;
        slot += distance;
        if (slot + 1 >= pages) {
            start = (start + 2) % (distance < pages - 1 ? distance : pages - 1);
            slot = start;
        }
    }
}

/* `pages` is 2 to 2^32-1 and `distance` 1 to pages / 2: a trial with other numbers was refused. */
void ps_schedule_make(enum ps_pattern pattern, uint64_t distance, uint64_t seed, size_t pages, size_t n, uint32_t *a,
                      uint32_t *b)
{
    if (pattern == PS_PATTERN_sequential)
        sequential_pairs(distance, pages, n, a, b);
    else if (pattern == PS_PATTERN_strided)
        strided_pairs(distance, pages, n, a, b);
    else
        random_pairs(seed, (uint32_t)pages, n, a, b);
}
