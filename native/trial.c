/* One trial, in order: check, pin, map, stamp, the method's set-up, the timed rounds, verification, clean-up. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "trial.h"

/* A core that was idle needs about 3 ms to reach its speed. A set-up that was shorter is filled up to this, and what
 * is done between it and the first round fills the rest. */
#define WARM_CORE_NS 2500000u

void *ps_allocate(struct ps_work *work, size_t count, size_t size, const char *what)
{
    void *const memory = count > SIZE_MAX / size ? NULL : malloc(count * size);

    if (!memory)
        (void)ps_error_set(&work->error, ENOMEM, what, "");
    return memory;
}

static size_t slots_bytes(const struct ps_region *region)
{
    return (region->pages + region->spare_pages) * region->page_bytes;
}

/* Seen from the CPU that this runs on. */
static int place_on_nodes(struct ps_trial_run *run, struct ps_nodes *nodes, unsigned char *begin, size_t bytes)
{
    int failed = ps_nodes_choose(run->trial, nodes, run->error);

    if (!failed)
        failed = ps_nodes_have_room(nodes, run->backing, bytes, run->error);
    return failed ? failed : ps_nodes_bind(nodes, run->backing, begin, bytes, run->error);
}

/* Prepares one thread's share on the CPU that will use it, so that its memory is local to that CPU. */
static int prepare_share(struct ps_trial_run *run, uint32_t thread)
{
    const ps_trial *const trial = run->trial;
    struct ps_work *const work = &run->works[thread];
    int failed = ps_cpu_pin(run->cpus[thread], run->error);

    if (failed)
        return failed;
    work->trial = trial;
    work->method = run->method;
    work->workload = run->workload;
    work->region.error = &work->error;
    work->iterations = trial->iterations * (thread + 1) / trial->threads - trial->iterations * thread / trial->threads;
    work->seed = trial->seed + ps_mix(thread);
    ps_region_cut(&work->region, &run->memory, &run->shape, run->backing, thread);
    /* What is copied to an empty slot is to find folios there, too. */
    const size_t slots = work->region.pages + (run->method->family == PS_COPY ? work->region.spare_pages : 0);

    if ((failed = place_on_nodes(run, &run->nodes[thread], work->region.base, slots_bytes(&work->region))) != 0)
        return failed;
    failed =
        ps_region_fill(&work->region, &run->memory, run->backing, run->workload->lays_pages ? 0 : slots, run->error);
    if (failed)
        return failed;
    if (!run->workload->lays_pages)
        ps_stamp(&work->region, work->seed);
    if ((failed = run->workload->prepare(work)) != 0)
        *run->error = work->error;
    return failed;
}

static int set_up_methods(struct ps_trial_run *run)
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

static int settle(struct ps_trial_run *run)
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

static int large_bytes(struct ps_trial_run *run, const unsigned char *begin, size_t bytes, uint64_t *large)
{
    const size_t folio_bytes = ps_backing_folio_bytes(run->backing);

    return folio_bytes ? ps_folio_bytes(begin, bytes, folio_bytes, large, run->error)
                       : ps_huge_bytes(begin, bytes, large, run->error);
}

/* After the last that may split huge pages or leave their addresses, and for every workload alike. */
static int check_backing(struct ps_trial_run *run)
{
    uint64_t bytes = 0, all_large = 0;

    if (!run->backing->check || run->works[0].region.fresh) /* memory that is not there yet is not huge yet */
        return 0;
    for (uint32_t thread = 0; thread < run->trial->threads; thread++) {
        const struct ps_work *const work = &run->works[thread];
        const size_t share = work->region.pages * work->region.page_bytes;
        uint64_t large;
        const int failed = large_bytes(run, ps_slot(&work->region, work->first_slot), share, &large);

        if (failed)
            return failed;
        bytes += work->present_bytes ? work->present_bytes : share;
        all_large += large;
    }
    if (run->resting.base) {
        uint64_t large;
        const int failed = large_bytes(run, run->resting.base, run->trial->region_bytes, &large);

        if (failed)
            return failed;
        bytes += run->trial->region_bytes;
        all_large += large;
    }
    return run->backing->check(run->backing, bytes, all_large, run->error);
}

/* Likewise, of the nodes that the regions are to lie on. */
static int check_nodes(struct ps_trial_run *run)
{
    int failed = 0;

    for (uint32_t thread = 0; thread < run->trial->threads && !failed; thread++) {
        const struct ps_region *const region = &run->works[thread].region;

        if (!region->fresh)
            failed = ps_nodes_check(&run->nodes[thread], region->base, slots_bytes(region), run->error);
    }
    return failed;
}

/* As much of the same kind as the region, in a range of addresses of its own. */
static int map_resting(struct ps_trial_run *run)
{
    static const struct ps_workload_ops nothing_moves = {0};
    ps_trial shape = run->shape;

    if (ps_reads_of(run->trial) != PS_READS_RESTING)
        return 0;
    shape.region_bytes = run->trial->region_bytes;
    return ps_memory_map(&run->resting, &shape, run->backing, &nothing_moves, run->error);
}

static int map_memory(struct ps_trial_run *run)
{
    const int failed = ps_memory_map(&run->memory, &run->shape, run->backing, run->workload, run->error);

    return failed ? failed : map_resting(run);
}

static int start_neighbours(struct ps_trial_run *run, const int32_t *cpus, uint32_t count)
{
    const enum ps_reads reads = ps_reads_of(run->trial);
    const struct ps_memory *const area = reads == PS_READS_RESTING ? &run->resting : &run->memory;
    const size_t bytes = reads == PS_READS_RESTING ? run->trial->region_bytes : run->shape.region_bytes;

    if (reads == PS_READS_NOTHING) {
        run->neighbours = ps_neighbours_start(cpus, count, ps_neighbour_spin, NULL, run->error);
    } else if (reads == PS_READS_MISSING) { /* in an area of each share, which its workload names */
        run->readers = ps_readers_start(cpus, count, run->trial->threads, run->trial->seed, run->error);
    } else {
        run->works[0].read_area = (struct ps_read_area){.base = area->base, .bytes = bytes};
        run->readers = ps_readers_start(cpus, count, 1, run->trial->seed, run->error);
    }
    return run->neighbours || run->readers ? 0 : -run->error->errnum;
}

/* Before any method moves a mapping: a thread's stack may come to lie in a hole that such a move leaves, and the next
 * page that is moved there would take its place. */
static int start_threads(struct ps_trial_run *run)
{
    const uint32_t threads = run->trial->threads;

    ps_perf_open(&run->perf); /* before the threads, which it follows */
    if (!(run->team = ps_team_start(run->works, threads, run->cpus, run->error)))
        return -run->error->errnum;
    if (ps_word_find("neighbours", run->trial->neighbours) == 0)
        return 0;
    return start_neighbours(run, run->cpus + threads, run->cpu_count - threads);
}

/* Everything that must not be timed: it ends with every page of the region, the scratch and the schedule present. */
static int prepare(struct ps_trial_run *run)
{
    const ps_trial *const trial = run->trial;
    const uint64_t begin_ns = ps_now_ns();
    int failed;

    run->works = calloc(trial->threads, sizeof *run->works);
    run->nodes = calloc(trial->threads, sizeof *run->nodes);
    run->cpus = calloc(PS_MAX_CPUS, sizeof *run->cpus);
    if (!run->works || !run->nodes || !run->cpus)
        return ps_error_set(run->error, ENOMEM, "calloc (threads)", "");
    for (uint32_t thread = 0; thread < trial->threads; thread++)
        run->works[thread].region.uffd = -1;
    if ((failed = ps_cpu_choose(trial, run->cpus, &run->cpu_count, run->error)) != 0 || (failed = map_memory(run)) != 0)
        return failed;
    if (run->resting.base)
        memset(run->resting.base, 1, trial->region_bytes);
    for (uint32_t thread = 0; thread < trial->threads && !failed; thread++)
        failed = prepare_share(run, thread);
    if (failed || (failed = ps_cpu_pin(run->cpus[0], run->error)) != 0 || (failed = ps_state_prepare(run)) != 0 ||
        (failed = start_threads(run)) != 0 || (failed = set_up_methods(run)) != 0)
        return failed;
    run->has_begun = 1;
    if ((failed = settle(run)) != 0 || (failed = check_backing(run)) != 0 || (failed = check_nodes(run)) != 0)
        return failed;
    uint64_t idle_until_ns = begin_ns;

    if (run->readers) {
        ps_readers_alone(run->readers, run->works);
        idle_until_ns = ps_now_ns();
    }
    while (ps_now_ns() - idle_until_ns < WARM_CORE_NS)
        ;
    run->result->cpu = run->cpus[0];
    run->result->setup_ns = ps_now_ns() - begin_ns;
    return 0;
}

static void count_page_moves(struct ps_trial_run *run)
{
    uint64_t moves = 0;

    if (!run->workload->page_moves)
        return;
    for (uint32_t thread = 0; thread < run->trial->threads; thread++)
        moves += run->workload->page_moves(&run->works[thread]);
    run->result->counters[PS_COUNTER_page_moves] = moves;
}

/* Where runs move as wholes, the wrong one's slot is told as that of its first wrong page. */
static void name_page(struct ps_trial_run *run)
{
    ps_result *const result = run->result;
    const uint64_t page_bytes = run->trial->page_bytes, run_pages = run->shape.page_bytes / page_bytes;

    if (run_pages == 1 || result->verified)
        return;
    result->wrong_slot = result->wrong_slot * run_pages + result->wrong_offset / page_bytes;
    result->wrong_offset %= page_bytes;
}

static void verify(struct ps_trial_run *run)
{
    const uint64_t begin_ns = ps_now_ns();

    count_page_moves(run);
    run->result->verified = 1;
    for (uint32_t thread = 0; thread < run->trial->threads && run->result->verified; thread++)
        run->result->verified = !run->workload->verify(&run->works[thread], run->result);
    name_page(run);
    run->result->verify_ns += ps_now_ns() - begin_ns;
}

static void tear_down_methods(struct ps_trial_run *run)
{
    for (uint32_t thread = 0; thread < run->trial->threads && run->method->teardown; thread++)
        run->method->teardown(&run->works[thread].region);
}

/* A batch that failed half-way must not have lost a page: says in the error which of the two it was, and returns 1
 * where one was lost. */
static int account_for_pages(struct ps_trial_run *run)
{
    ps_result after = {0};
    int is_lost = 0;

    for (uint32_t thread = 0; thread < run->trial->threads; thread++) {
        run->workload->rescue(&run->works[thread]);
        is_lost |= ps_verify(&run->works[thread], &after);
    }
    (void)snprintf(run->error->detail, sizeof run->error->detail, "%s",
                   is_lost ? "PAGES WERE LOST" : "every page is at its old or its new place");
    return is_lost;
}

static void release(struct ps_trial_run *run)
{
    ps_perf_close(&run->perf, run->result->counters); /* of a trial that was not prepared */
    for (uint32_t thread = 0; run->works && thread < run->trial->threads; thread++)
        run->workload->release(&run->works[thread]);
    ps_memory_unmap(&run->memory);
    ps_memory_unmap(&run->resting);
    free(run->cpus);
    free(run->nodes);
    free(run->works);
}

/* As the first thread's region is placed. */
static int try_nodes(struct ps_trial_run *run, int32_t cpu)
{
    const struct ps_memory *const memory = &run->memory;
    struct ps_nodes nodes;
    const int failed = ps_cpu_pin(cpu, run->error);

    return failed
               ? failed
               : place_on_nodes(run, &nodes, memory->base, memory->slots / run->trial->threads * run->shape.page_bytes);
}

/* A backing of huge pages or large folios is there if the kernel gives a first one when it is written to. */
static int try_backing(struct ps_trial_run *run)
{
    unsigned char *const base = run->memory.base;
    const size_t folio_bytes = ps_backing_folio_bytes(run->backing), bytes = folio_bytes ? folio_bytes : PS_HUGE_PAGE;
    uint64_t large;
    int failed = 0;

    if (!run->backing->check || run->shape.region_bytes < bytes)
        return 0;
    if (folio_bytes)
        failed = ps_folios_bring(base, base + bytes, base + bytes, folio_bytes, run->error);
    memset(base, 1, bytes);
    if (!failed)
        failed = large_bytes(run, base, bytes, &large);
    return failed ? failed : run->backing->check(run->backing, bytes, large, run->error);
}

int ps_check_trial(const ps_trial *trial, ps_error *error)
{
    struct ps_trial_run run = {.trial = trial, .error = error, .memory = {.fd = -1}, .resting = {.fd = -1}};
    int32_t cpus[PS_MAX_CPUS];
    int failed = ps_trial_check(&run);

    if (!failed)
        failed = ps_cpu_choose(trial, cpus, &run.cpu_count, error);
    if (!failed && (failed = map_memory(&run)) == 0 && (failed = try_nodes(&run, cpus[0])) == 0)
        failed = try_backing(&run);
    ps_memory_unmap(&run.memory);
    ps_memory_unmap(&run.resting);
    return failed;
}

int ps_run_trial(const ps_trial *trial, ps_result *result, uint64_t *rounds_ns, ps_error *error)
{
    struct ps_trial_run run = {
        .trial = trial,
        .result = result,
        .error = error,
        .memory = {.fd = -1},
        .resting = {.fd = -1},
        .perf = {{-1, -1, -1, -1}},
    };

    memset(result, 0, sizeof *result);
    memset(result->counters, 0xff, sizeof result->counters); /* PS_UNSUPPORTED until counted */
    memset(error, 0, sizeof *error);
    int failed = ps_trial_check(&run);

    if (failed)
        return failed;
    failed = prepare(&run);
    const int prepared = !failed;

    if (prepared && (failed = ps_trial_measure(&run, rounds_ns)) == 0)
        verify(&run);
    ps_state_end(&run);
    ps_neighbours_stop(run.neighbours);
    ps_team_stop(run.team);
    if (run.works)
        tear_down_methods(&run);
    ps_readers_stop(run.readers); /* one may wait for a page that a method which failed did not bring */
    const int is_lost = prepared && failed && run.workload->rescue && account_for_pages(&run);

    if (failed && run.has_begun && !is_lost)
        failed = ps_state_refusal(&run, failed);
    release(&run);
    return failed;
}
