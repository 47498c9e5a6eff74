/* Moves through the kernel, which brings page-table entries elsewhere instead of bytes, and copies of what it does not
 * bring. */
#ifndef PAGESWAP_MOVER_REMAP_H
#define PAGESWAP_MOVER_REMAP_H

#include "kinds.h"
#include "region.h"

/* Chooses how the region's pages can be moved so, if at all, and makes it ready. Never fails: then they are copied. */
void pm_remap_begin(pm_region *region, const struct pm_kind *kind);
void pm_remap_stop(pm_region *region, const char *why); /* only copies from now on; `why` is a constant */
void pm_remap_end(pm_region *region);

/* Before a call that will remap: is it still possible? */
int pm_remap_is_ready(pm_region *region);

/* Brings n slots from `from` to `to`, of which nothing else is of worth; the two do not overlap. Returns how many bytes
 * from the start on the kernel moved, whose old place is now empty; the others were copied. A negative errno: `to`
 * could not be mapped again, nothing was lost at `from`. */
int64_t pm_carry(pm_region *region, unsigned char *to, unsigned char *from, size_t n, int is_empty);

#endif
