/* mremap_tried_first: tries to enlarge a mapping where it is, in vain, and then lets the kernel move it.
 *
 * System calls: mremap without MREMAP_MAYMOVE, which fails with ENOMEM for the neighbour behind the block, and
 * mremap(MREMAP_MAYMOVE). Moves: as mremap_may_move. Needs: nothing. What an allocator pays that wants to know first
 * whether pointers into the block stay good. */
#include "../grow_blocks.h"

static unsigned char *block_grow(unsigned char *block, size_t old_bytes, size_t new_bytes)
{
    unsigned char *const stayed = ps_block_remap(block, old_bytes, new_bytes, 0);

    return stayed ? stayed : ps_block_remap(block, old_bytes, new_bytes, MREMAP_MAYMOVE);
}

const struct ps_method ps_method_mremap_tried_first = {
    .name = "mremap_tried_first",
    .summary = "mremap() in place, which fails, and then mremap(MREMAP_MAYMOVE)",
    .family = PS_REMAP,
    .block_new = ps_block_between,
    .block_grow = block_grow,
    .block_free = ps_block_unmap,
};
