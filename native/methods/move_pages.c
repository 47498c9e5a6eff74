/* move_pages: lets the kernel move pages to another NUMA node, where they keep their addresses.
 *
 * System calls: move_pages, one for up to 16,384 pages, and another one for those that it left where they were. Moves:
 * bytes, which the kernel copies into pages of the other node, and page-table entries, which are taken out before and
 * set anew after; the mapping stays, and who reads or writes there meanwhile waits. Huge pages move whole. Needs: a
 * kernel with NUMA, memory on two nodes; each page mapped by this process alone. */
#include <stdlib.h>
#include <string.h>

#include "../node_moves.h"
#include "../numa.h"

static int migrate_many(struct ps_region *region, const struct iovec *runs, size_t n, unsigned node)
{
    struct ps_node_moves *const moves = region->private;
    const char *call = "";
    const int failed = ps_node_moves_run(moves, runs, n, region->fault_bytes, node, &call);

    region->retries += moves->retries;
    moves->retries = 0;
    return failed ? ps_error_set(region->error, -failed, call, "") : 0;
}

static int setup(struct ps_region *region)
{
    if (!(region->private = malloc(sizeof(struct ps_node_moves))))
        return ps_error_set(region->error, ENOMEM, "malloc (pages)", "");
    memset(region->private, 0, sizeof(struct ps_node_moves)); /* its faults belong to the set-up */
    return 0;
}

static void teardown(struct ps_region *region)
{
    free(region->private);
    region->private = NULL;
}

const struct ps_method ps_method_move_pages = {
    .name = "move_pages",
    .summary = "one move_pages for up to 16,384 pages: the kernel copies each to the other NUMA node",
    .family = PS_REMAP,
    .flags = PS_COUNTS_REFUSALS,
    .scratch = PS_SCRATCH_NONE,
    .memory = PS_KIND(PS_ANON) | PS_KIND(PS_SHARED_ANON) | PS_KIND(PS_MEMFD) | PS_KIND(PS_HUGETLB),
    .probe = ps_nodes_probe,
    .setup = setup,
    .migrate_many = migrate_many,
    .teardown = teardown,
};
