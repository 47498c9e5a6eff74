/* The model: every way's time is so much for a call and so much for each 4 KiB, and both are in the profile. What is
 * not measured is where the pages lie: a region that fits into a cache is taken to be in there. */
#include "choose.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "remap.h"
#include "workers.h"

/* Of places that decide whether their run is remapped, one in so many is looked at: that takes as long as a short run.
 */
#define UNSEEN_RUNS 64u
#define LOOKED_AT ((size_t)64) /* base pages of such a place */

/* Predictions are not exact, and memcpy is what a program would do anyway: something else must be so much better. */
#define WORTH_IT 1.05

static double cost(const pm_region *region, enum pm_cost which)
{
    return region->profile.cost[which];
}

/* `of_l2` is followed by what the farther tiers cost. */
static double by_tier(const pm_region *region, enum pm_cost of_l2)
{
    const double bytes = (double)region->memory.pages * (double)region->memory.page_bytes;
    const enum pm_tier tier = bytes <= cost(region, PM_l2_bytes)    ? PM_L2
                              : bytes <= cost(region, PM_llc_bytes) ? PM_LLC
                                                                    : PM_MEMORY;

    return cost(region, (enum pm_cost)(of_l2 + tier));
}

static double smaller(double a, double b)
{
    return a < b ? a : b;
}

/* How many of the slots n random swaps change: each misses a slot with probability 1 - 2 / slots. */
static double slots_changed(double slots, size_t n)
{
    double untouched = 1, factor = slots > 2 ? 1 - 2 / slots : 0;

    for (; n > 0; n /= 2, factor *= factor)
        untouched *= n % 2 ? factor : 1;
    return slots * (1 - untouched);
}

/* What one call of the kernel's takes that moves page-table entries of so many base pages. */
static double remap_call(const pm_region *region, double pages)
{
    const double per_table = (double)(PS_HUGE_PAGE / PS_BASE_PAGE);
    const double others = region->flags & PM_SINGLE_THREADED ? 0 : cost(region, PM_other_threads);

    switch (region->remap) {
    case PM_REMAP_UFFD:
        return others + cost(region, PM_uffd_call) +
               (region->is_huge ? pages / per_table * cost(region, PM_uffd_huge) : pages * cost(region, PM_uffd_page));
    case PM_REMAP_MREMAP:
        return others + cost(region, PM_mremap_call) +
               (region->is_in_tables ? pages / per_table * cost(region, PM_mremap_table)
                                     : pages * cost(region, PM_mremap_page));
    default:
        return PM_IMPOSSIBLE;
    }
}

static double give_back(const pm_region *region, double pages)
{
    const double others = region->flags & PM_SINGLE_THREADED ? 0 : cost(region, PM_other_threads);

    return others + cost(region, PM_give_back_call) + pages * cost(region, PM_give_back_page);
}

/* What rotating so many slots takes, and how many threads share it: all of them where that is clearly shorter. */
static double rotation(const pm_region *region, double slots, unsigned *threads)
{
    const double pages = (double)(region->memory.page_bytes / PS_BASE_PAGE);
    const double alone = slots * pages * by_tier(region, PM_rotate_l2);
    const unsigned all = pm_threads(region);
    const double serial = cost(region, PM_threads_serial);
    const double shared = (all - 1.0) * cost(region, PM_threads_call) +
                          alone * (serial + (1 - serial) / (double)pm_threads_at_once(region));

    *threads = all > 1 && shared * WORTH_IT < alone ? all : 1;
    return *threads > 1 ? shared : alone;
}

int pm_is_shared(const pm_region *region, size_t slots)
{
    unsigned threads;

    (void)rotation(region, (double)slots, &threads);
    return threads > 1;
}

int pm_is_one_by_one(const pm_region *region, size_t n)
{
    return n == 1 || ps_is_small_batch(&region->memory, n);
}

static void predict_swaps(const pm_region *region, struct pm_choice *choice, size_t n)
{
    const double slots = (double)region->memory.pages, count = (double)n;
    const double pages = (double)(region->memory.page_bytes / PS_BASE_PAGE);
    const double one_by_one = by_tier(region, PM_exchange_call_l2) + pages * by_tier(region, PM_exchange_l2);
    const double moved = slots_changed(slots, n);

    choice->ns[PM_BY_MEMCPY] =
        count * (by_tier(region, PM_memcpy_swap_call_l2) + pages * by_tier(region, PM_memcpy_swap_l2));
    choice->ns[PM_BY_KERNEL] = count * one_by_one;
    if (!pm_is_one_by_one(region, n))
        choice->ns[PM_BY_KERNEL] = count * cost(region, PM_compose) + rotation(region, moved, &choice->threads);
    choice->ns[PM_BY_REMAP] =
        n == 1 ? 3 * remap_call(region, pages)
               : count * cost(region, PM_compose) + slots + smaller(3 * count, 1.1 * moved) * remap_call(region, pages);
}

static void predict_permutation(const pm_region *region, struct pm_choice *choice, size_t n)
{
    const double pages = (double)(region->memory.page_bytes / PS_BASE_PAGE), count = (double)n;

    choice->ns[PM_BY_MEMCPY] =
        count * (by_tier(region, PM_memcpy_move_call_l2) + pages * by_tier(region, PM_memcpy_move_l2));
    choice->ns[PM_BY_KERNEL] = count * cost(region, PM_compose) + rotation(region, count, &choice->threads);
    choice->ns[PM_BY_REMAP] = count * (cost(region, PM_compose) + remap_call(region, pages));
}

/* Where nothing is given back, a way is taken to find what it left there itself: copies memory, and remaps none. */
static void predict_moves(const pm_region *region, struct pm_choice *choice, size_t slots, size_t n, int releases)
{
    const double pages = (double)(region->memory.page_bytes / PS_BASE_PAGE), count = (double)n;
    const double of_run = (double)slots * pages;
    const int is_empty = releases && region->places_are_empty;
    const double faults = is_empty && !region->is_huge ? of_run * cost(region, PM_fault_page) : 0;
    const double after = faults + (releases ? give_back(region, of_run) : 0);
    const double calls = region->remap == PM_REMAP_UFFD ? 1 : (double)slots;
    const double emptied = is_empty || !releases ? cost(region, PM_empty_call) : give_back(region, of_run);

    choice->ns[PM_BY_MEMCPY] =
        count * (by_tier(region, PM_memcpy_move_call_l2) + of_run * by_tier(region, PM_memcpy_move_l2) + after);
    choice->ns[PM_BY_KERNEL] =
        count * (by_tier(region, PM_copy_call_l2) + of_run * by_tier(region, PM_copy_l2) + after);
    choice->ns[PM_BY_REMAP] = count * (calls * remap_call(region, of_run / calls) + emptied);
}

struct pm_choice pm_choose(const pm_region *region, enum pm_operation operation, size_t slots, size_t n)
{
    struct pm_choice choice = {.way = PM_BY_MEMCPY, .threads = 1};

    if (operation == PM_SWAP)
        predict_swaps(region, &choice, n);
    else if (operation == PM_PERMUTE)
        predict_permutation(region, &choice, n);
    else
        predict_moves(region, &choice, slots, n, operation == PM_MOVE_RELEASE);
    if (region->kernels == &pm_kernels_memcpy)
        choice.ns[PM_BY_KERNEL] = PM_IMPOSSIBLE;
    if (region->remap == PM_REMAP_NONE)
        choice.ns[PM_BY_REMAP] = PM_IMPOSSIBLE;
    for (int way = PM_BY_KERNEL; way < PM_WAYS; way++)
        if (choice.ns[way] * WORTH_IT < choice.ns[PM_BY_MEMCPY] && choice.ns[way] < choice.ns[choice.way])
            choice.way = (enum pm_way)way;
    choice.threads = choice.way == PM_BY_KERNEL ? choice.threads : 1;
    choice.next = choice.way == PM_BY_MEMCPY ? PM_BY_KERNEL : PM_BY_MEMCPY;
    for (int way = PM_BY_KERNEL; way < PM_WAYS; way++)
        if (way != (int)choice.way && choice.ns[way] < choice.ns[choice.next])
            choice.next = (enum pm_way)way;
    return choice;
}

/* The shortest run from which on it is remapped. What both ways take grows evenly, so there is one such length. */
static size_t shortest_remapped(const pm_region *region, enum pm_operation operation)
{
    size_t too_short = 0, enough = region->memory.pages;

    if (pm_choose(region, operation, enough, 1).way != PM_BY_REMAP)
        return SIZE_MAX;
    while (enough - too_short > 1) {
        const size_t middle = too_short + (enough - too_short) / 2;

        if (pm_choose(region, operation, middle, 1).way == PM_BY_REMAP)
            enough = middle;
        else
            too_short = middle;
    }
    return enough;
}

void pm_choose_ahead(pm_region *region)
{
    const int places_are_empty = region->places_are_empty;
    const enum pm_way one = pm_choose(region, PM_SWAP, 1, 1).way;
    struct pm_choice move = pm_choose(region, PM_MOVE, 1, 1);

    region->kernels_for_one = one == PM_BY_REMAP ? NULL : pm_kernels_for(region, one);
    region->kernels_for_moves =
        pm_kernels_for(region, move.ns[PM_BY_KERNEL] * WORTH_IT < move.ns[PM_BY_MEMCPY] ? PM_BY_KERNEL : PM_BY_MEMCPY);
    region->remapped_from = shortest_remapped(region, PM_MOVE);
    for (int empty = 0; empty < 2; empty++) {
        region->places_are_empty = empty;
        region->released_from[empty] = shortest_remapped(region, PM_MOVE_RELEASE);
    }
    region->places_are_empty = places_are_empty;
}

int pm_would_remap(const pm_region *region)
{
    const size_t slots = region->memory.pages;

    return !region->kernels_for_one || region->remapped_from != SIZE_MAX || region->released_from[1] != SIZE_MAX ||
           pm_choose(region, PM_SWAP, 1, 2).way == PM_BY_REMAP ||
           pm_choose(region, PM_SWAP, 1, slots).way == PM_BY_REMAP ||
           pm_choose(region, PM_PERMUTE, 1, slots).way == PM_BY_REMAP;
}

const struct pm_kernels *pm_kernels_for(const pm_region *region, enum pm_way way)
{
    return way == PM_BY_MEMCPY ? &pm_kernels_memcpy : region->kernels;
}

enum pm_way pm_way_for(pm_region *region, enum pm_operation operation, size_t slots, size_t n)
{
    if (!pm_remap_is_ready(region) && operation == PM_SWAP && pm_is_one_by_one(region, n))
        return region->kernels_for_one == &pm_kernels_memcpy ? PM_BY_MEMCPY : PM_BY_KERNEL;
    return pm_choose(region, operation, slots, n).way;
}

/* Has more than half of the place no memory? Where the kernel does not tell it stays what it was. */
static void look_at(pm_region *region, const unsigned char *to, size_t slots)
{
    const size_t pages = slots * (region->memory.page_bytes / PS_BASE_PAGE);
    const size_t looked_at = pages < LOOKED_AT ? pages : LOOKED_AT;
    unsigned char present[LOOKED_AT];
    size_t count = 0;

    if (mincore((void *)(uintptr_t)to, looked_at * PS_BASE_PAGE, present) != 0)
        return;
    for (size_t page = 0; page < looked_at; page++)
        count += present[page] & 1;
    region->places_are_empty = 2 * count < looked_at;
}

enum pm_way pm_way_of_run(pm_region *region, int releases, const unsigned char *to, size_t slots)
{
    const size_t *const from = region->released_from;
    const int depends = releases && to && slots >= from[1] && slots < from[0];

    if (depends && region->runs_unseen-- == 0) {
        region->runs_unseen = UNSEEN_RUNS - 1;
        look_at(region, to, slots);
    }
    const size_t shortest = releases ? from[to ? region->places_are_empty : 1] : region->remapped_from;

    return slots < shortest || !pm_remap_is_ready(region) ? PM_BY_KERNEL : PM_BY_REMAP;
}

static const char *name_of(const pm_region *region, enum pm_operation operation, enum pm_way way, size_t n)
{
    if (way == PM_BY_REMAP)
        return region->remap == PM_REMAP_UFFD ? "uffd_move" : "mremap_dontunmap";
    if (way == PM_BY_MEMCPY)
        return "memcpy";
    if (operation == PM_PERMUTE || (operation == PM_SWAP && !pm_is_one_by_one(region, n)))
        return region->kernels->permute_name;
    return operation == PM_SWAP ? region->kernels->swap_name : region->kernels->move_name;
}

const char *pm_explain(const pm_region *region, enum pm_operation operation, size_t slots, size_t n, char *text,
                       size_t bytes)
{
    if (!region || bytes == 0)
        return bytes ? memset(text, 0, 1) : text;
    const struct pm_choice choice = pm_choose(region, operation, slots, n);
    const int has_next = choice.ns[choice.next] < PM_IMPOSSIBLE;

    (void)snprintf(
        text, bytes, "way=%s predicted_ns=%.0f next=%s next_ns=%.0f memcpy_ns=%.0f remap=%s profile=%s threads=%u",
        name_of(region, operation, choice.way, n), choice.ns[choice.way],
        has_next ? name_of(region, operation, choice.next, n) : "none", has_next ? choice.ns[choice.next] : 0.0,
        choice.ns[PM_BY_MEMCPY], region->remap_word, region->profile.key[0] ? "host" : "built_in", choice.threads);
    return text;
}
