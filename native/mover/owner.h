/* Whose a region is: a forked child has its memory, and neither its threads nor, in its own name, its userfaultfd. */
#ifndef PAGESWAP_MOVER_OWNER_H
#define PAGESWAP_MOVER_OWNER_H

#include "region.h"

/* Marks the region as this process's. Where that cannot be done, it is nobody's. */
void pm_own(pm_region *region);
void pm_disown(pm_region *region);

/* Is this the process that opened it? Takes no system call. */
int pm_is_own(const pm_region *region);

#endif
