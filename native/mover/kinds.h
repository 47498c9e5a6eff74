/* What a region's memory is, as far as that decides what may be done with it. */
#ifndef PAGESWAP_MOVER_KINDS_H
#define PAGESWAP_MOVER_KINDS_H

#include <stddef.h>

struct pm_kind {
    int is_private_anon; /* all of it: the only memory whose page-table entries the kernel moves for us */
    int give_back; /* the advice that takes its memory; 0: none that leaves zeroes */
};

/* Returns 0; -EFAULT where a part is not mapped for reading and writing; or why the process's mappings cannot be read,
 * and then nothing is known of the memory. */
int pm_kind_of(const void *base, size_t bytes, struct pm_kind *kind);

#endif
