/* compact: live pages, scattered over the region in runs, slide down until no gap is left between them, in the order of
 * their addresses, as a compacting collector lays them. An iteration is one live page.
 *
 * `occupancy` percent of the pages live, in runs of 1 to 2 * run_pages - 1 pages (each length as likely, so run_pages
 * on average, and none longer than all of them), with gaps of random length between them; the first page is never live,
 * so that every run moves. Where a run is longer than its way it overlaps its place. The round is one compaction:
 * memory is as it finds it only once. */
#include <stdlib.h>

#include "../pageswap.h"

static int can(const struct ps_method *method)
{
    return method->move_many != NULL;
}

/* Of a share of so many pages. */
static size_t live_pages(const ps_trial *trial, size_t pages)
{
    const size_t live = (size_t)((unsigned __int128)pages * trial->occupancy / 100);

    return live ? live : 1;
}

static int check(struct ps_work *work)
{
    const ps_trial *const trial = work->trial;
    const uint64_t pages = trial->region_bytes / trial->page_bytes;
    uint64_t live = 0;

    if (trial->occupancy < 1 || trial->occupancy > 99)
        return ps_error_set(&work->error, EINVAL, "occupancy", "must be 1 to 99");
    for (uint64_t thread = 0; thread < trial->threads; thread++)
        live += live_pages(trial, pages * (thread + 1) / trial->threads - pages * thread / trial->threads);
    if (trial->rounds != 1 || trial->iterations != live)
        return ps_error_set(&work->error, EINVAL, "iterations", "must be the live pages of all threads, in one round");
    return 0;
}

/* Fills `lengths`, which has room for `live` runs; returns how many there are. */
static size_t draw_runs(struct ps_generator *generator, size_t run_pages, size_t live, uint32_t *lengths)
{
    const uint32_t longest = 2 * run_pages - 1 < live ? (uint32_t)(2 * run_pages - 1) : (uint32_t)live;
    size_t n = 0;

    for (size_t left = live; left > 0; left -= lengths[n++]) {
        const size_t length = 1 + ps_generator_below(generator, longest);

        lengths[n] = (uint32_t)(length < left ? length : left);
    }
    return n;
}

/* The gap before one of `runs` runs that are still to be laid into what is free: on average its part of that. */
static size_t draw_gap(struct ps_generator *generator, size_t nothing, size_t runs)
{
    const size_t most = 2 * nothing / runs < nothing ? 2 * nothing / runs : nothing;

    return ps_generator_below(generator, (uint32_t)most + 1);
}

static int add_runs(struct ps_work *work, const uint32_t *lengths, size_t n, struct ps_generator *generator,
                    size_t live)
{
    size_t nothing = work->region.pages - live - 1, from = 1, to = 0;
    int failed = 0;

    for (size_t i = 0; i < n && !failed; i++) {
        const size_t gap = draw_gap(generator, nothing, n - i);

        nothing -= gap;
        failed = ps_played_add(work, to, from + gap, lengths[i]);
        from += gap + lengths[i];
        to += lengths[i];
    }
    return failed ? failed : ps_played_end_batch(work);
}

static int prepare(struct ps_work *work)
{
    const size_t live = live_pages(work->trial, work->region.pages);
    struct ps_generator generator;
    int failed = check(work);
    uint32_t *lengths;

    if (failed || (failed = ps_played_begin(work)) != 0)
        return failed;
    if (!(lengths = ps_allocate(work, live, sizeof *lengths, "malloc (runs)")))
        return -ENOMEM;
    ps_generator_seed(&generator, work->seed);
    const size_t n = draw_runs(&generator, ps_or_one(work->trial->run_pages), live, lengths);

    failed = add_runs(work, lengths, n, &generator, live);
    free(lengths);
    return failed ? failed : ps_played_lay(work);
}

const struct ps_workload_ops ps_workload_compact = {
    .name = "compact",
    .lays_pages = 1,
    .leaves_places = 1,
    .can = can,
    .prepare = prepare,
    .run = ps_played_run,
    .page_moves = ps_played_page_moves,
    .verify = ps_played_verify,
    .rescue = ps_played_follow,
    .release = ps_played_release,
};
