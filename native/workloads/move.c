/* move: one-way moves into empty slots, as a compacting collector makes them. An iteration is one move of `run_pages`
 * neighbouring pages.
 *
 * The share has as many empty slots as pages. A pass takes the runs of one half in random order and lays them down one
 * after the other in the other half; the next pass goes back. Before the first timed pass every page is moved singly
 * to a random slot, outside the timing: so a heap looks that was compacted before, and for a method that moves
 * mappings every page has become a mapping of its own. Where the backing claims huge pages, those are moved instead:
 * moved singly the small pages would leave none whole for the rounds to begin with.
 *
 * With `release: both` the memory that moves leave is given back, so that the next pass finds its places empty. With
 * `source` a method that copies finds memory there: each round's places get it before the round. So that none of them
 * is left in that same round, a round lies in one pass; the rest of one that has no room for it is moved before,
 * untimed.
 *
 * With `reads: missing` others read meanwhile where a round's pages go, as a program whose collector moves its objects
 * while it runs. What a round brings there is one range of empty places, so that it lies in one pass here, too. */
#include <stdlib.h>
#include <string.h>

#include "../readers.h"

struct moves {
    struct ps_move *list; /* the moves that scatter the pages, then one an iteration and those between rounds */
    size_t between; /* moves between the rounds so far, and their pages */
    uint64_t pages_between;
    size_t scatter;
    size_t whole; /* of these: each of as many pages as a huge page of the backing holds, moved as one */
    size_t unit; /* pages that such a move takes */
    size_t done; /* of all in the list */
    _Atomic unsigned char *arrived; /* of the round's pages, by their places, for who reads there; else NULL */
};

static int can(const struct ps_method *method)
{
    return method->move_many != NULL;
}

static void shuffle(struct ps_generator *generator, uint32_t *order, size_t n)
{
    for (size_t i = 0; i < n; i++)
        order[i] = (uint32_t)i;
    for (size_t i = n; i > 1; i--) {
        const uint32_t j = ps_generator_below(generator, (uint32_t)i);
        const uint32_t taken = order[i - 1];

        order[i - 1] = order[j];
        order[j] = taken;
    }
}

/* Fills `list` with up to `most` moves of one pass, whose pages lie in half `from` (0 or 1); returns how many. */
static size_t lay_pass(const struct ps_region *region, const uint32_t *order, size_t run_pages, int from, size_t most,
                       struct ps_move *list)
{
    const size_t runs = (region->pages + run_pages - 1) / run_pages;
    unsigned char *const source = ps_slot(region, from ? region->pages : 0);
    unsigned char *to = ps_slot(region, from ? 0 : region->pages);
    size_t n = 0;

    for (; n < runs && n < most; n++) {
        const size_t first = (size_t)order[n] * run_pages;
        const size_t pages = region->pages - first < run_pages ? region->pages - first : run_pages;

        list[n] = (struct ps_move){to, source + first * region->page_bytes, pages};
        to += pages * region->page_bytes;
    }
    return n;
}

/* Huge pages of the backing change places as wholes, and what is left over at the end follows them. */
static void lay_scatter(struct ps_work *work, struct moves *moves, struct ps_generator *generator, uint32_t *order)
{
    const struct ps_region *const region = &work->region;
    const size_t unit = region->fault_bytes > region->page_bytes ? region->fault_bytes / region->page_bytes : 1;

    moves->unit = unit;
    moves->whole = region->pages / unit;
    shuffle(generator, order, moves->whole);
    order[moves->whole] = (uint32_t)moves->whole;
    moves->scatter = lay_pass(region, order, unit, 0, region->pages, moves->list);
}

/* How many moves a pass has. */
static size_t pass_moves(const struct ps_work *work)
{
    const size_t run_pages = ps_or_one(work->trial->run_pages);

    return (work->region.pages + run_pages - 1) / run_pages;
}

static enum ps_release release_of(const struct ps_work *work)
{
    return (enum ps_release)ps_word_find("release", work->trial->release);
}

static int is_awaited(const struct ps_work *work)
{
    return ps_reads_of(work->trial) == PS_READS_MISSING;
}

static int lies_in_one_pass(const struct ps_work *work)
{
    return release_of(work) == PS_RELEASE_SOURCE || is_awaited(work);
}

static size_t longest_round(const struct ps_work *work)
{
    return (work->iterations + work->trial->rounds - 1) / work->trial->rounds;
}

/* How many moves are laid after those that scatter: whole passes where rounds lie inside them. */
static size_t laid_moves(const struct ps_work *work)
{
    if (!lies_in_one_pass(work))
        return work->iterations;
    const size_t rounds = pass_moves(work) / longest_round(work); /* that a pass has room for, at least */

    return (work->trial->rounds + rounds - 1) / rounds * pass_moves(work);
}

static void lay_all(struct ps_work *work, struct moves *moves, uint32_t *order)
{
    const struct ps_region *const region = &work->region;
    const size_t run_pages = ps_or_one(work->trial->run_pages), most = laid_moves(work);
    struct ps_generator generator;
    size_t laid = 0;

    ps_generator_seed(&generator, work->seed);
    lay_scatter(work, moves, &generator, order);
    for (int from = 1; laid < most; from = !from) {
        shuffle(&generator, order, pass_moves(work));
        laid += lay_pass(region, order, run_pages, from, most - laid, moves->list + moves->scatter + laid);
    }
}

static int prepare(struct ps_work *work)
{
    const size_t pages = work->region.pages;
    struct moves *moves;

    if (lies_in_one_pass(work) && longest_round(work) > pass_moves(work))
        return ps_error_set(&work->error, EINVAL, "rounds",
                            "with release 'source' or reads 'missing' a round is one pass at most");
    uint32_t *const order = ps_allocate(work, pages + 1, sizeof *order, "malloc (order)");

    if (!order)
        return -ENOMEM;
    if (!(work->model = ps_allocate(work, 2 * pages, sizeof *work->model, "malloc (model)")) ||
        !(moves = work->private = ps_allocate(work, 1, sizeof *moves, "malloc (moves)"))) {
        free(order);
        return -ENOMEM;
    }
    work->region.places_are_empty = release_of(work) == PS_RELEASE_BOTH;
    moves->done = moves->between = 0;
    moves->pages_between = 0;
    moves->arrived = is_awaited(work) ? ps_allocate(work, pages, 1, "malloc (places)") : NULL;
    moves->list = ps_allocate(work, pages + laid_moves(work), sizeof *moves->list, "malloc (moves)");
    if (moves->list)
        lay_all(work, moves, order);
    free(order);
    return moves->list && (moves->arrived || !is_awaited(work)) ? 0 : -ENOMEM;
}

static int carry_out(struct ps_work *work, size_t begin, size_t n)
{
    struct moves *const moves = work->private;
    size_t done = 0;
    const int failed = work->method->move_many(&work->region, moves->list + begin, n, &done);

    moves->done = begin + (failed ? done : n);
    return failed;
}

/* What readers have alone: pages that are there, as many as a round brings. */
static void show_present(struct ps_work *work)
{
    const struct ps_region *const region = &work->region;
    const size_t moved = longest_round(work) * ps_or_one(work->trial->run_pages);
    const size_t pages = moved < region->pages ? moved : region->pages;

    work->read_area = (struct ps_read_area){ps_slot(region, work->first_slot), pages * region->page_bytes, 0, NULL};
}

static void show_places(struct ps_work *work, const struct ps_move *list, size_t n)
{
    const struct moves *const moves = work->private;
    const size_t page_bytes = work->region.page_bytes;
    const size_t bytes = (size_t)(list[n - 1].to - list->to) + list[n - 1].pages * page_bytes;

    memset((void *)moves->arrived, 0, bytes / page_bytes);
    work->read_area = (struct ps_read_area){list->to, bytes, page_bytes, moves->arrived};
}

/* To the method a huge page is one page here, also where it otherwise takes smaller ones one by one. */
static int settle(struct ps_work *work)
{
    struct moves *const moves = work->private;
    const size_t page_bytes = work->region.page_bytes;

    work->first_slot = work->region.pages;
    if (moves->arrived)
        show_present(work);
    work->region.page_bytes = page_bytes * moves->unit;
    for (size_t i = 0; i < moves->whole; i++)
        moves->list[i].pages = 1;
    const int failed = carry_out(work, 0, moves->whole);

    work->region.page_bytes = page_bytes;
    for (size_t i = 0; i < moves->whole; i++)
        moves->list[i].pages = moves->unit;
    return failed ? failed : carry_out(work, moves->whole, moves->scatter - moves->whole);
}

/* Ends the pass where the round has no room in it. */
static int end_pass(struct ps_work *work, size_t begin, size_t end)
{
    struct moves *const moves = work->private;
    const size_t gone = (begin + moves->between) % pass_moves(work);
    const size_t left = pass_moves(work) - gone;
    const size_t first = moves->scatter + begin + moves->between;

    if (gone == 0 || left >= end - begin)
        return 0;
    for (size_t i = first; i < first + left; i++)
        moves->pages_between += moves->list[i].pages;
    moves->between += left;
    return carry_out(work, first, left);
}

static int before_round(struct ps_work *work, size_t begin, size_t end)
{
    const struct moves *const moves = work->private;

    if (!lies_in_one_pass(work))
        return 0;
    const int failed = end_pass(work, begin, end);
    const struct ps_move *const list = moves->list + moves->scatter + moves->between + begin;

    if (!failed && release_of(work) == PS_RELEASE_SOURCE)
        ps_fill_places(work, list, end - begin);
    if (!failed && moves->arrived)
        show_places(work, list, end - begin);
    return failed;
}

static int run(struct ps_work *work, size_t begin, size_t end)
{
    struct moves *const moves = work->private;
    const size_t first = moves->scatter + moves->between + begin;
    size_t done = 0;

    if (!moves->arrived || begin == end) /* in the round of a warm-up */
        return carry_out(work, first, end - begin);
    const int failed = ps_serve_moves(work, moves->list + first, end - begin, &done);

    moves->done = first + done;
    return failed;
}

/* Exchanges the ends of moves, so that they bring back what they brought. */
static void turn_back(struct ps_move *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        list[i] = (struct ps_move){list[i].from, list[i].to, list[i].pages};
}

/* Moves of one pass, which have neither source nor destination in common, made and taken back. */
static int warm_up(struct ps_work *work)
{
    struct moves *const moves = work->private;
    const size_t run_pages = ps_or_one(work->trial->run_pages);
    const size_t last = work->iterations < pass_moves(work) ? work->iterations : pass_moves(work);
    const size_t most = PS_WARM_UP_BYTES / (run_pages * work->region.page_bytes) + 1;
    const size_t n = last < most ? last : most;
    const size_t begin = moves->scatter + last - n;
    int failed = carry_out(work, begin, n);

    if (!failed) {
        turn_back(moves->list + begin, n);
        failed = carry_out(work, begin, n);
        turn_back(moves->list + begin, n);
    }
    moves->done = moves->scatter;
    return failed;
}

/* The model follows the moves that were made. A failed move has moved nothing, so there is nothing to rescue. */
static void follow(struct ps_work *work)
{
    const struct ps_region *const region = &work->region;
    const struct moves *const moves = work->private;

    for (size_t slot = 0; slot < 2 * region->pages; slot++)
        work->model[slot] = slot < region->pages ? (uint32_t)slot : PS_EMPTY;
    for (size_t i = 0; i < moves->done; i++) {
        const struct ps_move *const move = &moves->list[i];
        const size_t to = (size_t)(move->to - region->base) / region->page_bytes;
        const size_t from = (size_t)(move->from - region->base) / region->page_bytes;

        for (size_t page = 0; page < move->pages; page++) {
            work->model[to + page] = work->model[from + page];
            work->model[from + page] = PS_EMPTY;
        }
    }
}

static uint64_t page_moves(const struct ps_work *work)
{
    const struct moves *const moves = work->private;
    uint64_t pages = 0;

    for (size_t i = moves->scatter; i < moves->done; i++)
        pages += moves->list[i].pages;
    return pages - moves->pages_between;
}

static int verify(struct ps_work *work, ps_result *result)
{
    follow(work);
    return ps_verify(work, result) || (work->region.give_back && ps_verify_given_back(work, result));
}

static void release(struct ps_work *work)
{
    struct moves *const moves = work->private;

    if (moves) {
        free(moves->list);
        free((void *)moves->arrived);
    }
    free(moves);
    free(work->model);
}

const struct ps_workload_ops ps_workload_move = {
    .name = "move",
    .spare_share = 1,
    .leaves_places = 1,
    .fills_places = 1,
    .takes_states = 1,
    .can = can,
    .prepare = prepare,
    .settle = settle,
    .warm_up = warm_up,
    .before_round = before_round,
    .run = run,
    .page_moves = page_moves,
    .verify = verify,
    .rescue = follow,
    .release = release,
};
