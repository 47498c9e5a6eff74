/* Each thread rotates cycles of its own. One that two threads share is cut: its arcs are rotated as if they were
 * cycles, after which what the last slot of each holds belongs to the last slot of the arc before, so that a cycle of
 * these slots alone is left, which the caller rotates. Nobody waits for anybody but then. */
#include "workers.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../glibc.h"
#include "owner.h"

/* Before glibc 2.34 a program has threads only if it is linked with them. */
#pragma weak pthread_create
#pragma weak pthread_join

/* What a thread's own instruction raises: where it is blocked, the process ends, whatever handles it. */
static const int own_faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS};

#define SHORTEST_ARC ((size_t)2)

struct pm_worker {
    struct ps_region memory; /* the region's, with cycles of its own */
    struct ps_cycles part; /* of the region's lists; what waits aside is its own */
    struct pm_workers *all;
    pthread_t thread;
};

struct pm_workers {
    const struct pm_kernels *kernels;
    unsigned count, started; /* both with the caller's */
    unsigned at_once; /* of them, on the CPUs that they may use */
    int leaves;
    atomic_uint round; /* of work that was given out */
    atomic_uint busy;
    struct ps_cycles seams; /* the last slots of each cut cycle's arcs */
    size_t seam_slots, open_end; /* of the cycle that is being cut: where it ends, 0 when none is */
    struct pm_worker worker[]; /* the first is the caller's */
};

static void sleep_on(atomic_uint *word, unsigned value)
{
    (void)syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0); /* looked at again, whatever it says */
}

static void wake(atomic_uint *word, int sleepers)
{
    (void)syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, sleepers, NULL, NULL, 0); /* nobody sleeps: no error */
}

static void rotate(const struct pm_workers *all, struct pm_worker *worker)
{
    if (worker->part.count > 0)
        all->kernels->rotate(&worker->memory);
}

static void *work(void *given)
{
    struct pm_worker *const worker = given;
    struct pm_workers *const all = worker->all;

    for (unsigned seen = 0;; seen++) {
        while (atomic_load_explicit(&all->round, memory_order_acquire) == seen)
            sleep_on(&all->round, seen);
        if (all->leaves)
            return NULL;
        rotate(all, worker);
        if (atomic_fetch_sub_explicit(&all->busy, 1, memory_order_acq_rel) == 1)
            wake(&all->busy, 1);
    }
}

static void give_out(struct pm_workers *all)
{
    atomic_store_explicit(&all->busy, all->started - 1, memory_order_relaxed);
    (void)atomic_fetch_add_explicit(&all->round, 1, memory_order_release);
    wake(&all->round, (int)all->started);
}

/* No signal is ever delivered to them but for a fault of their own. In Linux sigprocmask is of the thread that calls
 * it, too. */
static int start(struct pm_workers *all)
{
    sigset_t every, former;
    int failed = 0;

    (void)sigfillset(&every);
    for (size_t i = 0; i < sizeof own_faults / sizeof *own_faults; i++)
        (void)sigdelset(&every, own_faults[i]);
    (void)sigprocmask(SIG_SETMASK, &every, &former);
    while (!failed && all->started < all->count) {
        struct pm_worker *const worker = &all->worker[all->started];

        failed = pthread_create(&worker->thread, NULL, work, worker);
        all->started += !failed;
    }
    (void)sigprocmask(SIG_SETMASK, &former, NULL);
    return -failed;
}

static int make(struct pm_workers *all, const struct ps_region *memory)
{
    all->seams.slots = malloc(2 * all->count * sizeof *all->seams.slots);
    all->seams.ends = malloc(all->count * sizeof *all->seams.ends);
    int is_made = all->seams.slots && all->seams.ends;

    for (unsigned i = 0; i < all->count; i++) {
        struct pm_worker *const worker = &all->worker[i];

        worker->all = all;
        worker->memory = *memory;
        worker->memory.private = &worker->part;
        worker->part.aside = aligned_alloc(PS_BASE_PAGE, 2 * PS_BASE_PAGE);
        is_made = is_made && worker->part.aside;
    }
    return is_made ? 0 : -ENOMEM;
}

static unsigned cpus(void)
{
    cpu_set_t allowed;

    return sched_getaffinity(0, sizeof allowed, &allowed) == 0 ? (unsigned)CPU_COUNT(&allowed) : PM_MOST_THREADS;
}

int pm_workers_begin(pm_region *region, unsigned threads)
{
    if (threads < 2)
        return 0;
    if (!pthread_create || !pthread_join)
        return -ENOTSUP;
    struct pm_workers *const all = calloc(1, sizeof *all + threads * sizeof *all->worker);

    if (!(region->workers = all))
        return -ENOMEM;
    all->at_once = cpus() < threads ? cpus() : threads;
    all->count = threads;
    all->started = 1;
    const int failed = make(all, &region->memory);

    return failed ? failed : start(all);
}

void pm_workers_end(pm_region *region)
{
    struct pm_workers *const all = region->workers;

    if (!all)
        return;
    if (pm_is_own(region)) {
        all->leaves = 1;
        give_out(all);
        for (unsigned i = 1; i < all->started; i++)
            (void)pthread_join(all->worker[i].thread, NULL);
    }
    for (unsigned i = 0; i < all->count; i++)
        free(all->worker[i].part.aside);
    free(all->seams.slots);
    free(all->seams.ends);
    free(all);
    region->workers = NULL;
}

unsigned pm_threads(const pm_region *region)
{
    const struct pm_workers *const all = region->workers;

    return all && pm_is_own(region) ? all->count : 1;
}

unsigned pm_threads_at_once(const pm_region *region)
{
    return region->workers ? region->workers->at_once : 1;
}

static void end_seam(struct pm_workers *all, const struct ps_cycles *found)
{
    if (all->open_end == 0)
        return;
    all->seams.slots[all->seam_slots++] = found->slots[all->open_end - 1];
    all->seams.ends[all->seams.count++] = (uint32_t)all->seam_slots;
    all->open_end = 0;
}

static void cut(struct pm_workers *all, struct ps_cycles *found, size_t cycle, size_t place)
{
    const size_t end = found->ends[cycle];

    if (all->open_end != end) {
        end_seam(all, found);
        all->open_end = end;
    }
    all->seams.slots[all->seam_slots++] = found->slots[place - 1];
    /* There is room, as no arc is shorter than a cycle may be. */
    memmove(found->ends + cycle + 1, found->ends + cycle, (found->count - cycle) * sizeof *found->ends);
    found->ends[cycle] = (uint32_t)place;
    found->count++;
}

/* Puts a border near `place`, not before cycle `first`, and returns the cycle that begins there. */
static size_t border(struct pm_workers *all, struct ps_cycles *found, size_t first, size_t place)
{
    size_t cycle = first;

    while (cycle < found->count && found->ends[cycle] <= place)
        cycle++;
    if (cycle == found->count || place < ps_cycle_begin(found, cycle) + SHORTEST_ARC)
        return cycle;
    if (place + SHORTEST_ARC <= found->ends[cycle])
        cut(all, found, cycle, place);
    return cycle + 1;
}

static void share_out(struct pm_workers *all, struct ps_cycles *found)
{
    const size_t slots = found->count > 0 ? found->ends[found->count - 1] : 0;
    size_t first = 0, begin = 0;

    all->seams.count = all->seam_slots = all->open_end = 0;
    for (unsigned i = 0; i < all->count; i++) {
        struct ps_cycles *const part = &all->worker[i].part;
        const size_t after = border(all, found, first, slots * (i + 1) / all->count);

        part->slots = found->slots + begin;
        part->ends = found->ends + first;
        part->count = after - first;
        begin = ps_cycle_begin(found, after);
        first = after;
    }
    end_seam(all, found);
    for (unsigned i = 0; i < all->count; i++)
        for (size_t cycle = 0; cycle < all->worker[i].part.count; cycle++)
            all->worker[i].part.ends[cycle] -= (uint32_t)(all->worker[i].part.slots - found->slots);
}

void pm_rotate_by_all(pm_region *region, const struct pm_kernels *kernels)
{
    struct pm_workers *const all = region->workers;
    struct pm_worker *const own = &all->worker[0];
    unsigned left;

    all->kernels = kernels;
    share_out(all, region->memory.private);
    give_out(all);
    rotate(all, own);
    while ((left = atomic_load_explicit(&all->busy, memory_order_acquire)) != 0)
        sleep_on(&all->busy, left);
    all->seams.aside = own->part.aside;
    own->part = all->seams;
    rotate(all, own);
}
