/* served_wrong: uffd_copy, but a run that is handed over by itself, as for who waits for it, gets a wrong last byte. */
#include "../pageswap.h"

extern const struct ps_method ps_method_uffd_copy;

static int setup(struct ps_region *region)
{
    return ps_method_uffd_copy.setup(region);
}

static int move_many(struct ps_region *region, const struct ps_move *moves, size_t n, size_t *done)
{
    const int failed = ps_method_uffd_copy.move_many(region, moves, n, done);

    if (!failed && n == 1)
        moves->to[moves->pages * region->page_bytes - 1] ^= 1;
    return failed;
}

static void teardown(struct ps_region *region)
{
    ps_method_uffd_copy.teardown(region);
}

const struct ps_method ps_method_served_wrong = {
    .name = "served_wrong",
    .summary = "broken on purpose",
    .family = PS_COPY,
    .flags = PS_ONE_WAY | PS_FILLS_EMPTY | PS_SERVES,
    .scratch = PS_SCRATCH_ADDRESSES,
    .memory = PS_KIND(PS_ANON),
    .setup = setup,
    .move_many = move_many,
    .teardown = teardown,
};
