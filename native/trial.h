/* A trial under way, as the files share it that take it from its check to its clean-up. */
#ifndef PAGESWAP_TRIAL_H
#define PAGESWAP_TRIAL_H

#include <sys/types.h>

#include "counters.h"
#include "memory.h"
#include "numa.h"
#include "readers.h"

struct ps_trial_run {
    const ps_trial *trial;
    ps_trial shape; /* the same, with the region that the workload takes and the pages that its method is given */
    const struct ps_workload_ops *workload;
    const struct ps_method *method;
    const struct ps_backing *backing;
    struct ps_memory memory;
    struct ps_memory resting; /* what readers of `resting` read */
    struct ps_work *works; /* one a thread */
    struct ps_nodes *nodes; /* where each one's region is to lie */
    int32_t *cpus; /* first the threads', then those that are left */
    uint32_t cpu_count;
    struct ps_team *team;
    struct ps_neighbours *neighbours; /* that spin */
    struct ps_readers *readers;
    pid_t sharer; /* the child that shares the pages, or 0 */
    int has_begun; /* the method was called, so what fails is what the kernel refused it */
    struct ps_perf perf;
    uint64_t mappings; /* when last counted */
    ps_result *result;
    ps_error *error;
};

/* trial_check.c: finds what the trial names, and refuses what is impossible. */
int ps_trial_check(struct ps_trial_run *run);

/* page_state.c: once, before the method's set-up; before each round; after the last. */
int ps_state_prepare(struct ps_trial_run *run);
int ps_state_renew(struct ps_trial_run *run);
void ps_state_end(struct ps_trial_run *run);
/* Makes of a failure an unavailable method, where it is the kernel's refusal of pages in such a state. */
int ps_state_refusal(struct ps_trial_run *run, int failed);

/* trial_rounds.c: the rounds, and what is counted before, between and after them. */
int ps_trial_measure(struct ps_trial_run *run, uint64_t *rounds_ns);

#endif
