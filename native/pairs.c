/* The pairs of a share: its schedule, and the model that says where every page must be after it. */
#include <stdlib.h>
#include <string.h>

#include "pageswap.h"

static int take_given(struct ps_work *work)
{
    const ps_trial *const trial = work->trial;

    for (size_t i = 0; i < work->iterations; i++)
        if (trial->given_a[i] >= work->region.pages || trial->given_b[i] >= work->region.pages)
            return ps_error_set(&work->error, EINVAL, "schedule", "a given slot lies outside the region");
    memcpy(work->a, trial->given_a, work->iterations * sizeof *work->a);
    memcpy(work->b, trial->given_b, work->iterations * sizeof *work->b);
    return 0;
}

int ps_pairs_prepare(struct ps_work *work)
{
    if (!(work->a = ps_allocate(work, work->iterations, sizeof *work->a, "malloc (schedule)")) ||
        !(work->b = ps_allocate(work, work->iterations, sizeof *work->b, "malloc (schedule)")) ||
        !(work->model = ps_allocate(work, work->region.pages, sizeof *work->model, "malloc (model)")))
        return -ENOMEM;
    for (size_t slot = 0; slot < work->region.pages; slot++)
        work->model[slot] = (uint32_t)slot;
    if (work->trial->given_a)
        return take_given(work);
    ps_schedule_make((enum ps_pattern)ps_word_find("pattern", work->trial->pattern), ps_or_one(work->trial->distance),
                     work->seed, work->region.pages, work->iterations, work->a, work->b);
    return 0;
}

/* Applies the swaps begin .. end-1 to the model, unless the method is the control that moves nothing. */
void ps_pairs_model(struct ps_work *work, size_t begin, size_t end)
{
    if (work->method->flags & PS_MOVES_NOTHING)
        return;
    for (size_t i = begin; i < end; i++) {
        const uint32_t page = work->model[work->a[i]];

        work->model[work->a[i]] = work->model[work->b[i]];
        work->model[work->b[i]] = page;
    }
}

/* Two for each pair but those of a page with itself, which only a given schedule has. */
uint64_t ps_pairs_page_moves(const struct ps_work *work)
{
    uint64_t pairs = work->iterations;

    if (!ps_moves_pages(work->method))
        return 0;
    for (size_t i = 0; work->trial->given_a && i < work->iterations; i++)
        pairs -= work->a[i] == work->b[i];
    return 2 * pairs;
}

void ps_pairs_release(struct ps_work *work)
{
    free(work->model);
    free(work->b);
    free(work->a);
}
