/* mremap_in_place: enlarges the mapping where it is, because the address range behind it is free.
 *
 * System calls: mremap without MREMAP_MAYMOVE. Moves: nothing; the new pages fault when they are touched. Needs: room
 * behind the block, which block_new leaves by mapping more and unmapping the rest. Not what happens between other
 * mappings: see mremap_may_move. */
#include <sys/mman.h>

#include "../pageswap.h"

static unsigned char *block_new(size_t bytes, size_t final_bytes)
{
    unsigned char *const block =
        mmap(NULL, final_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (block == MAP_FAILED)
        return NULL;
    return munmap(block + bytes, final_bytes - bytes) == 0 ? block : NULL;
}

static unsigned char *block_grow(unsigned char *block, size_t old_bytes, size_t new_bytes)
{
    unsigned char *const grown = mremap(block, old_bytes, new_bytes, 0);

    return grown == MAP_FAILED ? NULL : grown;
}

static void block_free(const struct ps_block *block)
{
    (void)munmap(block->bytes, block->size);
}

const struct ps_method ps_method_mremap_in_place = {
    .name = "mremap_in_place",
    .summary = "mremap() of a block that has free addresses behind it",
    .family = PS_REMAP,
    .block_new = block_new,
    .block_grow = block_grow,
    .block_free = block_free,
};
