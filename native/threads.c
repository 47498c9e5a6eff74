/* The team: the threads of a trial, pinned, that run each task side by side between two barriers. One thread is the
 * calling one; with threads == 1 no other is made and no barrier is met. */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "glibc.h"
#include "pageswap.h"

struct member {
    struct ps_team *team;
    struct ps_work *work;
    pthread_t thread;
    int32_t cpu;
};

struct ps_team {
    struct member *members; /* members[0] is the calling thread */
    uint32_t threads;
    uint32_t started;
    ps_team_task *task; /* of this turn, and its round */
    uint32_t round;
    _Atomic uint32_t ready; /* members that run on the CPU of theirs */
    _Atomic uint32_t turn;  /* the task that may run, counted from 1; UINT32_MAX tells the members to leave */
    _Atomic uint32_t done;  /* members that finished it */
};

/* Threads have CPUs of their own, so a wait is short; yielding serves a host that takes them away. */
void ps_wait_a_moment(unsigned *spins)
{
    if (++*spins % 4096 == 0)
        (void)sched_yield();
    else
        __builtin_ia32_pause();
}

static void *serve(void *argument)
{
    struct member *const member = argument;
    struct ps_team *const team = member->team;

    member->work->failed = ps_cpu_pin(member->cpu, &member->work->error);
    atomic_fetch_add_explicit(&team->ready, 1, memory_order_release);
    for (uint32_t next = 1;; next++) {
        unsigned spins = 0;
        uint32_t turn;

        while ((turn = atomic_load_explicit(&team->turn, memory_order_acquire)) < next)
            ps_wait_a_moment(&spins);
        if (turn == UINT32_MAX)
            return NULL;
        if (!member->work->failed)
            member->work->failed = team->task(member->work, team->round);
        atomic_fetch_add_explicit(&team->done, 1, memory_order_release);
    }
}

struct ps_team *ps_team_start(struct ps_work *works, uint32_t threads, const int32_t *cpus, ps_error *error)
{
    struct ps_team *const team = calloc(1, sizeof *team);

    if (!team || !(team->members = calloc(threads, sizeof *team->members))) {
        free(team);
        (void)ps_error_set(error, ENOMEM, "calloc (team)", "");
        return NULL;
    }
    team->threads = threads;
    for (uint32_t i = 0; i < threads; i++)
        team->members[i] = (struct member){.team = team, .work = &works[i], .cpu = cpus[i]};
    for (team->started = 1; team->started < threads; team->started++) {
        struct member *const member = &team->members[team->started];
        const int failed = pthread_create(&member->thread, NULL, serve, member);

        if (failed) {
            (void)ps_error_set(error, failed, "pthread_create", "");
            ps_team_stop(team);
            return NULL;
        }
    }
    /* Else the first round would time how long a busy host takes to start them. */
    unsigned spins = 0;

    while (atomic_load_explicit(&team->ready, memory_order_acquire) < threads - 1)
        ps_wait_a_moment(&spins);
    return team;
}

uint64_t ps_team_run(struct ps_team *team, ps_team_task *task, uint32_t round)
{
    struct ps_work *const own = team->members[0].work;
    unsigned spins = 0;
    const uint64_t begin_ns = ps_now_ns();

    if (team->threads > 1) {
        team->task = task;
        team->round = round;
        atomic_store_explicit(&team->done, 0, memory_order_relaxed);
        (void)atomic_fetch_add_explicit(&team->turn, 1, memory_order_release);
    }
    own->failed = task(own, round);
    while (atomic_load_explicit(&team->done, memory_order_acquire) < team->threads - 1)
        ps_wait_a_moment(&spins);
    return ps_now_ns() - begin_ns;
}

void ps_team_stop(struct ps_team *team)
{
    if (!team)
        return;
    atomic_store_explicit(&team->turn, UINT32_MAX, memory_order_release);
    for (uint32_t i = 1; i < team->started; i++)
        (void)pthread_join(team->members[i].thread, NULL);
    free(team->members);
    free(team);
}
