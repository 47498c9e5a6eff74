/* What the files of the calibration share: memory to measure on, and the numbers that are found. */
#ifndef PAGESWAP_MOVER_BENCH_H
#define PAGESWAP_MOVER_BENCH_H

#include "permutation.h"

#define MIB ((size_t)1 << 20)
#define MOST_BYTES (128 * MIB)
#define REMAP_BYTES (16 * MIB)
#define SAMPLES_LEAST 3
#define POINTS 60u /* that share the budget: what is measured, and as much as filling the memory takes */
#define FEW ((size_t)1) /* base pages */
#define MANY ((size_t)16)
#define LISTED ((size_t)256) /* operations of a sample on base pages; on larger slots fewer */

struct bench {
    struct pm_profile profile;
    unsigned char *memory;
    size_t bytes;
    uint64_t point_ns;
    pm_region *region; /* over a part of it */
    const struct pm_kernels *kernels;
    size_t count; /* operations of a sample */
    size_t run; /* slots of a move */
    unsigned threads; /* of a region that is opened */
    uint64_t random;
    uint32_t a[LISTED], b[LISTED];
    struct ps_move moves[LISTED];
    uint32_t *order; /* a permutation of the region's slots */
    volatile int spinner_leaves;
    unsigned char stack[4096] __attribute__((aligned(16))); /* the spinner's */
};

typedef void bench_step(struct bench *bench);

/* The shortest of repeated samples of `work`, each after `prepare`, which is not timed; for one operation. */
double pm_shortest(struct bench *bench, bench_step *work, bench_step *prepare);

/* From what an operation takes on so many pages: what each takes, and what is the same for all. */
void pm_fit(struct bench *bench, enum pm_cost call, enum pm_cost page, const double ns[2], double few, double many);

/* A number below `bound`. */
uint32_t pm_below(struct bench *bench, size_t bound);

/* A region over other memory, or of other slots. Returns 0 or a negative errno, as do the next two. */
int pm_reopen(struct bench *bench, unsigned char *memory, size_t bytes, size_t slot_bytes);

/* calibrate_copies.c: what moves bytes. */
int pm_measure_copies(struct bench *bench);

/* calibrate_remaps.c: what the kernel does to page-table entries; what this one cannot keeps its number. */
int pm_measure_remaps(struct bench *bench);

#endif
