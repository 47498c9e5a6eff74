/* Blocks of memory of their own, for methods of the workload `grow` that enlarge them where they cannot stay. */
#ifndef PAGESWAP_GROW_BLOCKS_H
#define PAGESWAP_GROW_BLOCKS_H

#include <sys/mman.h>

#include "pageswap.h"

/* The block ends in one inaccessible page: a neighbour that keeps it from growing where it is. */
static inline unsigned char *ps_block_between(size_t bytes, size_t final_bytes)
{
    unsigned char *const block =
        mmap(NULL, bytes + PS_BASE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    (void)final_bytes;
    if (block == MAP_FAILED)
        return NULL;
    return mprotect(block + bytes, PS_BASE_PAGE, PROT_NONE) == 0 ? block : NULL;
}

/* NULL where it cannot, with errno set. */
static inline unsigned char *ps_block_remap(unsigned char *block, size_t old_bytes, size_t new_bytes, int flags)
{
    unsigned char *const grown = mremap(block, old_bytes, new_bytes, flags);

    return grown == MAP_FAILED ? NULL : grown;
}

static inline void ps_block_unmap(const struct ps_block *block)
{
    (void)munmap(block->bytes, block->size);
    (void)munmap(block->first + block->first_size, PS_BASE_PAGE); /* the neighbour */
}

#endif
