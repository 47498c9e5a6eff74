/* The timed rounds of a trial, and what is counted before the first, at their borders, and after the last. */
#include "trial.h"

/* Counting the mappings of a finely split region takes as long as thousands of swaps, hence only where it matters,
 * and never inside a round. */
static int sample_mappings(struct ps_trial_run *run)
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
static int first_failure(struct ps_trial_run *run)
{
    for (uint32_t thread = 0; thread < run->trial->threads; thread++)
        if (run->works[thread].failed) {
            *run->error = run->works[thread].error;
            return run->works[thread].failed;
        }
    return 0;
}

/* Rounds are numbered from 1. Equal slices; where they cannot be, the sizes differ by one. */
static size_t round_end(const struct ps_work *work, uint32_t round)
{
    return (size_t)((unsigned __int128)work->iterations * round / work->trial->rounds);
}

/* Round 0 has no iterations. */
static size_t round_begin(const struct ps_work *work, uint32_t round)
{
    return round_end(work, round ? round - 1 : 0);
}

static int run_slice(struct ps_work *work, uint32_t round)
{
    return work->workload->run(work, round_begin(work, round), round_end(work, round));
}

/* A method that moves mappings would leave others behind than those that the rounds are to begin with: huge pages
 * split, and small ones in mappings of their own. And a page of 1 GiB takes so long that no first one is seen. */
static int warm_share(struct ps_work *work, uint32_t round)
{
    const struct ps_method *const method = work->method;
    const int serves = (method->family != PS_REMAP || method->flags & PS_KEEPS_MAPPINGS) &&
                       work->region.page_bytes <= PS_WARM_UP_BYTES;

    (void)round;
    return work->workload->warm_up && serves ? work->workload->warm_up(work) : 0;
}

/* The set-up and the counting have left caches, TLBs and branch predictors to other code and other memory, which the
 * first round would pay for alone. So the threads take the way of a round once more, untimed. */
static int warm_up(struct ps_trial_run *run)
{
    run->result->setup_ns += ps_team_run(run->team, warm_share, 0) + ps_team_run(run->team, run_slice, 0);
    for (uint32_t thread = 0; thread < run->trial->threads; thread++)
        run->works[thread].region.retries = run->works[thread].region.refusals = 0;
    return first_failure(run);
}

/* Calls a hook that stands before or after a round, for every share and on its CPU, to which memory that it brings is
 * then local; its time counts as set-up or verification. */
static int beside_round(struct ps_trial_run *run, int (*hook)(struct ps_work *, size_t, size_t), uint32_t round,
                        uint64_t *spent_ns)
{
    const uint64_t begin_ns = ps_now_ns();

    if (!hook)
        return 0;
    for (uint32_t thread = 0; thread < run->trial->threads; thread++) {
        struct ps_work *const work = &run->works[thread];

        if ((work->failed = ps_cpu_pin(run->cpus[thread], &work->error)) == 0)
            work->failed = hook(work, round_begin(work, round), round_end(work, round));
    }
    const int failed = first_failure(run);
    const int lost = ps_cpu_pin(run->cpus[0], run->error);

    *spent_ns += ps_now_ns() - begin_ns;
    return failed ? failed : lost;
}

/* For whoever samples the process from outside, and has to tell the rounds from what is done between them. Written
 * twice, as the first may have to bring the memory that it is written to. */
static void note_begin(const struct ps_trial_run *run, uint32_t round)
{
    for (int i = 0; run->trial->begins_ns && i < 2; i++)
        __atomic_store_n(&run->trial->begins_ns[round - 1], ps_now_ns(), __ATOMIC_RELAXED);
}

static int time_rounds(struct ps_trial_run *run, uint64_t *rounds_ns)
{
    const uint32_t rounds = run->trial->rounds;
    const int splits = (run->method->flags & PS_SPLITS_MAPPINGS) != 0;
    int failed = splits ? sample_mappings(run) : 0;

    if (!failed)
        failed = warm_up(run);
    for (uint32_t round = 1; round <= rounds && !failed; round++) {
        struct ps_counters before, after;

        if ((failed = beside_round(run, run->workload->before_round, round, &run->result->setup_ns)) != 0 ||
            (failed = ps_state_renew(run)) != 0 || (failed = ps_counters_read(&before, run->error)) != 0)
            break;
        ps_readers_begin(run->readers, run->works);
        note_begin(run, round);
        ps_perf_switch(&run->perf, 1);
        const uint64_t round_ns = ps_team_run(run->team, run_slice, round);
        ps_readers_rest(run->readers);
        ps_perf_switch(&run->perf, 0);
        if ((failed = first_failure(run)) != 0 || (failed = ps_counters_read(&after, run->error)) != 0)
            break;
        rounds_ns[round - 1] = round_ns;
        run->result->elapsed_ns += round_ns;
        add_difference(run->result, &before, &after);
        if (splits || round == rounds)
            failed = sample_mappings(run);
        if (!failed)
            failed = beside_round(run, run->workload->after_round, round, &run->result->verify_ns);
    }
    return failed;
}

static void count_refusals(struct ps_trial_run *run)
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

static void count_folios(struct ps_trial_run *run, enum ps_counter first)
{
    if (!run->workload->own_memory)
        ps_folios_count(&run->memory, &run->shape, run->backing, &run->result->counters[first]);
}

/* Huge pages matter only where a region may have them; the walk over smaps is long when mappings are many. */
static int huge_bytes(struct ps_trial_run *run, enum ps_counter counter)
{
    if (run->workload->own_memory || run->backing->kind != PS_ANON)
        return 0;
    return ps_huge_bytes(run->memory.base, run->memory.slots * run->shape.page_bytes, &run->result->counters[counter],
                         run->error);
}

int ps_trial_measure(struct ps_trial_run *run, uint64_t *rounds_ns)
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
    if (run->readers && (failed = ps_readers_count(run->readers, counters, run->error)) != 0)
        return failed;
    count_folios(run, PS_COUNTER_folio_8k_after);
    count_refusals(run);
    counters[PS_COUNTER_vmas_final] = run->mappings;
    run->result->verify_ns += between_ns - begin_ns + ps_now_ns() - end_ns;
    return 0;
}
