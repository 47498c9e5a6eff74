/* grown_short: malloc_copy, but the last 4 KiB of what the block had are left out. */
#include <stdlib.h>
#include <string.h>

#include "../pageswap.h"

static unsigned char *block_new(size_t bytes, size_t final_bytes)
{
    (void)final_bytes;
    return calloc(bytes, 1);
}

static unsigned char *block_grow(unsigned char *block, size_t old_bytes, size_t new_bytes)
{
    unsigned char *const grown = calloc(new_bytes, 1);

    if (!grown)
        return NULL;
    memcpy(grown, block, old_bytes - PS_BASE_PAGE);
    free(block);
    return grown;
}

static void block_free(const struct ps_block *block)
{
    free(block->bytes);
}

const struct ps_method ps_method_grown_short = {
    .name = "grown_short",
    .summary = "broken on purpose",
    .family = PS_COPY,
    .block_new = block_new,
    .block_grow = block_grow,
    .block_free = block_free,
};
