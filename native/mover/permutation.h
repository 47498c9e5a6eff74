/* A permutation of the region's slots, carried out. */
#ifndef PAGESWAP_MOVER_PERMUTATION_H
#define PAGESWAP_MOVER_PERMUTATION_H

#include "choose.h"

/* Brings every page to the slot that gets it by `from`, of which the first n may differ from their own, and leaves each
 * its own there. Returns 0 or a negative errno; each page is then in its place, or has not gone. */
int pm_move_cycles(pm_region *region, enum pm_way way, size_t n);

#endif
