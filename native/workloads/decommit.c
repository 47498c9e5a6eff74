/* decommit: gives memory back to the kernel and takes it again, as allocators do with what they do not need for a
 * while. An iteration is one run of `run_pages` neighbouring pages.
 *
 * A round's runs are handed over at once, in random order, each run of the region once before any comes again. With
 * `touch: none` giving back alone is timed, and they are taken again after the round; with `moved` that is timed, too:
 * what the method calls for it, and a write to each 4 KiB, which faults. Before a round its pages hold their stamps,
 * and after it they hold what was written and else nothing. */
#include <stdlib.h>

#include "../pageswap.h"

struct runs {
    struct iovec *list; /* two passes in the same order, so that a round lies in one piece */
    size_t pass; /* runs of a pass */
    ps_result wrong; /* what was found beside a round */
    int is_wrong;
};

#define WRITTEN ((uint64_t)0x5a5a5a5a5a5a5a5a)

static int can(const struct ps_method *method)
{
    return method->give_many != NULL;
}

static struct iovec run_at(const struct ps_region *region, size_t first, size_t run_pages)
{
    const size_t pages = region->pages - first < run_pages ? region->pages - first : run_pages;

    return (struct iovec){ps_slot(region, first), pages * region->page_bytes};
}

static void lay_runs(struct ps_work *work, struct runs *runs)
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

static int prepare(struct ps_work *work)
{
    const size_t pages = work->region.pages, run_pages = ps_or_one(work->trial->run_pages);
    struct runs *runs;

    if (!(work->model = ps_allocate(work, pages, sizeof *work->model, "malloc (model)")) ||
        !(runs = work->private = ps_allocate(work, 1, sizeof *runs, "malloc (runs)")))
        return -ENOMEM;
    *runs = (struct runs){.pass = (pages + run_pages - 1) / run_pages};
    if ((work->iterations + work->trial->rounds - 1) / work->trial->rounds > runs->pass)
        return ps_error_set(&work->error, EINVAL, "rounds", "a round gives back each run once at most");
    if (!(runs->list = ps_allocate(work, 2 * runs->pass, sizeof *runs->list, "malloc (runs)")))
        return -ENOMEM;
    for (size_t slot = 0; slot < pages; slot++)
        work->model[slot] = (uint32_t)slot;
    lay_runs(work, runs);
    return 0;
}

static const struct iovec *runs_from(const struct ps_work *work, size_t begin)
{
    const struct runs *const runs = work->private;

    return runs->list + begin % runs->pass;
}

static int take(struct ps_work *work, const struct iovec *list, size_t n)
{
    const struct ps_method *const method = work->method;

    return method->take_many ? method->take_many(&work->region, list, n) : 0;
}

static int run(struct ps_work *work, size_t begin, size_t end)
{
    const struct iovec *const list = runs_from(work, begin);
    const size_t n = end - begin;
    int failed = work->method->give_many(&work->region, list, n);

    if (failed || !work->region.touch || (failed = take(work, list, n)) != 0)
        return failed;
    for (size_t i = 0; i < n; i++)
        for (size_t offset = 0; offset < list[i].iov_len; offset += PS_BASE_PAGE)
            *(volatile uint64_t *)((unsigned char *)list[i].iov_base + offset) = WRITTEN;
    return 0;
}

/* Is `found` what may be at `offset` of a page that was given back and, with `touch`, written to? Else *expected is
 * what it should have been. */
static int is_right(const struct ps_work *work, size_t slot, size_t offset, uint64_t found, uint64_t *expected)
{
    *expected = work->region.touch && offset % PS_BASE_PAGE == 0 ? WRITTEN : 0;
    return found == *expected || (*expected == 0 && work->method->flags & PS_LAZY &&
                                  found == ps_stamp_word(work->seed, slot, offset / sizeof found));
}

/* Returns 1 and describes the first word of the page that should not be there, or 0. */
static int is_kept(const struct ps_work *work, size_t slot, ps_result *result)
{
    const uint64_t *const words = (const uint64_t *)(const void *)ps_slot(&work->region, slot);

    result->wrong_slot = slot;
    for (size_t offset = 0; offset < work->region.page_bytes; offset += sizeof *words) {
        result->wrong_offset = offset;
        result->found_word = words[offset / sizeof *words];
        if (!is_right(work, slot, offset, result->found_word, &result->expected_word))
            return 1;
    }
    return 0;
}

static size_t slot_of(const struct ps_work *work, const struct iovec *run)
{
    return (size_t)((unsigned char *)run->iov_base - work->region.base) / work->region.page_bytes;
}

/* What an earlier round gave back beside its runs is found here. */
static int before_round(struct ps_work *work, size_t begin, size_t end)
{
    struct runs *const runs = work->private;
    const struct iovec *const list = runs_from(work, begin);

    for (size_t i = 0; i < end - begin; i++)
        for (size_t page = 0; page < list[i].iov_len / work->region.page_bytes && !runs->is_wrong; page++)
            runs->is_wrong = ps_verify_slot(work, slot_of(work, &list[i]) + page, &runs->wrong);
    return 0;
}

static int after_round(struct ps_work *work, size_t begin, size_t end)
{
    struct runs *const runs = work->private;
    const struct iovec *const list = runs_from(work, begin);
    const int failed = work->region.touch ? 0 : take(work, list, end - begin);

    for (size_t i = 0; !failed && i < end - begin; i++)
        for (size_t page = 0; page < list[i].iov_len / work->region.page_bytes; page++) {
            const size_t slot = slot_of(work, &list[i]) + page;

            if (!runs->is_wrong)
                runs->is_wrong = is_kept(work, slot, &runs->wrong);
            ps_stamp_page(&work->region, work->seed, slot);
        }
    return failed;
}

static int verify(struct ps_work *work, ps_result *result)
{
    const struct runs *const runs = work->private;

    if (!runs->is_wrong)
        return ps_verify(work, result);
    result->wrong_slot = runs->wrong.wrong_slot;
    result->wrong_offset = runs->wrong.wrong_offset;
    result->found_word = runs->wrong.found_word;
    result->expected_word = runs->wrong.expected_word;
    return 1;
}

static void release(struct ps_work *work)
{
    struct runs *const runs = work->private;

    if (runs)
        free(runs->list);
    free(runs);
    free(work->model);
}

const struct ps_workload_ops ps_workload_decommit = {
    .name = "decommit",
    .can = can,
    .prepare = prepare,
    .before_round = before_round,
    .run = run,
    .after_round = after_round,
    .verify = verify,
    .release = release,
};
