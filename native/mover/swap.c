/* Swaps: one, or a list of them as if one by one. */
#include "choose.h"
#include "permutation.h"
#include "remap.h"

/* Pairs are handed over to kernels in lists of so many, which lie on the stack. */
#define PAIRS_A_LIST ((size_t)512)

/* Where the way back to a mapping of the first slot's fails, its page is at the second's. */
static int swap_remapped(pm_region *region, uint32_t a, uint32_t b)
{
    struct ps_region *const memory = &region->memory;
    unsigned char *const page_a = ps_slot(memory, a), *const page_b = ps_slot(memory, b);
    int64_t moved = 0;

    if (a == b)
        return 0;
    if (!pm_remap_is_ready(region) || pm_carry(region, memory->scratch, page_b, 1, 1) < 0) {
        region->kernels->swap(memory, &a, &b, 1);
        return 0;
    }
    if ((moved = pm_carry(region, page_b, page_a, 1, 1)) >= 0)
        moved = pm_carry(region, page_a, memory->scratch, 1, 1);
    if (moved < 0)
        return pm_fail(region, (int)-moved, "mmap");
    ps_touch(memory, page_a);
    ps_touch(memory, page_b);
    return 0;
}

int pm_swap(pm_region *region, uint32_t a, uint32_t b)
{
    if (!region || a >= region->memory.pages || b >= region->memory.pages)
        return region ? pm_fail(region, EINVAL, "") : -EINVAL;
    if (!region->kernels_for_one)
        return swap_remapped(region, a, b);
    region->kernels_for_one->swap(&region->memory, &a, &b, 1);
    return 0;
}

int pm_swap_each(pm_region *region, const uint32_t *a, const uint32_t *b, size_t n)
{
    int failed = 0;

    if (region->kernels_for_one) {
        region->kernels_for_one->swap(&region->memory, a, b, n);
        return 0;
    }
    for (size_t i = 0; i < n && !failed; i++)
        failed = swap_remapped(region, a[i], b[i]);
    return failed;
}

/* How a list of pairs is carried out. */
struct swaps {
    pm_region *region;
    enum pm_way way;
    const struct pm_kernels *kernels;
    int is_composed;
};

static struct swaps begin(pm_region *region, size_t n)
{
    const enum pm_way way = pm_way_for(region, PM_SWAP, 1, n);

    return (struct swaps){
        .region = region,
        .way = way,
        .kernels = pm_kernels_for(region, way),
        .is_composed = way == PM_BY_REMAP || (way == PM_BY_KERNEL && !pm_is_one_by_one(region, n)),
    };
}

static void add(const struct swaps *swaps, const uint32_t *a, const uint32_t *b, size_t n)
{
    if (swaps->is_composed)
        ps_compose(swaps->region->from, a, b, n);
    else
        swaps->kernels->swap(&swaps->region->memory, a, b, n);
}

static int end(const struct swaps *swaps)
{
    return swaps->is_composed ? pm_move_cycles(swaps->region, swaps->way, swaps->region->memory.pages) : 0;
}

int pm_swap_lists(pm_region *region, const uint32_t *a, const uint32_t *b, size_t n)
{
    const struct swaps swaps = begin(region, n);

    add(&swaps, a, b, n);
    return end(&swaps);
}

static int all_lie_in(const pm_region *region, const pm_pair *pairs, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (pairs[i].a >= region->memory.pages || pairs[i].b >= region->memory.pages)
            return 0;
    return 1;
}

int pm_swap_many(pm_region *region, const pm_pair *pairs, size_t n, size_t *done)
{
    uint32_t a[PAIRS_A_LIST], b[PAIRS_A_LIST];
    size_t ignored;

    done = done ? done : &ignored;
    *done = 0;
    if (!region)
        return -EINVAL;
    if ((!pairs && n > 0) || !all_lie_in(region, pairs, n))
        return pm_fail(region, EINVAL, "");
    const struct swaps swaps = begin(region, n);

    for (size_t first = 0, count; first < n; first += count) {
        count = n - first < PAIRS_A_LIST ? n - first : PAIRS_A_LIST;
        for (size_t i = 0; i < count; i++) {
            a[i] = pairs[first + i].a;
            b[i] = pairs[first + i].b;
        }
        add(&swaps, a, b, count);
    }
    const int failed = end(&swaps);

    *done = failed ? 0 : n;
    return failed;
}
