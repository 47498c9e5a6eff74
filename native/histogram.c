/* Counts times in buckets that grow with them, and gives back percentiles. */
#include "histogram.h"

/* The place of the highest bit of PS_HISTOGRAM_STEPS. */
#define STEP_BITS 5

static unsigned bucket_of(uint64_t value)
{
    if (value < PS_HISTOGRAM_STEPS)
        return (unsigned)value;
    const unsigned shift = 63u - (unsigned)__builtin_clzll(value) - STEP_BITS;

    return shift * PS_HISTOGRAM_STEPS + (unsigned)(value >> shift);
}

static uint64_t middle_of(unsigned bucket)
{
    if (bucket < 2 * PS_HISTOGRAM_STEPS)
        return bucket;
    const unsigned shift = bucket / PS_HISTOGRAM_STEPS - 1;
    const uint64_t lowest = (uint64_t)(bucket % PS_HISTOGRAM_STEPS + PS_HISTOGRAM_STEPS) << shift;

    return lowest + ((uint64_t)1 << shift) / 2;
}

void ps_histogram_add(struct ps_histogram *histogram, uint64_t value)
{
    histogram->counts[bucket_of(value)]++;
    histogram->total++;
    if (value > histogram->most)
        histogram->most = value;
}

void ps_histogram_merge(struct ps_histogram *into, const struct ps_histogram *from)
{
    for (unsigned bucket = 0; bucket < PS_HISTOGRAM_BUCKETS; bucket++)
        into->counts[bucket] += from->counts[bucket];
    into->total += from->total;
    if (from->most > into->most)
        into->most = from->most;
}

int ps_histogram_quantile(const struct ps_histogram *histogram, uint64_t beyond, uint64_t *value)
{
    const uint64_t rank = histogram->total - histogram->total / beyond;
    uint64_t seen = 0;
    unsigned bucket = 0;

    if (histogram->total < beyond)
        return 0;
    while ((seen += histogram->counts[bucket]) < rank)
        bucket++;
    const uint64_t middle = middle_of(bucket);

    *value = middle < histogram->most ? middle : histogram->most;
    return 1;
}
