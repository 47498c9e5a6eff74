/* What a trial may be: everything that it names exists, and its numbers fit together. */
#include "trial.h"

static int refuse(struct ps_trial_run *run, const char *field, const char *expected)
{
    return ps_error_set(run->error, EINVAL, field, expected);
}

static int check_words(struct ps_trial_run *run)
{
    const ps_trial *const trial = run->trial;
    const struct {
        const char *field, *level;
    } given[] = {
        {"touch", trial->touch}, {"pattern", trial->pattern},     {"release", trial->release},
        {"pages", trial->pages}, {"alignment", trial->alignment}, {"neighbours", trial->neighbours},
        {"reads", trial->reads}, {"numa", trial->numa},
    };

    for (size_t i = 0; i < sizeof given / sizeof *given; i++)
        if (ps_word_find(given[i].field, given[i].level) < 0)
            return refuse(run, given[i].field, "no such level");
    return 0;
}

static int check_reads(struct ps_trial_run *run)
{
    const enum ps_reads reads = ps_reads_of(run->trial);

    if ((reads == PS_READS_MOVING || reads == PS_READS_MISSING) &&
        ps_word_find("pages", run->trial->pages) == PS_PAGES_FRESH)
        return refuse(run, "reads", "a page that somebody reads is not fresh any more; use resting");
    if (reads == PS_READS_MOVING && run->method->flags & PS_LEAVES_HOLES)
        return ps_unavailable(run->error, ENOTSUP,
                              "while it moves a page there is nothing at its place, and a thread that reads there dies "
                              "(SIGSEGV); measure it with reads: resting");
    if (reads == PS_READS_MISSING && !(run->method->flags & PS_SERVES))
        return ps_unavailable(run->error, ENOTSUP,
                              "nobody tells it that a thread waits for a page that has not come; use a method that "
                              "moves pages through userfaultfd, or measure it with reads: resting");
    return reads == PS_READS_NOTHING ? 0 : ps_cpu_probe(PS_CPU(nonstop_tsc), run->error);
}

/* Linux (6.18) loses count of pages that its pool keeps apart for places without one, where mremap moves others of the
 * mapping: they stay kept until the host's next start. */
static int check_pool(struct ps_trial_run *run)
{
    const int has_empty_places =
        run->workload->lays_pages || ps_word_find("pages", run->trial->pages) == PS_PAGES_FRESH;

    if (run->backing->is_reserved && run->method->family == PS_REMAP && has_empty_places)
        return ps_unavailable(run->error, ENOTSUP,
                              "where mremap moves huge pages beside places without one, the kernel takes pages out of "
                              "the host's pool until its next start; use backing 'thp' or a method that copies");
    return 0;
}

/* Pages that a method maps anew are not those that were bound to a node, or brought into another state. */
static int check_new_pages(struct ps_trial_run *run)
{
    if (!(run->method->flags & PS_SMALL_PAGES))
        return 0;
    if (ps_word_find("numa", run->trial->numa) > 0)
        return ps_unavailable(
            run->error, ENOTSUP,
            "what it maps anew lies where the kernel likes it, whatever the region's NUMA policy was; use "
            "numa 'any', or another method");
    if (ps_word_find("pages", run->trial->pages) > 0)
        return ps_unavailable(run->error, ENOTSUP,
                              "what it maps anew is present, and neither shared with a child nor locked; use pages "
                              "'present', or another method");
    return 0;
}

/* The spec was checked long before; this guards the library against every other caller. */
int ps_trial_check(struct ps_trial_run *run)
{
    const ps_trial *const trial = run->trial;
    const uint64_t pages = trial->page_bytes ? trial->region_bytes / trial->page_bytes : 0;

    run->method = ps_method_find(trial->method);
    run->workload = ps_workload_find(trial->workload);
    run->backing = ps_backing_find(trial->backing);
    if (!run->method)
        return refuse(run, "method", "no such method");
    if (!run->workload || !run->workload->can(run->method))
        return refuse(run, "workload", "the method does not do this workload");
    if (!run->backing)
        return refuse(run, "backing", "no such backing");
    if (trial->page_bytes == 0 || trial->page_bytes % PS_BASE_PAGE != 0)
        return refuse(run, "page_bytes", "must be a multiple of 4096");
    if (trial->threads == 0 || trial->threads > PS_MAX_THREADS)
        return refuse(run, "threads", "must be 1 to 1024");
    if (check_words(run) != 0)
        return -EINVAL;
    if (ps_word_find("touch", trial->touch) == PS_TOUCH_NEW && !run->workload->makes_new)
        return refuse(run, "touch", "the workload makes nothing new");
    if (ps_word_find("release", trial->release) > 0 && !run->workload->leaves_places)
        return refuse(run, "release", "the workload leaves no place whose memory could be given back");
    if (ps_word_find("pages", trial->pages) > 0 && !run->workload->takes_states)
        return refuse(run, "pages", "the workload has its pages in no other state");
    if (ps_reads_of(trial) == PS_READS_MOVING && !run->workload->is_full)
        return refuse(run, "reads", "the workload leaves places without a page, which nobody can read; use resting");
    if (ps_reads_of(trial) == PS_READS_MISSING && !run->workload->fills_places)
        return refuse(run, "reads", "the workload brings no pages to where none were; use moving or resting");
    if (trial->region_bytes % trial->page_bytes != 0 || pages / trial->threads < 2 || pages > UINT32_MAX)
        return refuse(run, "region_bytes", "must be whole pages, 2 a thread at least, 2^32-1 in all at most");
    if (trial->rounds == 0 || trial->rounds > PS_MAX_ROUNDS || trial->iterations / trial->threads < trial->rounds)
        return refuse(run, "rounds", "must be 1 to 100000 and at most the iterations of a thread");
    if (!trial->given_a != !trial->given_b || (trial->given_a && trial->threads != 1))
        return refuse(run, "given_a", "a given schedule has two sides and one thread");
    run->shape = *trial;
    if (run->workload->moves_runs)
        run->shape.page_bytes *= ps_or_one(trial->run_pages);
    if (trial->run_pages > pages / trial->threads ||
        trial->region_bytes / run->shape.page_bytes / trial->threads < (run->workload->moves_runs ? 2 : 1))
        return refuse(run, "run_pages", "must be 1 to the pages of a thread, in pairs to half of them");
    if (ps_or_one(trial->distance) > trial->region_bytes / run->shape.page_bytes / trial->threads / 2)
        return refuse(run, "distance", "must be 1 to half the pages of a thread, or of its runs");
    if (ps_word_find("alignment", trial->alignment) == PS_ALIGNMENT_PAGE && run->backing->fault_bytes > PS_BASE_PAGE)
        return ps_unavailable(run->error, EINVAL,
                              "huge pages and large folios are always aligned; use alignment 2MiB or another backing");
    if (run->workload->own_memory)
        run->shape.region_bytes = 2 * trial->page_bytes * trial->threads;
    if (!ps_backing_suits(run->backing, run->method))
        return ps_unavailable(run->error, ENOTSUP, "the method does not work on this backing; choose another");
    if (run->method->family == PS_REMAP && run->shape.page_bytes % run->backing->kernel_page_bytes != 0)
        return ps_unavailable(run->error, EINVAL,
                              "the kernel maps this backing in larger pages; use a page_size that is a "
                              "multiple of its huge page");
    if (ps_word_find("release", trial->release) > 0 && trial->page_bytes % run->backing->kernel_page_bytes != 0)
        return ps_unavailable(run->error, EINVAL,
                              "the kernel takes this backing back in larger pages; use a page_size that is a multiple "
                              "of its huge page");
    if (ps_word_find("pages", trial->pages) == PS_PAGES_FRESH && trial->page_bytes % run->backing->fault_bytes != 0)
        return ps_unavailable(
            run->error, EINVAL,
            "a fault of this backing brings more than a page, so none stays fresh beside another; use "
            "a page_size that is a multiple of its huge page");
    if (ps_word_find("release", trial->release) > 0 && run->method->family == PS_COPY &&
        ps_backing_folio_bytes(run->backing))
        return ps_unavailable(run->error, EINVAL,
                              "a place whose memory was given back gets folios of whichever size the kernel chooses "
                              "then; use release 'kept', a method that remaps, or another backing");
    int failed = check_pool(run);

    if (!failed)
        failed = check_reads(run);
    if (!failed)
        failed = check_new_pages(run);
    return failed ? failed : ps_method_probe(run->method, run->error);
}
