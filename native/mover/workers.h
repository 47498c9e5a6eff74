/* Threads that help with a region's permutations, and sleep between them. */
#ifndef PAGESWAP_MOVER_WORKERS_H
#define PAGESWAP_MOVER_WORKERS_H

#include "region.h"

#define PM_MOST_THREADS 64u

/* Starts them, so many with the caller's. Returns 0, -ENOTSUP where this process has no threads, or what else kept them
 * from being started; pm_workers_end is then still due. */
int pm_workers_begin(pm_region *region, unsigned threads);
void pm_workers_end(pm_region *region);

/* How many there are, with the caller's: 1 in a child of the process that started them. */
unsigned pm_threads(const pm_region *region);
unsigned pm_threads_at_once(const pm_region *region); /* of them, on the CPUs that there are for them */

/* Every page of the cycles that were found goes to its place, by all threads. */
void pm_rotate_by_all(pm_region *region, const struct pm_kernels *kernels);

#endif
