/* One trial, in order: check, pin, map, stamp, the method's set-up, the timed rounds, verification, clean-up. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pageswap.h"

/* A core that was idle needs about this long to reach its speed; a set-up that was shorter is filled up to it. */
#define WARM_CORE_NS 3000000u

struct run {
    const ps_trial *trial;
    ps_trial shape; /* the same, with the region that the workload really takes */
    const struct ps_workload_ops *workload;
    const struct ps_method *method;
    const struct ps_backing *backing;
    struct ps_memory memory;
    struct ps_work *works; /* one a thread */
    int32_t *cpus; /* first the threads', then those that are left */
    uint32_t cpu_count;
    struct ps_team *team;
    struct ps_neighbours *neighbours;
    struct ps_perf perf;
    uint64_t mappings; /* when last counted */
    ps_result *result;
    ps_error *error;
};

void *ps_allocate(struct ps_work *work, size_t count, size_t size, const char *what)
{
    void *const memory = count > SIZE_MAX / size ? NULL : malloc(count * size);

    if (!memory)
        (void)ps_error_set(&work->error, ENOMEM, what, "");
    return memory;
}

static int refuse(struct run *run, const char *field, const char *expected)
{
    return ps_error_set(run->error, EINVAL, field, expected);
}

/* The spec was checked long before; this guards the library against every other caller. */
static int check(struct run *run)
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
    if (ps_word_find("touch", trial->touch) < 0)
        return refuse(run, "touch", "no such level");
    if (ps_word_find("pattern", trial->pattern) < 0)
        return refuse(run, "pattern", "no such level");
    if (ps_word_find("alignment", trial->alignment) < 0)
        return refuse(run, "alignment", "no such level");
    if (ps_word_find("neighbours", trial->neighbours) < 0)
        return refuse(run, "neighbours", "no such level");
    if (trial->region_bytes % trial->page_bytes != 0 || pages / trial->threads < 2 || pages > UINT32_MAX)
        return refuse(run, "region_bytes", "must be whole pages, 2 a thread at least, 2^32-1 in all at most");
    if (trial->rounds == 0 || trial->rounds > PS_MAX_ROUNDS || trial->iterations / trial->threads < trial->rounds)
        return refuse(run, "rounds", "must be 1 to 100000 and at most the iterations of a thread");
    if (!trial->given_a != !trial->given_b || (trial->given_a && trial->threads != 1))
        return refuse(run, "given_a", "a given schedule has two sides and one thread");
    if (ps_or_one(trial->distance) > pages / trial->threads / 2)
        return refuse(run, "distance", "must be 1 to half the pages of a thread");
    if (trial->run_pages > pages / trial->threads)
        return refuse(run, "run_pages", "must be 1 to the pages of a thread");
    run->shape = *trial;
    if (ps_word_find("alignment", trial->alignment) && run->backing->fault_bytes > PS_BASE_PAGE)
        return ps_unavailable(run->error, EINVAL,
                              "huge pages are always aligned; use alignment 2MiB or another backing");
    if (run->workload->own_memory)
        run->shape.region_bytes = 2 * trial->page_bytes * trial->threads;
    if (!ps_backing_suits(run->backing, run->method))
        return ps_unavailable(run->error, ENOTSUP, "the method does not work on this backing; choose another");
    if (run->method->family == PS_REMAP && trial->page_bytes % run->backing->kernel_page_bytes != 0)
        return ps_unavailable(run->error, EINVAL,
                              "the kernel maps this backing in larger pages; use a page_size that is a "
                              "multiple of its huge page");
    return ps_method_probe(run->method, run->error);
}

/* Prepares one thread's share on the CPU that will use it, so that its memory is local to that CPU. */
static int prepare_share(struct run *run, uint32_t thread)
{
    const ps_trial *const trial = run->trial;
    struct ps_work *const work = &run->works[thread];
    int failed = ps_cpu_pin(run->cpus[thread], run->error);

    if (failed)
        return failed;
    work->trial = trial;
    work->method = run->method;
    work->region.error = &work->error;
    work->iterations = trial->iterations * (thread + 1) / trial->threads - trial->iterations * thread / trial->threads;
    work->seed = trial->seed + ps_mix(thread);
    ps_region_cut(&work->region, &run->memory, &run->shape, run->backing, thread);
    ps_stamp(&work->region, work->seed);
    if ((failed = run->workload->prepare(work)) != 0)
        *run->error = work->error;
    return failed;
}

static int set_up_methods(struct run *run)
{
    for (uint32_t thread = 0; thread < run->trial->threads && run->method->setup; thread++) {
        const int failed = run->method->setup(&run->works[thread].region);

        if (failed) {
            *run->error = run->works[thread].error;
            return failed;
        }
    }
    return 0;
}

static int settle(struct run *run)
{
    for (uint32_t thread = 0; thread < run->trial->threads && run->workload->settle; thread++) {
        const int failed = run->workload->settle(&run->works[thread]);

        if (failed) {
            *run->error = run->works[thread].error;
            return failed;
        }
    }
    return 0;
}

/* After the last that may split huge pages or leave their addresses, and for every workload alike. */
static int check_backing(struct run *run)
{
    uint64_t bytes = 0, huge_bytes = 0;

    if (!run->backing->check)
        return 0;
    for (uint32_t thread = 0; thread < run->trial->threads; thread++) {
        const struct ps_work *const work = &run->works[thread];
        const size_t share = work->region.pages * work->region.page_bytes;
        uint64_t huge;
        const int failed = ps_huge_bytes(ps_slot(&work->region, work->first_slot), share, &huge, run->error);

        if (failed)
            return failed;
        bytes += share;
        huge_bytes += huge;
    }
    return run->backing->check(bytes, huge_bytes, run->error);
}

/* Before any method moves a mapping: a thread's stack may come to lie in a hole that such a move leaves, and the next
 * page that is moved there would take its place. */
static int start_threads(struct run *run)
{
    const uint32_t threads = run->trial->threads;

    ps_perf_open(&run->perf); /* before the threads, which it follows */
    if (!(run->team = ps_team_start(run->works, threads, run->workload, run->cpus, run->error)))
        return -run->error->errnum;
    if (ps_word_find("neighbours", run->trial->neighbours) &&
        !(run->neighbours = ps_neighbours_start(run->cpus + threads, run->cpu_count - threads, run->error)))
        return -run->error->errnum;
    return 0;
}

/* Everything that must not be timed: it ends with every page of the region, the scratch and the schedule present. */
static int prepare(struct run *run)
{
    const ps_trial *const trial = run->trial;
    const uint64_t begin_ns = ps_now_ns();
    int failed;

    run->works = calloc(trial->threads, sizeof *run->works);
    run->cpus = calloc(PS_MAX_CPUS, sizeof *run->cpus);
    if (!run->works || !run->cpus)
        return ps_error_set(run->error, ENOMEM, "calloc (threads)", "");
    if ((failed = ps_cpu_choose(trial, run->cpus, &run->cpu_count, run->error)) != 0 ||
        (failed = ps_memory_map(&run->memory, &run->shape, run->backing, run->workload, run->error)) != 0)
        return failed;
    for (uint32_t thread = 0; thread < trial->threads && !failed; thread++)
        failed = prepare_share(run, thread);
    if (failed || (failed = ps_cpu_pin(run->cpus[0], run->error)) != 0 || (failed = start_threads(run)) != 0 ||
        (failed = set_up_methods(run)) != 0 || (failed = settle(run)) != 0 || (failed = check_backing(run)) != 0)
        return failed;
    while (ps_now_ns() - begin_ns < WARM_CORE_NS)
        ;
    run->result->cpu = run->cpus[0];
    run->result->setup_ns = ps_now_ns() - begin_ns;
    return 0;
}

/* Counting the mappings of a finely split region takes as long as thousands of swaps, hence only where it matters,
 * and never inside a round. */
static int sample_mappings(struct run *run)
{
    const uint64_t begin_ns = ps_now_ns();
    const int failed = ps_mappings_count(&run->mappings, run->error);

    if (failed)
        return failed;
    if (run->mappings > run->result->vmas_peak)
        run->result->vmas_peak = run->mappings;
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

/* Returns the first failed share's error, or 0. */
static int first_failure(struct run *run)
{
    for (uint32_t thread = 0; thread < run->trial->threads; thread++)
        if (run->works[thread].failed) {
            *run->error = run->works[thread].error;
            return run->works[thread].failed;
        }
    return 0;
}

/* Calls a hook that stands before or after a round, for every share; its time counts as set-up or verification. */
static int beside_round(struct run *run, int (*hook)(struct ps_work *, size_t, size_t), uint32_t round,
                        uint64_t *spent_ns)
{
    const uint64_t begin_ns = ps_now_ns();

    for (uint32_t thread = 0; thread < run->trial->threads && hook; thread++) {
        struct ps_work *const work = &run->works[thread];

        work->failed = hook(work, ps_round_begin(work->iterations, run->trial->rounds, round),
                            ps_round_begin(work->iterations, run->trial->rounds, round + 1));
    }
    *spent_ns += ps_now_ns() - begin_ns;
    return first_failure(run);
}

static int time_rounds(struct run *run, uint64_t *rounds_ns)
{
    const uint32_t rounds = run->trial->rounds;
    const int splits = (run->method->flags & PS_SPLITS_MAPPINGS) != 0;
    int failed = splits ? sample_mappings(run) : 0;

    for (uint32_t round = 0; round < rounds && !failed; round++) {
        struct ps_counters before, after;

        if ((failed = beside_round(run, run->workload->before_round, round, &run->result->setup_ns)) != 0 ||
            (failed = ps_counters_read(&before, run->error)) != 0)
            break;
        ps_perf_switch(&run->perf, 1);
        rounds_ns[round] = ps_team_round(run->team, round);
        ps_perf_switch(&run->perf, 0);
        if ((failed = first_failure(run)) != 0 || (failed = ps_counters_read(&after, run->error)) != 0)
            break;
        run->result->elapsed_ns += rounds_ns[round];
        add_difference(run->result, &before, &after);
        if (splits || round + 1 == rounds)
            failed = sample_mappings(run);
        if (!failed)
            failed = beside_round(run, run->workload->after_round, round, &run->result->verify_ns);
    }
    return failed;
}

static void reset_refusals(struct run *run)
{
    for (uint32_t thread = 0; thread < run->trial->threads; thread++)
        run->works[thread].region.retries = run->works[thread].region.refusals = 0;
}

static void count_refusals(struct run *run)
{
    uint64_t *const counters = run->result->counters;

    if (!(run->method->flags & PS_COUNTS_REFUSALS))
        return;
    counters[PS_COUNTER_move_retries] = counters[PS_COUNTER_move_refusals] = 0;
    for (uint32_t thread = 0; thread < run->trial->threads; thread++) {
        counters[PS_COUNTER_move_retries] += run->works[thread].region.retries;
        counters[PS_COUNTER_move_refusals] += run->works[thread].region.refusals;
    }
}

static void count_folios(struct run *run, enum ps_counter first)
{
    if (!run->workload->own_memory)
        ps_folios_count(&run->memory, &run->shape, run->backing, &run->result->counters[first]);
}

/* Huge pages matter only where a region may have them; the walk over smaps is long when mappings are many. */
static int huge_bytes(struct run *run, enum ps_counter counter)
{
    if (run->workload->own_memory || run->backing->kind != PS_ANON)
        return 0;
    return ps_huge_bytes(run->memory.base, run->memory.slots * run->trial->page_bytes, &run->result->counters[counter],
                         run->error);
}

static int measure(struct run *run, uint64_t *rounds_ns)
{
    uint64_t *const counters = run->result->counters;
    struct ps_host_counters before;
    const uint64_t begin_ns = ps_now_ns();
    int failed = huge_bytes(run, PS_COUNTER_anon_huge_before);

    if (failed)
        return failed;
    count_folios(run, PS_COUNTER_folio_8k_before);
    counters[PS_COUNTER_cpu_node] = ps_cpu_node();
    if (!run->workload->own_memory)
        ps_nodes_count(&run->memory, &run->shape, &counters[PS_COUNTER_node0_bytes]);
    reset_refusals(run);
    ps_host_counters_read(&before);
    const uint64_t between_ns = ps_now_ns();

    failed = time_rounds(run, rounds_ns);
    const uint64_t end_ns = ps_now_ns();

    ps_host_counters_since(&before, counters);
    ps_perf_close(&run->perf, counters);
    /* Nothing but what comes after a round has changed the mappings since they were counted. */
    if (failed || (run->workload->after_round && (failed = ps_mappings_count(&run->mappings, run->error)) != 0) ||
        (failed = huge_bytes(run, PS_COUNTER_anon_huge_after)) != 0)
        return failed;
    count_folios(run, PS_COUNTER_folio_8k_after);
    count_refusals(run);
    counters[PS_COUNTER_vmas_final] = run->mappings;
    run->result->verify_ns += between_ns - begin_ns + ps_now_ns() - end_ns;
    return 0;
}

static void count_page_moves(struct run *run)
{
    uint64_t moves = 0;

    if (!run->workload->page_moves)
        return;
    for (uint32_t thread = 0; thread < run->trial->threads; thread++)
        moves += run->workload->page_moves(&run->works[thread]);
    run->result->counters[PS_COUNTER_page_moves] = moves;
}

static void verify(struct run *run)
{
    const uint64_t begin_ns = ps_now_ns();

    count_page_moves(run);
    run->result->verified = 1;
    for (uint32_t thread = 0; thread < run->trial->threads && run->result->verified; thread++)
        run->result->verified = !run->workload->verify(&run->works[thread], run->result);
    run->result->verify_ns += ps_now_ns() - begin_ns;
}

static void tear_down_methods(struct run *run)
{
    for (uint32_t thread = 0; thread < run->trial->threads && run->method->teardown; thread++)
        run->method->teardown(&run->works[thread].region);
}

/* A batch that failed half-way must not have lost a page: says in the error which of the two it was. */
static void account_for_pages(struct run *run)
{
    ps_result after = {0};
    const char *verdict = "every page is at its old or its new place";

    for (uint32_t thread = 0; thread < run->trial->threads; thread++) {
        run->workload->rescue(&run->works[thread]);
        if (ps_verify(&run->works[thread], &after))
            verdict = "PAGES WERE LOST";
    }
    (void)snprintf(run->error->detail, sizeof run->error->detail, "%s", verdict);
}

static void release(struct run *run)
{
    ps_perf_close(&run->perf, run->result->counters); /* of a trial that was not prepared */
    for (uint32_t thread = 0; run->works && thread < run->trial->threads; thread++)
        run->workload->release(&run->works[thread]);
    ps_memory_unmap(&run->memory);
    free(run->cpus);
    free(run->works);
}

int ps_run_trial(const ps_trial *trial, ps_result *result, uint64_t *rounds_ns, ps_error *error)
{
    struct run run = {
        .trial = trial, .result = result, .error = error, .memory = {.fd = -1}, .perf = {{-1, -1, -1, -1}}};

    memset(result, 0, sizeof *result);
    memset(result->counters, 0xff, sizeof result->counters); /* PS_UNSUPPORTED until counted */
    memset(error, 0, sizeof *error);
    int failed = check(&run);

    if (failed)
        return failed;
    failed = prepare(&run);
    const int prepared = !failed;

    if (prepared && (failed = measure(&run, rounds_ns)) == 0)
        verify(&run);
    ps_neighbours_stop(run.neighbours);
    ps_team_stop(run.team);
    if (run.works)
        tear_down_methods(&run);
    if (prepared && failed && run.workload->rescue)
        account_for_pages(&run);
    release(&run);
    return failed;
}
