/* A trial under way, as the files share it that take it from its check to its clean-up. */
#ifndef PAGESWAP_TRIAL_H
#define PAGESWAP_TRIAL_H

#include "counters.h"
#include "memory.h"

struct ps_trial_run {
    const ps_trial *trial;
    ps_trial shape; /* the same, with the region that the workload takes and the pages that its method is given */
    const struct ps_workload_ops *workload;
    const struct ps_method *method;
    const struct ps_backing *backing;
    struct ps_memory memory;
    struct ps_work *works; /* one a thread */
    int32_t *cpus; /* first the threads', then those that are left */
    uint32_t cpu_count;
    struct ps_team *team;
    struct ps_neighbours *neighbours;
    struct ps_perf perf;
    uint64_t mappings; /* when last counted */
    ps_result *result;
    ps_error *error;
};

/* trial_check.c: finds what the trial names, and refuses what is impossible. */
int ps_trial_check(struct ps_trial_run *run);

/* trial_rounds.c: the rounds, and what is counted before, between and after them. */
int ps_trial_measure(struct ps_trial_run *run, uint64_t *rounds_ns);

#endif
