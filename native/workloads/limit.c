/* limit: what this host's memory allows at most, so that every other result can be given as a share of it.
 *
 * A method that swaps exchanges neighbours in address order, (0,1) (2,3) ..., where hardware prefetchers, page walks
 * and DRAM rows are at their best. A method that copies in streams copies two pages an iteration from the lower half of
 * the share to the upper: as many bytes read and written as by a swap that uses no temporary, so the two can be
 * compared. */
#include "../pageswap.h"

/* Pages that a stream copy takes in one iteration. */
#define COPIES ((size_t)2)

static int can(const struct ps_method *method)
{
    return method->swap_many != NULL || method->copy_many != NULL;
}

static void lay_copies(struct ps_work *work)
{
    const size_t half = work->region.pages / 2;

    for (size_t i = 0; i < COPIES * work->iterations; i++) {
        work->a[i] = (uint32_t)(i % half);
        work->b[i] = (uint32_t)(half + i % half);
    }
}

static int prepare(struct ps_work *work)
{
    const size_t pages = work->region.pages;
    const size_t entries = (work->method->copy_many ? COPIES : 1) * work->iterations;

    if (!(work->a = ps_allocate(work, entries, sizeof *work->a, "malloc (schedule)")) ||
        !(work->b = ps_allocate(work, entries, sizeof *work->b, "malloc (schedule)")) ||
        !(work->model = ps_allocate(work, pages, sizeof *work->model, "malloc (model)")))
        return -ENOMEM;
    for (size_t slot = 0; slot < pages; slot++)
        work->model[slot] = (uint32_t)slot;
    if (work->method->copy_many)
        lay_copies(work);
    else
        ps_schedule_make(PS_PATTERN_sequential, 1, work->seed, pages, work->iterations, work->a, work->b);
    return 0;
}

static int run(struct ps_work *work, size_t begin, size_t end)
{
    const struct ps_method *const method = work->method;

    if (method->copy_many)
        return method->copy_many(&work->region, work->a + COPIES * begin, work->b + COPIES * begin,
                                 COPIES * (end - begin));
    return method->swap_many(&work->region, work->a + begin, work->b + begin, end - begin);
}

/* What was copied once is copied again by the rounds, and comes out the same. */
static int warm_up(struct ps_work *work)
{
    const size_t most = PS_WARM_UP_BYTES / COPIES / work->region.page_bytes + 1;

    if (work->method->copy_many)
        return run(work, work->iterations < most ? 0 : work->iterations - most, work->iterations);
    return ps_pairs_warm_up(work);
}

static uint64_t page_moves(const struct ps_work *work)
{
    return work->method->copy_many ? COPIES * work->iterations : ps_pairs_page_moves(work);
}

static int verify(struct ps_work *work, ps_result *result)
{
    if (work->method->copy_many)
        for (size_t i = 0; i < COPIES * work->iterations; i++)
            work->model[work->b[i]] = work->model[work->a[i]];
    else
        ps_pairs_model(work, 0, work->iterations);
    return ps_verify(work, result);
}

const struct ps_workload_ops ps_workload_limit = {
    .name = "limit",
    .is_full = 1,
    .hooks_use_scratch = 1,
    .can = can,
    .prepare = prepare,
    .warm_up = warm_up,
    .run = run,
    .page_moves = page_moves,
    .verify = verify,
    .release = ps_pairs_release,
};
