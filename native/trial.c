/* One trial, in order: pin, map, stamp, schedule, the method's set-up, the timed rounds, verification, clean-up. */
#include <stdlib.h>
#include <string.h>

#include "pageswap.h"

/* A core that was idle needs about this long to reach its speed; a set-up that was shorter is filled up to it. */
#define WARM_CORE_NS 3000000u

struct run {
    const ps_trial *trial;
    const struct ps_method *method;
    struct ps_region region;
    uint32_t *a, *b;  /* the schedule: slots to exchange */
    uint32_t *model;  /* slot -> page, as the schedule leaves it */
    ps_result *result;
    ps_error *error;
};

static int find_name(int count, const char *(*name_of)(int), const char *wanted)
{
    for (int i = 0; i < count; i++)
        if (strcmp(name_of(i), wanted) == 0)
            return i;
    return -1;
}

/* The spec was checked long before; this guards the library against every other caller. */
static int check(struct run *run, enum ps_backing *backing)
{
    const ps_trial *const trial = run->trial;
    const int backing_index = find_name(ps_backing_count(), ps_backing_name, trial->backing);

    run->method = ps_method_find(trial->method);
    if (!run->method)
        return ps_error_set(run->error, EINVAL, "method", "no such method");
    if (find_name(ps_workload_count(), ps_workload_name, trial->workload) < 0 || !run->method->swap_many)
        return ps_error_set(run->error, EINVAL, "workload", "the method does not do this workload");
    if (backing_index < 0)
        return ps_error_set(run->error, EINVAL, "backing", "no such backing");
    if (trial->page_bytes == 0 || trial->page_bytes % PS_BASE_PAGE != 0)
        return ps_error_set(run->error, EINVAL, "page_bytes", "must be a multiple of 4096");
    if (trial->region_bytes % trial->page_bytes != 0 || trial->region_bytes / trial->page_bytes < 2 ||
        trial->region_bytes / trial->page_bytes > UINT32_MAX)
        return ps_error_set(run->error, EINVAL, "region_bytes", "must be 2 to 2^32-1 whole pages");
    if (trial->iterations == 0 || trial->rounds == 0 || trial->rounds > trial->iterations ||
        trial->rounds > PS_MAX_ROUNDS)
        return ps_error_set(run->error, EINVAL, "rounds", "must be 1 to 100000 and at most the iterations");
    if (trial->threads != 1)
        return ps_error_set(run->error, EINVAL, "threads", "must be 1");
    *backing = (enum ps_backing)backing_index;
    if (!(run->method->backings & (1u << *backing)))
        return ps_error_set(run->error, ENOTSUP, "probe", "the method does not work on this backing; choose another");
    return ps_method_probe(run->method, run->error);
}

static void *allocate(struct run *run, size_t count, size_t size, const char *what)
{
    void *const memory = count > SIZE_MAX / size ? NULL : malloc(count * size);

    if (!memory)
        (void)ps_error_set(run->error, ENOMEM, what, "");
    return memory;
}

/* Everything that must not be timed: it ends with every page of the region, the scratch and the schedule present. */
static int prepare(struct run *run, enum ps_backing backing)
{
    const ps_trial *const trial = run->trial;
    const uint64_t begin_ns = ps_now_ns();
    int failed;

    if ((failed = ps_cpu_pin(trial->cpu, &run->result->cpu, run->error)) != 0 ||
        (failed = ps_region_map(&run->region, trial, backing)) != 0)
        return failed;
    if (!(run->a = allocate(run, trial->iterations, sizeof *run->a, "malloc (schedule)")) ||
        !(run->b = allocate(run, trial->iterations, sizeof *run->b, "malloc (schedule)")) ||
        !(run->model = allocate(run, run->region.pages, sizeof *run->model, "malloc (model)")))
        return -ENOMEM;
    for (size_t slot = 0; slot < run->region.pages; slot++)
        run->model[slot] = (uint32_t)slot;
    if ((failed = ps_schedule_make(trial->seed, run->region.pages, trial->iterations, run->a, run->b)) != 0)
        return ps_error_set(run->error, -failed, "schedule", "");
    ps_stamp(&run->region, trial->seed);
    if (run->method->setup && (failed = run->method->setup(&run->region)) != 0)
        return failed;
    while (ps_now_ns() - begin_ns < WARM_CORE_NS)
        ;
    run->result->setup_ns = ps_now_ns() - begin_ns;
    return 0;
}

/* Counting the mappings of a finely split region takes as long as thousands of swaps, hence only where it matters,
 * and never inside a round. */
static int sample_mappings(struct run *run)
{
    const uint64_t begin_ns = ps_now_ns();
    uint64_t count;
    const int failed = ps_mappings_count(&count, run->error);

    if (failed)
        return failed;
    if (count > run->result->vmas_peak)
        run->result->vmas_peak = count;
    run->result->verify_ns += ps_now_ns() - begin_ns;
    return 0;
}

static void add_difference(ps_result *result, const struct ps_counters *before, const struct ps_counters *after)
{
    result->minor_faults += after->minor_faults - before->minor_faults;
    result->major_faults += after->major_faults - before->major_faults;
    result->voluntary_switches += after->voluntary_switches - before->voluntary_switches;
    result->involuntary_switches += after->involuntary_switches - before->involuntary_switches;
}

static int measure(struct run *run, uint64_t *rounds_ns)
{
    const ps_trial *const trial = run->trial;
    const int splits = (run->method->flags & PS_SPLITS_MAPPINGS) != 0;
    size_t begin = 0;
    int failed = sample_mappings(run);

    for (uint32_t round = 0; round < trial->rounds && !failed; round++) {
        /* Equal slices; where they cannot be, the sizes differ by one. */
        const size_t end = (size_t)((unsigned __int128)trial->iterations * (round + 1) / trial->rounds);
        struct ps_counters before, after;

        if ((failed = ps_counters_read(&before, run->error)) != 0)
            break;
        const uint64_t begin_ns = ps_now_ns();

        failed = run->method->swap_many(&run->region, run->a + begin, run->b + begin, end - begin);
        rounds_ns[round] = ps_now_ns() - begin_ns;
        if (failed || (failed = ps_counters_read(&after, run->error)) != 0)
            break;
        run->result->elapsed_ns += rounds_ns[round];
        add_difference(run->result, &before, &after);
        begin = end;
        if (splits || round + 1 == trial->rounds)
            failed = sample_mappings(run);
    }
    return failed;
}

static void verify(struct run *run)
{
    const uint64_t begin_ns = ps_now_ns();

    if (!(run->method->flags & PS_MOVES_NOTHING))
        for (size_t i = 0; i < run->trial->iterations; i++) {
            const uint32_t page = run->model[run->a[i]];

            run->model[run->a[i]] = run->model[run->b[i]];
            run->model[run->b[i]] = page;
        }
    run->result->verified = !ps_verify(&run->region, run->method, run->trial->seed, run->model, run->result);
    run->result->verify_ns += ps_now_ns() - begin_ns;
}

int ps_run_trial(const ps_trial *trial, ps_result *result, uint64_t *rounds_ns, ps_error *error)
{
    struct run run = {.trial = trial, .result = result, .error = error, .region = {.error = error}};
    enum ps_backing backing;

    memset(result, 0, sizeof *result);
    memset(error, 0, sizeof *error);
    int failed = check(&run, &backing);

    if (failed)
        return failed;
    if ((failed = prepare(&run, backing)) == 0 && (failed = measure(&run, rounds_ns)) == 0)
        verify(&run);
    if (run.method->teardown)
        run.method->teardown(&run.region);
    free(run.model);
    free(run.b);
    free(run.a);
    ps_region_unmap(&run.region);
    return failed;
}
