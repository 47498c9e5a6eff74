/* Measures a host's profile: each number from the shortest of repeated samples, as what disturbs only lengthens. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "../glibc.h"
#include "bench.h"

#define CACHE "/sys/devices/system/cpu/cpu0/cache/"

double pm_shortest(struct bench *bench, bench_step *work, bench_step *prepare)
{
    const uint64_t end = ps_now_ns() + bench->point_ns;
    uint64_t best = UINT64_MAX;

    for (int i = 0; i < SAMPLES_LEAST || ps_now_ns() < end; i++) {
        prepare(bench);
        const uint64_t begin = ps_now_ns();

        work(bench);
        const uint64_t took = ps_now_ns() - begin;

        best = took < best ? took : best;
    }
    return (double)best / (double)bench->count;
}

void pm_fit(struct bench *bench, enum pm_cost call, enum pm_cost page, const double ns[2], double few, double many)
{
    const double each = ns[1] > ns[0] ? (ns[1] - ns[0]) / (many - few) : 0;

    bench->profile.cost[page] = each;
    bench->profile.cost[call] = ns[0] > few * each ? ns[0] - few * each : 0;
}

/* xorshift64* */
uint32_t pm_below(struct bench *bench, size_t bound)
{
    bench->random ^= bench->random >> 12;
    bench->random ^= bench->random << 25;
    bench->random ^= bench->random >> 27;
    return (uint32_t)((bench->random * 0x2545f4914f6cdd1d >> 32) * bound >> 32);
}

int pm_reopen(struct bench *bench, unsigned char *memory, size_t bytes, size_t slot_bytes)
{
    const struct pm_options options = {
        .slot_bytes = slot_bytes, .threads = bench->threads, .flags = PM_SINGLE_THREADED};

    (void)pm_close(bench->region);
    return pm_open(&bench->region, memory, bytes, &options, &bench->profile);
}

/* As the kernel tells, of the CPU that it began on: the C library's word may be of all the machine. */
static double cache_bytes(const char *path, enum pm_cost which)
{
    FILE *const file = fopen(path, "re");
    unsigned long kib = 0;

    if (file) {
        if (fscanf(file, "%lu", &kib) != 1)
            kib = 0;
        (void)fclose(file);
    }
    return kib > 0 ? (double)kib * 1024 : pm_built_in.cost[which];
}

static int measure(struct bench *bench)
{
    int failed = pm_reopen(bench, bench->memory, bench->bytes, PS_BASE_PAGE);

    if (!failed)
        failed = pm_measure_copies(bench);
    return failed ? failed : pm_measure_remaps(bench);
}

static int make(struct bench *bench)
{
    const size_t reserved = bench->bytes + PS_HUGE_PAGE;
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    unsigned char *const mapped = mmap(NULL, reserved, PROT_READ | PROT_WRITE, flags, -1, 0);

    if (mapped == MAP_FAILED)
        return -errno;
    bench->memory = mapped + (PS_HUGE_PAGE - (uintptr_t)mapped % PS_HUGE_PAGE) % PS_HUGE_PAGE;
    bench->order = malloc(bench->bytes / PS_BASE_PAGE * sizeof *bench->order);
    int failed = bench->order ? 0 : -ENOMEM;

    if (!failed) {
        (void)madvise(bench->memory, bench->bytes, MADV_NOHUGEPAGE); /* a kernel without them has none */
        memset(bench->memory, 1, bench->bytes);
        failed = measure(bench);
    }
    (void)pm_close(bench->region);
    free(bench->order);
    (void)munmap(mapped, reserved);
    return failed;
}

/* The budget is shared evenly; where it is small, filling the memory and the least number of samples take longer. */
static int measure_host(struct pm_profile *profile, unsigned budget_ms)
{
    struct bench *const bench = calloc(1, sizeof *bench);

    if (!bench)
        return -ENOMEM;
    bench->profile = pm_built_in;
    bench->profile.cost[PM_l2_bytes] = cache_bytes(CACHE "index2/size", PM_l2_bytes);
    bench->profile.cost[PM_llc_bytes] = cache_bytes(CACHE "index3/size", PM_llc_bytes);
    bench->bytes = MOST_BYTES;
    bench->point_ns = (uint64_t)budget_ms * 1000000 / POINTS;
    bench->random = 42;
    const int failed = make(bench);

    if (!failed) {
        *profile = bench->profile;
        pm_host_key(profile->key);
    }
    free(bench);
    return failed;
}

int pm_calibrate(pm_profile **made, unsigned budget_ms, const char *cache_path)
{
    if (!made)
        return -EINVAL;
    *made = NULL;
    struct pm_profile *const profile = malloc(sizeof *profile);

    if (!profile)
        return -ENOMEM;
    int failed = cache_path ? pm_profile_read(profile, cache_path) : -ENOENT;

    if (failed && budget_ms > 0) {
        failed = measure_host(profile, budget_ms);
        if (!failed && cache_path)
            failed = pm_profile_write(profile, cache_path);
    }
    if (failed)
        free(profile);
    else
        *made = profile;
    return failed;
}

void pm_profile_free(pm_profile *profile)
{
    free(profile);
}
