/* Busy neighbours: threads of this process that spin on the CPUs that the trial leaves free. While they run, the
 * kernel must interrupt their CPUs for every page-table entry it takes away (TLB shootdown), as in a program whose
 * other threads are at work. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "glibc.h"
#include "pageswap.h"

struct neighbour {
    pthread_t thread;
    int32_t cpu;
    struct ps_neighbours *all;
};

struct ps_neighbours {
    struct neighbour *list;
    uint32_t count;
    _Atomic uint32_t ready;
    _Atomic int leave;
};

static void *spin(void *argument)
{
    struct neighbour *const me = argument;
    ps_error ignored = {0};

    /* Where it cannot be pinned it spins all the same; the trial's own CPUs are pinned first. */
    (void)ps_cpu_pin(me->cpu, &ignored);
    atomic_fetch_add(&me->all->ready, 1);
    while (!atomic_load_explicit(&me->all->leave, memory_order_relaxed))
        __builtin_ia32_pause();
    return NULL;
}

struct ps_neighbours *ps_neighbours_start(const int32_t *cpus, uint32_t count, ps_error *error)
{
    struct ps_neighbours *const all = calloc(1, sizeof *all);

    if (!all || !(all->list = calloc(count, sizeof *all->list))) {
        free(all);
        (void)ps_error_set(error, ENOMEM, "calloc (neighbours)", "");
        return NULL;
    }
    for (; all->count < count; all->count++) {
        struct neighbour *const one = &all->list[all->count];

        one->cpu = cpus[all->count];
        one->all = all;
        const int failed = pthread_create(&one->thread, NULL, spin, one);

        if (failed) {
            (void)ps_error_set(error, failed, "pthread_create", "");
            ps_neighbours_stop(all);
            return NULL;
        }
    }
    while (atomic_load(&all->ready) < count)
        __builtin_ia32_pause();
    return all;
}

void ps_neighbours_stop(struct ps_neighbours *all)
{
    if (!all)
        return;
    atomic_store(&all->leave, 1);
    for (uint32_t i = 0; i < all->count; i++)
        (void)pthread_join(all->list[i].thread, NULL);
    free(all->list);
    free(all);
}
