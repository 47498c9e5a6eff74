/* realloc_libc: realloc of the C library.
 *
 * System calls: the library's choice; glibc uses mremap(MREMAP_MAYMOVE) for a block that malloc took from mmap, which
 * it does from M_MMAP_THRESHOLD on: 128 KiB, and held there, where glibc by itself raises it with the blocks that are
 * freed. Moves: nothing, mappings or bytes, as the library decides. What a program gets that leaves the matter to it.
 */
#include <stdlib.h>

#include "../heap.h"

static unsigned char *block_new(size_t bytes, size_t final_bytes)
{
    (void)final_bytes;
    return malloc(bytes);
}

static unsigned char *block_grow(unsigned char *block, size_t old_bytes, size_t new_bytes)
{
    (void)old_bytes;
    return realloc(block, new_bytes);
}

static void block_free(const struct ps_block *block)
{
    free(block->bytes);
}

const struct ps_method ps_method_realloc_libc = {
    .name = "realloc_libc",
    .summary = "the C library's own realloc()",
    .family = PS_CONTROL,
    .setup = ps_heap_setup,
    .block_new = block_new,
    .block_grow = block_grow,
    .block_free = block_free,
};
