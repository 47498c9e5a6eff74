/* What the kernel takes to move page-table entries and to take memory back. */
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "bench.h"
#include "remap.h"

static double least_0(double value)
{
    return value > 0 ? value : 0;
}

/* Lays `count` runs of `run` slots: from the first half to the second one, which is empty. */
static void lay_runs(struct bench *bench, size_t run)
{
    struct ps_region *const memory = &bench->region->memory;
    const size_t half = memory->pages / 2, step = half * memory->page_bytes;

    bench->run = run;
    bench->count = half / run / 2 < LISTED ? half / run / 2 : LISTED;
    memset(memory->base, 1, step);
    (void)madvise(memory->base + step, step, MADV_DONTNEED);
    for (size_t i = 0; i < bench->count; i++)
        bench->moves[i] = (struct ps_move){ps_slot(memory, half + 2 * i * run), ps_slot(memory, 2 * i * run), run};
}

static void carry(struct bench *bench)
{
    for (size_t i = 0; i < bench->count; i++)
        (void)pm_carry(bench->region, bench->moves[i].to, bench->moves[i].from, bench->run, 1);
}

/* So that the next time they come back. */
static void turn(struct bench *bench)
{
    for (size_t i = 0; i < bench->count; i++)
        bench->moves[i] = (struct ps_move){bench->moves[i].from, bench->moves[i].to, bench->run};
}

static void fill(struct bench *bench)
{
    for (size_t i = 0; i < bench->count; i++)
        memset(bench->moves[i].from, 1, bench->run * PS_BASE_PAGE);
}

static void give_back(struct bench *bench)
{
    for (size_t i = 0; i < bench->count; i++)
        (void)madvise(bench->moves[i].from, bench->run * PS_BASE_PAGE, MADV_DONTNEED);
}

static void nothing(struct bench *bench)
{
    (void)bench;
}

/* What bringing memory takes beyond writing to it, and to ask for the memory of a place that has none. */
static void measure_faults(struct bench *bench)
{
    lay_runs(bench, FEW);
    const double there = pm_shortest(bench, fill, nothing);

    bench->profile.cost[PM_fault_page] = least_0(pm_shortest(bench, fill, give_back) - there);
    bench->profile.cost[PM_empty_call] = pm_shortest(bench, give_back, give_back);
}

static int spin(void *bench)
{
    while (!((struct bench *)bench)->spinner_leaves)
        ;
    return 0;
}

/* A thread of the same memory, which no wait() of the program's sees. */
static int start_spinner(struct bench *bench, pid_t *spinner)
{
    bench->spinner_leaves = 0;
    *spinner = clone(spin, bench->stack + sizeof bench->stack, CLONE_VM, bench);
    return *spinner < 0 ? -errno : 0;
}

static void stop_spinner(struct bench *bench, pid_t spinner)
{
    bench->spinner_leaves = 1;
    while (waitpid(spinner, NULL, __WALL) < 0 && errno == EINTR)
        ;
}

/* A call that takes page-table entries away, alone and beside a thread of the same memory. */
static int measure_giving_back(struct bench *bench)
{
    double ns[2];
    pid_t spinner;
    int failed = pm_reopen(bench, bench->memory, REMAP_BYTES, PS_BASE_PAGE);

    for (int i = 0; i < 2 && !failed; i++) {
        lay_runs(bench, i ? MANY : FEW);
        ns[i] = pm_shortest(bench, give_back, fill);
    }
    if (failed)
        return failed;
    pm_fit(bench, PM_give_back_call, PM_give_back_page, ns, (double)FEW, (double)MANY);
    measure_faults(bench);
    if ((failed = start_spinner(bench, &spinner)) != 0)
        return failed;
    lay_runs(bench, FEW);
    bench->profile.cost[PM_other_threads] = least_0(pm_shortest(bench, give_back, fill) - ns[0]);
    stop_spinner(bench, spinner);
    return 0;
}

/* Regions that are remapped so, or not at all: the other way is made to look dear. */
static int remaps(struct bench *bench, enum pm_remap remap, size_t slot_bytes)
{
    const struct pm_profile kept = bench->profile;

    bench->profile.cost[remap == PM_REMAP_UFFD ? PM_mremap_call : PM_uffd_call] = 1e9;
    const int failed = pm_reopen(bench, bench->memory, REMAP_BYTES, slot_bytes);

    bench->profile = kept;
    return !failed && bench->region->remap == remap;
}

static void measure_uffd(struct bench *bench)
{
    double ns[2];

    if (!remaps(bench, PM_REMAP_UFFD, PS_BASE_PAGE))
        return;
    for (int i = 0; i < 2; i++) {
        lay_runs(bench, i ? MANY : FEW);
        ns[i] = pm_shortest(bench, carry, turn);
    }
    if (bench->region->remap == PM_REMAP_UFFD)
        pm_fit(bench, PM_uffd_call, PM_uffd_page, ns, (double)FEW, (double)MANY);
}

static double carry_slots(struct bench *bench, enum pm_remap remap, size_t slot_bytes)
{
    if (!remaps(bench, remap, slot_bytes))
        return -1;
    lay_runs(bench, 1);
    const double ns = pm_shortest(bench, carry, turn);

    return bench->region->remap == remap ? ns : -1;
}

static void measure_mremap(struct bench *bench)
{
    const double ns[2] = {carry_slots(bench, PM_REMAP_MREMAP, MANY * PS_BASE_PAGE),
                          carry_slots(bench, PM_REMAP_MREMAP, 16 * MANY * PS_BASE_PAGE)};
    const double table = carry_slots(bench, PM_REMAP_MREMAP, PS_HUGE_PAGE);

    if (ns[0] > 0 && ns[1] > 0)
        pm_fit(bench, PM_mremap_call, PM_mremap_page, ns, (double)MANY, 16.0 * (double)MANY);
    if (table > 0)
        bench->profile.cost[PM_mremap_table] = least_0(table - bench->profile.cost[PM_mremap_call]);
}

static void measure_huge(struct bench *bench)
{
    (void)madvise(bench->memory, REMAP_BYTES, MADV_DONTNEED);
    if (madvise(bench->memory, REMAP_BYTES, MADV_HUGEPAGE) != 0)
        return;
    memset(bench->memory, 1, REMAP_BYTES);
    const double ns = carry_slots(bench, PM_REMAP_UFFD, PS_HUGE_PAGE);

    if (ns > 0 && bench->region->is_huge)
        bench->profile.cost[PM_uffd_huge] = least_0(ns - bench->profile.cost[PM_uffd_call]);
    (void)madvise(bench->memory, REMAP_BYTES, MADV_NOHUGEPAGE);
    (void)madvise(bench->memory, REMAP_BYTES, MADV_DONTNEED);
    memset(bench->memory, 1, REMAP_BYTES);
}

int pm_measure_remaps(struct bench *bench)
{
    const int failed = measure_giving_back(bench);

    if (failed)
        return failed;
    measure_uffd(bench);
    measure_huge(bench);
    measure_mremap(bench);
    return 0;
}
