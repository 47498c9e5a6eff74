/* What the kernels that copy take, in each tier of the caches. */
#include <string.h>
#include <unistd.h>

#include "bench.h"

/* Other slots each time: what moved before is in the caches. */
static void draw(struct bench *bench)
{
    const size_t half = bench->region->memory.pages / 2;

    for (size_t i = 0; i < bench->count; i++) {
        bench->a[i] = pm_below(bench, half);
        bench->b[i] = (uint32_t)(half + pm_below(bench, half));
        bench->moves[i] = (struct ps_move){ps_slot(&bench->region->memory, bench->a[i]),
                                           ps_slot(&bench->region->memory, bench->b[i]), 1};
    }
}

static void swap(struct bench *bench)
{
    bench->kernels->swap(&bench->region->memory, bench->a, bench->b, bench->count);
}

static void move(struct bench *bench)
{
    bench->kernels->move(&bench->region->memory, bench->moves, bench->count);
}

static void shuffle(struct bench *bench)
{
    for (size_t i = 0; i < bench->count; i++)
        bench->order[i] = (uint32_t)i;
    for (size_t i = bench->count; i > 1; i--) {
        const size_t j = pm_below(bench, i);
        const uint32_t taken = bench->order[i - 1];

        bench->order[i - 1] = bench->order[j];
        bench->order[j] = taken;
    }
    memcpy(bench->region->from, bench->order, bench->count * sizeof *bench->order);
}

static void rotate(struct bench *bench)
{
    (void)pm_move_cycles(bench->region, PM_BY_KERNEL, bench->count); /* copying does not fail */
}

/* What slots of two sizes take, the second of MANY base pages. */
static int measure_sizes(struct bench *bench, size_t bytes, bench_step *work, double ns[2])
{
    for (int i = 0; i < 2; i++) {
        const size_t pages = i ? MANY : FEW;
        const int failed = pm_reopen(bench, bench->memory, bytes, pages * PS_BASE_PAGE);

        if (failed)
            return failed;
        bench->count = LISTED / pages;
        ns[i] = pm_shortest(bench, work, draw);
    }
    return 0;
}

static int measure_kernels(struct bench *bench, size_t bytes, const struct pm_kernels *kernels, bench_step *work,
                           enum pm_cost call, enum pm_cost page)
{
    double ns[2];

    bench->kernels = kernels;
    const int failed = measure_sizes(bench, bytes, work, ns);

    if (!failed)
        pm_fit(bench, call, page, ns, (double)FEW, (double)MANY);
    return failed;
}

static int measure_rotation(struct bench *bench, size_t bytes, enum pm_cost which)
{
    const int failed = pm_reopen(bench, bench->memory, bytes, PS_BASE_PAGE);

    if (failed)
        return failed;
    bench->count = bytes / PS_BASE_PAGE;
    bench->profile.cost[which] = pm_shortest(bench, rotate, shuffle);
    return 0;
}

static int measure_tier(struct bench *bench, int tier, size_t bytes)
{
    const struct pm_kernels *const kernels = bench->region->kernels;
    int failed = measure_kernels(bench, bytes, &pm_kernels_memcpy, swap, (enum pm_cost)(PM_memcpy_swap_call_l2 + tier),
                                 (enum pm_cost)(PM_memcpy_swap_l2 + tier));

    if (!failed)
        failed = measure_kernels(bench, bytes, kernels, swap, (enum pm_cost)(PM_exchange_call_l2 + tier),
                                 (enum pm_cost)(PM_exchange_l2 + tier));
    if (!failed)
        failed = measure_kernels(bench, bytes, &pm_kernels_memcpy, move, (enum pm_cost)(PM_memcpy_move_call_l2 + tier),
                                 (enum pm_cost)(PM_memcpy_move_l2 + tier));
    if (!failed)
        failed = measure_kernels(bench, bytes, kernels, move, (enum pm_cost)(PM_copy_call_l2 + tier),
                                 (enum pm_cost)(PM_copy_l2 + tier));
    return failed ? failed : measure_rotation(bench, bytes, (enum pm_cost)(PM_rotate_l2 + tier));
}

#define CYCLE ((size_t)4) /* slots: too few for it to matter how long they take */
#define ASLEEP_US 300

/* And lets the other thread fall asleep, as it will be when a program asks. */
static void lay_cycle(struct bench *bench)
{
    (void)usleep(ASLEEP_US); /* cut short it is only less asleep */
    for (size_t i = 0; i < bench->count; i++)
        bench->region->from[i] = (uint32_t)((i + 1) % bench->count);
}

/* What it takes to have a second thread rotate, and what it is good for; a process that may have none says nothing
 * of the host, whose numbers are then the built-in ones. */
static int measure_threads(struct bench *bench)
{
    const double alone = bench->profile.cost[PM_rotate_memory];

    bench->threads = 2;
    bench->profile.cost[PM_threads_call] = bench->profile.cost[PM_threads_serial] = 0; /* so that it is called */
    int failed = pm_reopen(bench, bench->memory, bench->bytes, PS_BASE_PAGE);

    bench->profile.cost[PM_threads_call] = pm_built_in.cost[PM_threads_call];
    bench->profile.cost[PM_threads_serial] = pm_built_in.cost[PM_threads_serial];
    if (!failed) {
        bench->count = bench->bytes / PS_BASE_PAGE;
        const double serial = 2 * pm_shortest(bench, rotate, shuffle) / alone - 1;

        bench->count = CYCLE;
        bench->profile.cost[PM_threads_call] = (double)CYCLE * pm_shortest(bench, rotate, lay_cycle);
        bench->profile.cost[PM_threads_serial] = serial < 0 ? 0 : serial > 1 ? 1 : serial;
    }
    bench->threads = 1;
    failed = failed == -ENOTSUP || failed == -EAGAIN ? 0 : failed;
    return failed ? failed : pm_reopen(bench, bench->memory, bench->bytes, PS_BASE_PAGE);
}

/* Which registers exchange faster where it matters most; of those that this CPU has. */
static int choose_registers(struct bench *bench)
{
    static const struct pm_kernels *const all[] = {&pm_kernels_avx512, &pm_kernels_avx2, &pm_kernels_sse2};
    double ns[2], best = 0;
    unsigned bits = pm_kernels_sse2.register_bits;

    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (!ps_cpu_has(all[i]->cpu_features))
            continue;
        bench->kernels = all[i];
        const int failed = measure_sizes(bench, bench->bytes, swap, ns);

        if (failed)
            return failed;
        if (best == 0 || ns[0] < best) {
            best = ns[0];
            bits = all[i]->register_bits;
        }
    }
    bench->profile.cost[PM_register_bits] = bits;
    return 0;
}

int pm_measure_copies(struct bench *bench)
{
    const size_t of_tiers[PM_TIERS] = {(size_t)bench->profile.cost[PM_l2_bytes] / 2 / MANY / PS_BASE_PAGE * MANY *
                                           PS_BASE_PAGE,
                                       (size_t)bench->profile.cost[PM_llc_bytes] / 2 / MIB * MIB, bench->bytes};
    int failed = choose_registers(bench);

    if (!failed)
        failed = pm_reopen(bench, bench->memory, bench->bytes, PS_BASE_PAGE); /* with the kernels that were chosen */
    for (int tier = 0; tier < PM_TIERS && !failed; tier++) {
        const size_t least = 4 * MANY * PS_BASE_PAGE, wanted = of_tiers[tier] > least ? of_tiers[tier] : least;

        failed = measure_tier(bench, tier, wanted < bench->bytes ? wanted : bench->bytes);
    }
    return failed ? failed : measure_threads(bench);
}
