/* mremap_may_move: enlarges a mapping that has a neighbour right behind it, so that the kernel moves it.
 *
 * System calls: mremap(MREMAP_MAYMOVE). Moves: page-table entries, or whole page tables where old and new address
 * allow; no bytes. Needs: nothing. Not growth in place: see mremap_in_place. */
#include "../grow_blocks.h"

static unsigned char *block_grow(unsigned char *block, size_t old_bytes, size_t new_bytes)
{
    return ps_block_remap(block, old_bytes, new_bytes, MREMAP_MAYMOVE);
}

const struct ps_method ps_method_mremap_may_move = {
    .name = "mremap_may_move",
    .summary = "mremap(MREMAP_MAYMOVE) of a block that cannot grow where it is",
    .family = PS_REMAP,
    .block_new = ps_block_between,
    .block_grow = block_grow,
    .block_free = ps_block_unmap,
};
