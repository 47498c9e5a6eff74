/* A histogram of times in fixed memory: each octave is cut into 32 buckets of the same width, so that whatever is told
 * of a bucket is at most 1/16 of an octave from each of its values. */
#ifndef PAGESWAP_HISTOGRAM_H
#define PAGESWAP_HISTOGRAM_H

#include <stdint.h>

#define PS_HISTOGRAM_STEPS 32u /* a power of two; values below it have buckets of their own */
#define PS_HISTOGRAM_BUCKETS (60u * PS_HISTOGRAM_STEPS) /* for every value of 64 bits */

struct ps_histogram {
    uint64_t counts[PS_HISTOGRAM_BUCKETS];
    uint64_t total;
    uint64_t most; /* the largest value, exactly; 0 of none */
};

void ps_histogram_add(struct ps_histogram *histogram, uint64_t value);
void ps_histogram_merge(struct ps_histogram *into, const struct ps_histogram *from);

/* The percentile of nearest rank that one value in `beyond` lies above: 2 is the median, 1000 the percentile 99.9.
 * Returns 0 and leaves *value alone where there are fewer values than that, which say nothing about it. */
int ps_histogram_quantile(const struct ps_histogram *histogram, uint64_t beyond, uint64_t *value);

#endif
