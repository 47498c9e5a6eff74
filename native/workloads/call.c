/* call: what one trip to the kernel costs, to explain what the other workloads measure. An iteration is one call, or
 * one sequence of calls that belong together, as the method's summary says. */
#include <stdlib.h>

#include "../pageswap.h"

#define WARM_UP_CALLS ((size_t)64)

static int can(const struct ps_method *method)
{
    return method->call_many != NULL;
}

static int prepare(struct ps_work *work)
{
    if (!(work->model = ps_allocate(work, work->region.pages, sizeof *work->model, "malloc (model)")))
        return -ENOMEM;
    for (size_t slot = 0; slot < work->region.pages; slot++)
        work->model[slot] = (uint32_t)slot;
    return 0;
}

static int before_round(struct ps_work *work, size_t begin, size_t end)
{
    return work->method->call_refill ? work->method->call_refill(&work->region, end - begin) : 0;
}

static int warm_up(struct ps_work *work)
{
    const size_t n = work->iterations < WARM_UP_CALLS ? work->iterations : WARM_UP_CALLS;
    const int failed = before_round(work, 0, n);

    return failed ? failed : work->method->call_many(&work->region, n);
}

static int run(struct ps_work *work, size_t begin, size_t end)
{
    return work->method->call_many(&work->region, end - begin);
}

static void release(struct ps_work *work)
{
    free(work->model);
}

/* A call that is given a page of the region must leave its bytes alone. */
const struct ps_workload_ops ps_workload_call = {
    .name = "call",
    .hooks_use_scratch = 1,
    .own_memory = 1,
    .can = can,
    .prepare = prepare,
    .before_round = before_round,
    .warm_up = warm_up,
    .run = run,
    .verify = ps_verify,
    .release = release,
};
