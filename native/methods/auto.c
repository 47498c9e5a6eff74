/* auto: what the mover would do, the library that programs link: for each call the way that it predicts to be fastest.
 *
 * System calls: those of the way that is chosen, UFFDIO_MOVE, mremap(MREMAP_DONTUNMAP) or none. Moves: bytes or
 * page-table entries. Needs: nothing; what a host lacks is not chosen. It chooses by the built-in profile, so that what
 * is measured is the program and not what this user's calibration found, unless PAGESWAP_MOVER_PROFILE names a profile.
 * A schedule of `swap` is never composed. */
#include <stdlib.h>

#include "../mover/choose.h"

#define RUNS_A_LIST ((size_t)128)

static int read_profile(struct ps_region *region, pm_profile **profile)
{
    const char *const path = getenv("PAGESWAP_MOVER_PROFILE");
    const int failed = path ? pm_calibrate(profile, 0, path) : 0;

    return failed ? ps_error_set(region->error, -failed, "pm_calibrate",
                                 "PAGESWAP_MOVER_PROFILE names no profile of this host; make one with 'inv mover "
                                 "--calibrate', or unset it")
                  : 0;
}

static int setup(struct ps_region *region)
{
    pm_profile *profile = NULL;
    const struct pm_options options = {
        .slot_bytes = region->page_bytes,
        .flags = (region->is_alone ? PM_SINGLE_THREADED : 0) | (region->is_read ? PM_COPY_ONLY : 0),
    };
    const size_t bytes = (region->pages + region->spare_pages) * region->page_bytes;
    pm_region *mover;
    int failed = read_profile(region, &profile);

    if (failed)
        return failed;
    failed = pm_open(&mover, region->base, bytes, &options, profile);
    pm_profile_free(profile);
    if (failed)
        return ps_error_set(region->error, -failed, "pm_open", "");
    mover->memory.touch = region->touch;
    mover->memory.touch_bytes = region->touch_bytes;
    region->private = mover;
    return 0;
}

static void teardown(struct ps_region *region)
{
    (void)pm_close(region->private);
    region->private = NULL;
}

static int told(const struct ps_region *region, int failed)
{
    return failed ? ps_error_set(region->error, -failed, pm_failed_call(region->private), "") : 0;
}

static int swap_many(struct ps_region *region, const uint32_t *a, const uint32_t *b, size_t n)
{
    return told(region, pm_swap_each(region->private, a, b, n));
}

static int permute(struct ps_region *region, uint32_t *from, const uint32_t *a, const uint32_t *b, size_t n)
{
    (void)from;
    return told(region, pm_swap_lists(region->private, a, b, n));
}

static uint32_t slot_of(const struct ps_region *region, const unsigned char *at)
{
    return (uint32_t)((size_t)(at - region->base) / region->page_bytes);
}

static int move_many(struct ps_region *region, const struct ps_move *moves, size_t n, size_t *done)
{
    const unsigned release =
        (region->give_back ? PM_RELEASE_SOURCE : PM_RELEASE_NONE) | (region->places_are_empty ? PM_EMPTY_PLACES : 0);
    pm_run runs[RUNS_A_LIST];
    int failed = 0;

    *done = 0;
    for (size_t first = 0, count, complete; first < n && !failed; first += count) {
        count = n - first < RUNS_A_LIST ? n - first : RUNS_A_LIST;
        for (size_t i = 0; i < count; i++) {
            const struct ps_move *const move = &moves[first + i];

            runs[i] = (pm_run){slot_of(region, move->to), slot_of(region, move->from), (uint32_t)move->pages};
        }
        failed = pm_move(region->private, runs, count, release, &complete);
        *done = first + complete;
    }
    return told(region, failed);
}

const struct ps_method ps_method_auto = {
    .name = "auto",
    .summary = "what the mover, the library for programs, predicts to be the fastest way for each call",
    .family = PS_COPY,
    .flags = PS_ONE_WAY,
    .scratch = PS_SCRATCH_NONE,
    .memory = PS_ANY_MEMORY,
    .setup = setup,
    .swap_many = swap_many,
    .move_many = move_many,
    .permute = permute,
    .teardown = teardown,
};
