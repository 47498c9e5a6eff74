/* swap: exchanges the pages of the schedule's pairs, one after the other. */
#include "../pageswap.h"

static int can(const struct ps_method *method)
{
    return method->swap_many != NULL;
}

static int run(struct ps_work *work, size_t begin, size_t end)
{
    return work->method->swap_many(&work->region, work->a + begin, work->b + begin, end - begin);
}

static int verify(struct ps_work *work, ps_result *result)
{
    ps_pairs_model(work, 0, work->iterations);
    return ps_verify(work, result);
}

const struct ps_workload_ops ps_workload_swap = {
    .name = "swap",
    .is_full = 1,
    .moves_runs = 1,
    .hooks_use_scratch = 1,
    .takes_states = 1,
    .can = can,
    .prepare = ps_pairs_prepare,
    .warm_up = ps_pairs_warm_up,
    .run = run,
    .page_moves = ps_pairs_page_moves,
    .verify = verify,
    .release = ps_pairs_release,
};
