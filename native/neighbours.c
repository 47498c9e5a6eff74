/* Busy neighbours: threads of this process that do something on the CPUs that the trial leaves free. While they run,
 * the kernel must interrupt their CPUs for every page-table entry it takes away (TLB shootdown), as in a program whose
 * other threads are at work. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "glibc.h"
#include "pageswap.h"

struct neighbour {
    pthread_t thread;
    int32_t cpu;
    uint32_t index;
    struct ps_neighbours *all;
};

struct ps_neighbours {
    struct neighbour *list;
    uint32_t count;
    ps_neighbour_work *work;
    void *shared; /* what the work is called with */
    _Atomic uint32_t ready;
    _Atomic int leave;
};

void ps_neighbour_spin(void *all, uint32_t index, const _Atomic int *leave)
{
    (void)all;
    (void)index;
    while (!atomic_load_explicit(leave, memory_order_relaxed))
        __builtin_ia32_pause();
}

static void *live(void *argument)
{
    const struct neighbour *const me = argument;
    ps_error ignored = {0};

    /* Where it cannot be pinned it works all the same; the trial's own CPUs are pinned first. */
    (void)ps_cpu_pin(me->cpu, &ignored);
    atomic_fetch_add(&me->all->ready, 1);
    me->all->work(me->all->shared, me->index, &me->all->leave);
    return NULL;
}

struct ps_neighbours *ps_neighbours_start(const int32_t *cpus, uint32_t count, ps_neighbour_work *work, void *all,
                                          ps_error *error)
{
    struct ps_neighbours *const found = calloc(1, sizeof *found);

    if (!found || !(found->list = calloc(count, sizeof *found->list))) {
        free(found);
        (void)ps_error_set(error, ENOMEM, "calloc (neighbours)", "");
        return NULL;
    }
    found->work = work;
    found->shared = all;
    for (; found->count < count; found->count++) {
        struct neighbour *const one = &found->list[found->count];

        *one = (struct neighbour){.cpu = cpus[found->count], .index = found->count, .all = found};
        const int failed = pthread_create(&one->thread, NULL, live, one);

        if (failed) {
            (void)ps_error_set(error, failed, "pthread_create", "");
            ps_neighbours_stop(found);
            return NULL;
        }
    }
    while (atomic_load(&found->ready) < count)
        __builtin_ia32_pause();
    return found;
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
