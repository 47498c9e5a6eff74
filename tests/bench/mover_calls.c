/* What a call of the mover takes beyond the kernel that it chooses: prints ns of one swap of two slots in cache by the
 * kernel and by pm_swap, and of a batch of so many by the kernel and by pm_swap_many; the least of many samples each.
 */
#include <stdio.h>
#include <sys/mman.h>
#include <time.h>

#include "mover/region.h"

#define SLOTS 64u
#define BATCH 4096u
#define CALLS 4096u
#define SAMPLES 300

static uint32_t a[BATCH], b[BATCH];
static pm_pair pairs[BATCH];

static double now_ns(void)
{
    struct timespec time;

    (void)clock_gettime(CLOCK_MONOTONIC_RAW, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static void one_by_kernel(pm_region *region)
{
    for (uint32_t i = 0; i < CALLS; i++)
        region->kernels_for_one->swap(&region->memory, &a[i], &b[i], 1);
}

static void one_by_call(pm_region *region)
{
    for (uint32_t i = 0; i < CALLS; i++)
        (void)pm_swap(region, a[i], b[i]);
}

static void batch_by_kernel(pm_region *region)
{
    region->kernels_for_one->swap(&region->memory, a, b, BATCH);
}

static void batch_by_call(pm_region *region)
{
    (void)pm_swap_many(region, pairs, BATCH, NULL);
}

typedef void work(pm_region *region);

/* Both in turn, so that what disturbs one disturbs the other. */
static void measure(const char *name, pm_region *region, work *by_kernel, work *by_call, double count)
{
    work *const works[2] = {by_kernel, by_call};
    double best[2] = {1e300, 1e300};

    for (int i = 0; i < 2 * SAMPLES; i++) {
        const double begin = now_ns();

        works[i % 2](region);
        const double took = (now_ns() - begin) / count;

        best[i % 2] = took < best[i % 2] ? took : best[i % 2];
    }
    (void)printf("%s %.3f %.3f\n", name, best[0], best[1]);
}

/* A region of so many slots of base pages. */
static int measure_in(const char *name, size_t slots, work *by_kernel, work *by_call, double count)
{
    const size_t bytes = slots * PS_BASE_PAGE;
    const struct pm_options options = {.flags = PM_COPY_ONLY};
    pm_region *region;
    unsigned char *const memory =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

    if (memory == MAP_FAILED || pm_open(&region, memory, bytes, &options, NULL) != 0)
        return 1;
    for (uint32_t i = 0; i < BATCH; i++) {
        a[i] = (uint32_t)(i * 2654435761u % slots);
        b[i] = (uint32_t)((i * 2654435761u / 7 + 1) % slots);
        pairs[i] = (pm_pair){a[i], b[i]};
    }
    measure(name, region, by_kernel, by_call, count);
    (void)pm_close(region);
    return munmap(memory, bytes) != 0;
}

/* The batch is small for its region, so that it is exchanged pair by pair, as the kernel does it. */
int main(void)
{
    return measure_in("one", SLOTS, one_by_kernel, one_by_call, CALLS) ||
           measure_in("batch", 16 * BATCH, batch_by_kernel, batch_by_call, BATCH);
}
