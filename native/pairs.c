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

/* A warm-up takes as much of the schedule as fits into twice this, in steps of about so many bytes. */
#define WARM_UP_NS 400000u
#define WARM_UP_STEP_BYTES ((size_t)512 << 10)

static void reverse(uint32_t *slots, size_t n)
{
    for (size_t i = 0; i < n / 2; i++) {
        const uint32_t slot = slots[i];

        slots[i] = slots[n - 1 - i];
        slots[n - 1 - i] = slot;
    }
}

/* Reads the schedule's first page; the processor itself fetches ahead what a round after another reads. */
static void read_first(const uint32_t *slots, size_t n)
{
    for (size_t i = 0; i < n && i < PS_BASE_PAGE / sizeof *slots; i += 16) /* one for each line of the cache */
        (void)*(const volatile uint32_t *)&slots[i];
}

static int run_reversed(struct ps_work *work, size_t begin, size_t end)
{
    reverse(work->a + begin, end - begin);
    reverse(work->b + begin, end - begin);
    const int failed = work->workload->run(work, begin, end);

    reverse(work->a + begin, end - begin);
    reverse(work->b + begin, end - begin);
    return failed;
}

/* Undoes the schedule's last pairs, from the last on, and does them again. So what caches hold when the first round
 * begins is what the end of a round leaves there. */
int ps_pairs_warm_up(struct ps_work *work)
{
    const size_t step = WARM_UP_STEP_BYTES / work->region.page_bytes + 1;
    const uint64_t begin_ns = ps_now_ns();
    size_t begin = work->iterations;
    int failed = 0;

    while (!failed && begin > 0 && ps_now_ns() - begin_ns < WARM_UP_NS) {
        const size_t end = begin;

        begin -= begin < step ? begin : step;
        failed = run_reversed(work, begin, end);
    }
    if (failed)
        return failed;
    read_first(work->a, work->iterations);
    read_first(work->b, work->iterations);
    return work->workload->run(work, begin, work->iterations);
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

/* Pages in what the method takes for one page. */
uint64_t ps_pairs_run_pages(const struct ps_work *work)
{
    return work->region.page_bytes / work->trial->page_bytes;
}

/* Two for each pair but those of a page with itself, which only a given schedule has. */
uint64_t ps_pairs_page_moves(const struct ps_work *work)
{
    uint64_t pairs = work->iterations;

    if (!ps_moves_pages(work->method))
        return 0;
    for (size_t i = 0; work->trial->given_a && i < work->iterations; i++)
        pairs -= work->a[i] == work->b[i];
    return 2 * pairs * ps_pairs_run_pages(work);
}

void ps_pairs_release(struct ps_work *work)
{
    free(work->model);
    free(work->b);
    free(work->a);
}
