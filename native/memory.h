/* The memory under test as a whole: what it can be made of, and how the threads' shares are cut from it. */
#ifndef PAGESWAP_MEMORY_H
#define PAGESWAP_MEMORY_H

#include "pageswap.h"

/* What the memory under test can be made of: a row of backings.def. */
struct ps_backing {
    const char *name;
    enum ps_memory_kind kind;
    int map_flags; /* of mmap */
    int advice; /* of madvise; 0: none is given */
    size_t kernel_page_bytes; /* the least that the kernel maps, and so moves, at once */
    size_t fault_bytes; /* the most that one fault brings; more than a base page only for huge pages and large folios */
    int is_reserved; /* its pages are of the pool of huge pages that the host keeps apart */

    /* Not required. Just before the rounds, after everything that may split pages: are `bytes` of pages, of which
     * `large_bytes` lie on huge ones, or in folios of the backing's size, what it claims? Returns 0, or a negative
     * errno after ps_unavailable() named what is wrong and the cure. */
    int (*check)(const struct ps_backing *backing, uint64_t bytes, uint64_t large_bytes, ps_error *error);
};

/* The whole mapping that the shares of all threads are cut from. */
struct ps_memory {
    unsigned char *base;
    size_t slots; /* pages and spare slots of all threads */
    unsigned char *scratch;
    size_t scratch_stride; /* from one thread's scratch to the next one's */
    size_t scratch_size; /* bytes of addresses that each has */
    size_t scratch_used; /* bytes of each that a method may copy through; 0 where it is but addresses */
    int fd;
    unsigned char *reserved; /* the address range, freed at the end */
    size_t reserved_bytes;
};

/* backings.c */
const struct ps_backing *ps_backing_find(const char *name); /* or NULL */
int ps_backing_suits(const struct ps_backing *backing, const struct ps_method *method);
size_t ps_backing_folio_bytes(const struct ps_backing *backing); /* of its large folios; 0 where it claims none */
uint32_t ps_backings_of(const struct ps_method *method); /* bits by their place in the table */

/* page_cache.c: opens a file of so many bytes in the folder (NULL: the current one), on a disk's file system. */
int ps_file_make(const char *folder, size_t bytes, int *fd, ps_error *error);

/* region.c */
int ps_memory_map(struct ps_memory *memory, const ps_trial *trial, const struct ps_backing *backing,
                  const struct ps_workload_ops *workload, ps_error *error);
void ps_memory_unmap(struct ps_memory *memory);
void ps_region_cut(struct ps_region *region, const struct ps_memory *memory, const ps_trial *trial,
                   const struct ps_backing *backing, uint32_t thread);
int ps_region_fill(struct ps_region *region, const struct ps_memory *memory, const struct ps_backing *backing,
                   size_t slots, ps_error *error);

/* folios.c: brings memory to [begin, end), in folios of this size; what is mapped ends at `limit`. */
int ps_folios_bring(unsigned char *begin, const unsigned char *end, const unsigned char *limit, size_t folio_bytes,
                    ps_error *error);

#endif
