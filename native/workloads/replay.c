/* replay: the moves of the user's own trace, in its order and its batches, once. An iteration is one of its moves.
 *
 * Each thread plays all of it on its own share of the slots. The round is the whole trace: memory is as the trace finds
 * it only once, and what one part of a trace costs is no measure of another. */
#include "../pageswap.h"

static int can(const struct ps_method *method)
{
    return method->move_many != NULL;
}

static int refuse(struct ps_work *work, const char *why)
{
    return ps_error_set(&work->error, EINVAL, "trace", why);
}

static int add(struct ps_work *work, const ps_trace_line *line)
{
    const uint64_t pages = work->region.pages;

    if ((uint64_t)line->to + line->pages > pages || (uint64_t)line->from + line->pages > pages)
        return refuse(work, "a move lies outside the region");
    if (line->to == line->from)
        return refuse(work, "a move goes nowhere");
    return ps_played_add(work, line->to, line->from, line->pages);
}

static int prepare(struct ps_work *work)
{
    const ps_trial *const trial = work->trial;
    size_t moves = 0;
    int failed = ps_played_begin(work);

    for (uint64_t i = 0; i < trial->trace_lines && !failed; i++) {
        const int is_move = trial->trace[i].pages > 0;

        failed = is_move ? add(work, &trial->trace[i]) : ps_played_end_batch(work);
        moves += (size_t)is_move;
    }
    if (failed || (failed = ps_played_end_batch(work)) != 0)
        return failed;
    if (trial->rounds != 1 || moves != work->iterations)
        return refuse(work, "is played once by each thread: as many iterations as it has moves, and one round");
    return ps_played_lay(work);
}

const struct ps_workload_ops ps_workload_replay = {
    .name = "replay",
    .lays_pages = 1,
    .leaves_places = 1,
    .can = can,
    .prepare = prepare,
    .run = ps_played_run,
    .page_moves = ps_played_page_moves,
    .verify = ps_played_verify,
    .rescue = ps_played_follow,
    .release = ps_played_release,
};
