/* The schedule of a trial: pairs of distinct slots, uniformly random, the same on every host for the same seed.
 *
 * The generator is xoshiro256** (Blackman and Vigna, "Scrambled Linear Pseudorandom Number Generators", ACM TOMS 47,
 * 2021), seeded by splitmix64 (Steele, Lea and Flood, OOPSLA 2014) as its authors advise. A number below a bound is
 * taken by multiplication with rejection (Lemire, "Fast Random Integer Generation in an Interval", ACM TOMACS 29,
 * 2019), so that no slot is favoured. */
#include "pageswap.h"

struct generator {
    uint64_t state[4];
};

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

static void seed_generator(struct generator *generator, uint64_t seed)
{
    for (int i = 0; i < 4; i++) {
        seed += 0x9e3779b97f4a7c15u;
        generator->state[i] = ps_mix(seed);
    }
}

static uint64_t next(struct generator *generator)
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

static uint32_t below(struct generator *generator, uint32_t bound)
{
    const uint32_t threshold = -bound % bound; /* 2^32 mod bound: the products below it would favour some numbers */
    uint64_t product;

    do
        product = (next(generator) >> 32) * bound;
    while ((uint32_t)product < threshold);
    return (uint32_t)(product >> 32);
}

/* `pages` is 2 to 2^32-1: a trial with other numbers was refused. */
void ps_schedule_make(uint64_t seed, size_t pages, size_t n, uint32_t *a, uint32_t *b)
{
    struct generator generator;

    seed_generator(&generator, seed);
    for (size_t i = 0; i < n; i++) {
        a[i] = below(&generator, (uint32_t)pages);
        b[i] = below(&generator, (uint32_t)pages - 1);
        b[i] += b[i] >= a[i]; /* skips a[i] itself: a swap moves two pages */
    }
}
