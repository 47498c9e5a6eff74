/* The runs of a share: neighbouring pages that are handed over together, by workloads of which every round takes each
 * run once at most. */
#include <stdlib.h>

#include "pageswap.h"

static struct iovec run_at(const struct ps_region *region, size_t first, size_t run_pages)
{
    const size_t pages = region->pages - first < run_pages ? region->pages - first : run_pages;

    return (struct iovec){ps_slot(region, first), pages * region->page_bytes};
}

static void lay_runs(struct ps_work *work, struct ps_runs *runs)
{
    const size_t run_pages = ps_or_one(work->trial->run_pages);
    struct ps_generator generator;

    ps_generator_seed(&generator, work->seed);
    for (size_t i = 0; i < runs->pass; i++)
        runs->list[i] = run_at(&work->region, i * run_pages, run_pages);
    for (size_t i = runs->pass; i > 1; i--) {
        const uint32_t j = ps_generator_below(&generator, (uint32_t)i);
        const struct iovec taken = runs->list[i - 1];

        runs->list[i - 1] = runs->list[j];
        runs->list[j] = taken;
    }
    for (size_t i = 0; i < runs->pass; i++)
        runs->list[runs->pass + i] = runs->list[i];
}

int ps_runs_prepare(struct ps_work *work, const char *no_more)
{
    const size_t pages = work->region.pages, run_pages = ps_or_one(work->trial->run_pages);
    struct ps_runs *runs;

    if (!(work->model = ps_allocate(work, pages, sizeof *work->model, "malloc (model)")) ||
        !(runs = work->runs = ps_allocate(work, 1, sizeof *runs, "malloc (runs)")))
        return -ENOMEM;
    *runs = (struct ps_runs){.pass = (pages + run_pages - 1) / run_pages};
    if ((work->iterations + work->trial->rounds - 1) / work->trial->rounds > runs->pass)
        return ps_error_set(&work->error, EINVAL, "rounds", no_more);
    if (!(runs->list = ps_allocate(work, 2 * runs->pass, sizeof *runs->list, "malloc (runs)")))
        return -ENOMEM;
    for (size_t slot = 0; slot < pages; slot++)
        work->model[slot] = (uint32_t)slot;
    lay_runs(work, runs);
    return 0;
}

/* Of a round's iterations, from the first of them on. */
const struct iovec *ps_runs_from(const struct ps_work *work, size_t begin)
{
    return work->runs->list + begin % work->runs->pass;
}

size_t ps_runs_slot(const struct ps_work *work, const unsigned char *at)
{
    return (size_t)(at - work->region.base) / work->region.page_bytes;
}

int ps_runs_verify(struct ps_work *work, ps_result *result)
{
    const struct ps_runs *const runs = work->runs;

    if (!runs->is_wrong)
        return ps_verify(work, result);
    result->wrong_slot = runs->wrong.wrong_slot;
    result->wrong_offset = runs->wrong.wrong_offset;
    result->found_word = runs->wrong.found_word;
    result->expected_word = runs->wrong.expected_word;
    result->is_misplaced = runs->wrong.is_misplaced;
    return 1;
}

void ps_runs_release(struct ps_work *work)
{
    if (work->runs)
        free(work->runs->list);
    free(work->runs);
    free(work->model);
}
