/* traced_serves: uffd_copy, which says of each run that is handed over by itself which slot it goes to, to who stands
 * before access(). For tests. */
#include <stdio.h>
#include <unistd.h>

#include "../pageswap.h"

extern const struct ps_method ps_method_uffd_copy;

static int setup(struct ps_region *region)
{
    return ps_method_uffd_copy.setup(region);
}

static int move_many(struct ps_region *region, const struct ps_move *moves, size_t n, size_t *done)
{
    char text[64];

    (void)snprintf(text, sizeof text, "traced:run %zu", (size_t)(moves->to - region->base) / region->page_bytes);
    if (n == 1)
        (void)access(text, F_OK);
    return ps_method_uffd_copy.move_many(region, moves, n, done);
}

static void teardown(struct ps_region *region)
{
    ps_method_uffd_copy.teardown(region);
}

const struct ps_method ps_method_traced_serves = {
    .name = "traced_serves",
    .summary = "tells what it brings; for tests",
    .family = PS_COPY,
    .flags = PS_ONE_WAY | PS_FILLS_EMPTY | PS_SERVES,
    .scratch = PS_SCRATCH_ADDRESSES,
    .memory = PS_KIND(PS_ANON),
    .setup = setup,
    .move_many = move_many,
    .teardown = teardown,
};
