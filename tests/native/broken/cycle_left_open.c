/* cycle_left_open: rotates each cycle of a batch, but the page of its first slot never gets to the last one. */
#include <stdlib.h>
#include <string.h>

#include "../cycles.h"

static int permute(struct ps_region *region, uint32_t *from, const uint32_t *a, const uint32_t *b, size_t n)
{
    const struct ps_cycles *const cycles = region->private;
    const struct ps_slots_named named = ps_slots_named(region, a, b, n);

    ps_compose(from, a, b, n);
    ps_cycles_find(region->private, from, &named);
    for (size_t cycle = 0; cycle < cycles->count; cycle++)
        for (size_t i = ps_cycle_begin(cycles, cycle); i + 1 < cycles->ends[cycle]; i++)
            memcpy(ps_slot(region, cycles->slots[i]), ps_slot(region, cycles->slots[i + 1]), region->page_bytes);
    return 0;
}

const struct ps_method ps_method_cycle_left_open = {
    .name = "cycle_left_open",
    .summary = "broken on purpose",
    .family = PS_COPY,
    .scratch = PS_SCRATCH_NONE,
    .memory = PS_ANY_MEMORY,
    .setup = ps_cycles_new,
    .permute = permute,
    .teardown = ps_cycles_free,
};
