/* index: exchanges two entries of a table of pointers to the pages.
 *
 * System calls: none. Moves: 16 bytes of table a swap; the pages stay where they are and are reached through the
 * table. Needs: that every reader of a page goes through the table. The bound that no move of a page can beat; not a
 * move: an address taken before the swap still shows the old page. */
#include <stdlib.h>

#include "../pageswap.h"

static int setup(struct ps_region *region)
{
    unsigned char **const table = malloc(region->pages * sizeof *table);

    if (!table)
        return ps_fail(region, "malloc (page table)");
    for (size_t slot = 0; slot < region->pages; slot++)
        table[slot] = ps_slot(region, slot);
    region->private = table;
    return 0;
}

static int swap_many(struct ps_region *region, const uint32_t *a, const uint32_t *b, size_t n)
{
    unsigned char **const table = region->private;

    for (size_t i = 0; i < n; i++) {
        unsigned char *const page = table[a[i]];

        table[a[i]] = table[b[i]];
        table[b[i]] = page;
        ps_touch(region, table[a[i]]);
        ps_touch(region, table[b[i]]);
    }
    return 0;
}

static const unsigned char *locate(struct ps_region *region, size_t slot)
{
    return ((unsigned char **)region->private)[slot];
}

static void teardown(struct ps_region *region)
{
    free(region->private);
}

const struct ps_method ps_method_index = {
    .name = "index",
    .summary = "exchanges two pointers in a table: the bound that no move of a page can beat",
    .family = PS_WINDOW,
    .scratch = PS_SCRATCH_NONE,
    .memory = PS_ANY_MEMORY,
    .setup = setup,
    .swap_many = swap_many,
    .locate = locate,
    .teardown = teardown,
};
