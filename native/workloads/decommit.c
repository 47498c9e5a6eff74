/* decommit: gives memory back to the kernel and takes it again, as allocators do with what they do not need for a
 * while. An iteration is one run of `run_pages` neighbouring pages.
 *
 * A round's runs are handed over at once, in random order, each run of the region once before any comes again. With
 * `touch: none` giving back alone is timed, and they are taken again after the round; with `moved` that is timed, too:
 * what the method calls for it, and a write to each 4 KiB, which faults. Before a round its pages hold their stamps,
 * and after it they hold what was written and else nothing. */
#include "../pageswap.h"

#define WRITTEN ((uint64_t)0x5a5a5a5a5a5a5a5a)

static int can(const struct ps_method *method)
{
    return method->give_many != NULL;
}

static int prepare(struct ps_work *work)
{
    return ps_runs_prepare(work, "a round gives back each run once at most");
}

static int take(struct ps_work *work, const struct iovec *list, size_t n)
{
    const struct ps_method *const method = work->method;

    return method->take_many ? method->take_many(&work->region, list, n) : 0;
}

static int run(struct ps_work *work, size_t begin, size_t end)
{
    const struct iovec *const list = ps_runs_from(work, begin);
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

/* What an earlier round gave back beside its runs is found here. */
static int before_round(struct ps_work *work, size_t begin, size_t end)
{
    struct ps_runs *const runs = work->runs;
    const struct iovec *const list = ps_runs_from(work, begin);

    for (size_t i = 0; i < end - begin; i++)
        for (size_t page = 0; page < list[i].iov_len / work->region.page_bytes && !runs->is_wrong; page++)
            runs->is_wrong = ps_verify_slot(work, ps_runs_slot(work, list[i].iov_base) + page, &runs->wrong);
    return 0;
}

static int after_round(struct ps_work *work, size_t begin, size_t end)
{
    struct ps_runs *const runs = work->runs;
    const struct iovec *const list = ps_runs_from(work, begin);
    const int failed = work->region.touch ? 0 : take(work, list, end - begin);

    for (size_t i = 0; !failed && i < end - begin; i++)
        for (size_t page = 0; page < list[i].iov_len / work->region.page_bytes; page++) {
            const size_t slot = ps_runs_slot(work, list[i].iov_base) + page;

            if (!runs->is_wrong)
                runs->is_wrong = is_kept(work, slot, &runs->wrong);
            ps_stamp_page(&work->region, work->seed, slot);
        }
    return failed;
}

const struct ps_workload_ops ps_workload_decommit = {
    .name = "decommit",
    .can = can,
    .prepare = prepare,
    .before_round = before_round,
    .run = run,
    .after_round = after_round,
    .verify = ps_runs_verify,
    .release = ps_runs_release,
};
