/* malloc_copy: a new block from malloc, a memcpy of the old one, free.
 *
 * System calls: for blocks of 128 KiB and more those that malloc makes (mmap, munmap). Moves: the old bytes, read and
 * written, and page faults of the new block. Needs: both blocks at once. What realloc does in an allocator that cannot
 * remap. */
#include <stdlib.h>
#include <string.h>

#include "../heap.h"

static unsigned char *block_new(size_t bytes, size_t final_bytes)
{
    (void)final_bytes;
    return malloc(bytes);
}

static unsigned char *block_grow(unsigned char *block, size_t old_bytes, size_t new_bytes)
{
    unsigned char *const grown = malloc(new_bytes);

    if (!grown)
        return NULL;
    memcpy(grown, block, old_bytes);
    free(block);
    return grown;
}

static void block_free(const struct ps_block *block)
{
    free(block->bytes);
}

const struct ps_method ps_method_malloc_copy = {
    .name = "malloc_copy",
    .summary = "malloc, memcpy and free: growing a block by copying it",
    .family = PS_COPY,
    .setup = ps_heap_setup,
    .block_new = block_new,
    .block_grow = block_grow,
    .block_free = block_free,
};
