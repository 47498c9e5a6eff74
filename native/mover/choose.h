/* Which way a call goes: what each is predicted to take, and memcpy unless something is clearly better. */
#ifndef PAGESWAP_MOVER_CHOOSE_H
#define PAGESWAP_MOVER_CHOOSE_H

#include "region.h"

enum pm_way { PM_BY_MEMCPY, PM_BY_KERNEL, PM_BY_REMAP, PM_WAYS };

struct pm_choice {
    enum pm_way way, next;
    unsigned threads; /* that share it */
    double ns[PM_WAYS]; /* of the whole call; PM_IMPOSSIBLE: not here */
};

/* n pairs or slots, or runs of `slots` slots each. */
struct pm_choice pm_choose(const pm_region *region, enum pm_operation operation, size_t slots, size_t n);

#define PM_IMPOSSIBLE 1e300

/* What a call does that has so much to do: as pm_choose, but for moves and where nothing is remapped from what was
 * decided beforehand. */
enum pm_way pm_way_for(pm_region *region, enum pm_operation operation, size_t slots, size_t n);
/* The same for a run that goes to `to`, NULL for a place without memory; else it looks now and then whether there is
 * some, as that may decide it. */
enum pm_way pm_way_of_run(pm_region *region, int releases, const unsigned char *to, size_t slots);
/* So few swaps that they are made one by one, whatever way is chosen that does not ask the kernel. */
int pm_is_one_by_one(const pm_region *region, size_t n);
/* Is a rotation of so many slots long enough to be shared with the region's threads? */
int pm_is_shared(const pm_region *region, size_t slots);
const struct pm_kernels *pm_kernels_for(const pm_region *region, enum pm_way way);

#endif
