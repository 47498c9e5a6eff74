/* What the files of the library share. The kernels are the laboratory's: they take the struct ps_region in here. */
#ifndef PAGESWAP_MOVER_REGION_H
#define PAGESWAP_MOVER_REGION_H

#include "../cycles.h"
#include "pageswap_mover.h"
#include "profile.h"

/* Loops for one instruction set. A hook that copies cannot fail. */
struct pm_kernels {
    const char *swap_name, *permute_name, *move_name; /* as `inv methods` calls what is the same there */
    unsigned cpu_features;
    unsigned register_bits;
    size_t alignment; /* of the region's base */
    void (*swap)(struct ps_region *region, const uint32_t *a, const uint32_t *b, size_t n);
    void (*rotate)(struct ps_region *region); /* the cycles that were found */
    void (*move)(struct ps_region *region, const struct ps_move *moves, size_t n); /* whose ends do not overlap */
};

extern const struct pm_kernels pm_kernels_avx512, pm_kernels_avx2, pm_kernels_sse2, pm_kernels_memcpy;

/* How the kernel moves the region's pages, where it does. */
enum pm_remap { PM_REMAP_NONE, PM_REMAP_UFFD, PM_REMAP_MREMAP };

struct pm_region {
    struct ps_region memory; /* what the kernels take: `private` are the cycles */
    ps_error error;
    const struct pm_kernels *kernels;
    const struct pm_kernels *kernels_for_one; /* swap; NULL: it is remapped */
    const struct pm_kernels *kernels_for_moves;
    struct pm_profile profile;
    uint32_t *from; /* of a batch: the slot whose page a slot gets; between calls each slot has its own */
    unsigned flags;
    int advice; /* that gives memory back; 0: none that leaves zeroes, or it is not known */
    enum pm_remap remap;
    const char *remap_word; /* its name, or why there is none */
    int is_huge; /* its pages are transparent huge pages */
    int is_in_tables; /* each slot is whole page tables */
    const volatile unsigned char *owned; /* says whether this process opened it */
    /* Slots of a run that is moved that make it worth to remap it; where what it leaves is given back: to a place that
     * has memory, or none (1). */
    size_t remapped_from, released_from[2];
    int places_are_empty; /* where such runs went has no memory, by the last place that was looked at */
    unsigned runs_unseen; /* that went to places nobody looked at since */
    unsigned char *reserved; /* what holds the scratch */
    size_t reserved_bytes;
    struct pm_workers *workers; /* NULL: the caller's thread does all */
};

/* Notes why a call failed: `call` is a constant, "" for a wrong argument. Gives -errnum. */
int pm_fail(pm_region *region, int errnum, const char *call);

/* choose.c: decides beforehand what single swaps and moves would have to decide each time. */
void pm_choose_ahead(pm_region *region);
int pm_would_remap(const pm_region *region); /* is there any call that would have the kernel move pages? */

/* swap.c: the pairs (a[i], b[i]), whose slots are the region's: one by one, and as if one by one. */
int pm_swap_each(pm_region *region, const uint32_t *a, const uint32_t *b, size_t n);
int pm_swap_lists(pm_region *region, const uint32_t *a, const uint32_t *b, size_t n);

#endif
