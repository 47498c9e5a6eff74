/* mremap_may_move: enlarges a mapping that has a neighbour right behind it, so that the kernel moves it.
 *
 * System calls: mremap(MREMAP_MAYMOVE). Moves: page-table entries, or whole page tables where old and new address
 * allow; no bytes. Needs: nothing. Not growth in place: see mremap_in_place. */
#include <sys/mman.h>

#include "../pageswap.h"

/* The block ends in one inaccessible page: a neighbour that keeps it from growing where it is. */
static unsigned char *block_new(size_t bytes, size_t final_bytes)
{
    unsigned char *const block =
        mmap(NULL, bytes + PS_BASE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    (void)final_bytes;
    if (block == MAP_FAILED)
        return NULL;
    return mprotect(block + bytes, PS_BASE_PAGE, PROT_NONE) == 0 ? block : NULL;
}

static unsigned char *block_grow(unsigned char *block, size_t old_bytes, size_t new_bytes)
{
    unsigned char *const grown = mremap(block, old_bytes, new_bytes, MREMAP_MAYMOVE);

    return grown == MAP_FAILED ? NULL : grown;
}

static void block_free(const struct ps_block *block)
{
    (void)munmap(block->bytes, block->size);
    (void)munmap(block->first + block->first_size, PS_BASE_PAGE); /* the neighbour */
}

const struct ps_method ps_method_mremap_may_move = {
    .name = "mremap_may_move",
    .summary = "mremap(MREMAP_MAYMOVE) of a block that cannot grow where it is",
    .family = PS_REMAP,
    .block_new = block_new,
    .block_grow = block_grow,
    .block_free = block_free,
};
