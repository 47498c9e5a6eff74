/* Permutations: one that is given, and is checked to be one, or that of a list of swaps. */
#include <string.h>

#include "permutation.h"
#include "remap.h"
#include "workers.h"

/* The first page waits in the scratch, and every other one goes to the slot before it. */
static int remap_cycle(pm_region *region, const uint32_t *slots, size_t count)
{
    struct ps_region *const memory = &region->memory;
    int64_t moved = pm_carry(region, memory->scratch, ps_slot(memory, slots[0]), 1, 1);

    for (size_t i = 0; i + 1 < count && moved >= 0; i++)
        moved = pm_carry(region, ps_slot(memory, slots[i]), ps_slot(memory, slots[i + 1]), 1, 1);
    if (moved >= 0)
        moved = pm_carry(region, ps_slot(memory, slots[count - 1]), memory->scratch, 1, 1);
    for (size_t i = 0; i < count && moved >= 0; i++)
        ps_touch(memory, ps_slot(memory, slots[i]));
    return moved < 0 ? pm_fail(region, (int)-moved, "mmap") : 0;
}

static int remap_cycles(pm_region *region)
{
    const struct ps_cycles *const cycles = region->memory.private;
    int failed = 0;

    for (size_t cycle = 0; cycle < cycles->count && !failed; cycle++)
        failed = remap_cycle(region, cycles->slots + ps_cycle_begin(cycles, cycle), ps_cycle_length(cycles, cycle));
    return failed;
}

int pm_move_cycles(pm_region *region, enum pm_way way, size_t n)
{
    const struct ps_slots_named all = {NULL, NULL, n};
    struct ps_cycles *const cycles = region->memory.private;

    ps_cycles_find(cycles, region->from, &all);
    if (way == PM_BY_REMAP)
        return remap_cycles(region);
    if (way == PM_BY_KERNEL && pm_is_shared(region, ps_cycle_begin(cycles, cycles->count)))
        pm_rotate_by_all(region, region->kernels);
    else
        pm_kernels_for(region, way)->rotate(&region->memory);
    return 0;
}

/* Each number below n once? The list of cycles serves as the place to note, of each number, where it stands. */
static int is_permutation(uint32_t *where, const uint32_t *source_of, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (source_of[i] >= n)
            return 0;
        where[source_of[i]] = (uint32_t)i;
    }
    for (size_t i = 0; i < n; i++)
        if (where[source_of[i]] != i)
            return 0;
    return 1;
}

int pm_permute(pm_region *region, const uint32_t *source_of, size_t n, size_t *done)
{
    size_t ignored;

    done = done ? done : &ignored;
    *done = 0;
    if (!region)
        return -EINVAL;
    const struct ps_cycles *const cycles = region->memory.private;

    if (n > region->memory.pages || (!source_of && n > 0) || !is_permutation(cycles->slots, source_of, n))
        return pm_fail(region, EINVAL, "");
    if (n > 0)
        memcpy(region->from, source_of, n * sizeof *source_of);
    const int failed = pm_move_cycles(region, pm_way_for(region, PM_PERMUTE, 1, n), n);

    *done = failed ? 0 : n;
    return failed;
}
