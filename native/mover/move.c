/* One-way moves, in order. Runs that go on where the one before ended are one; what is copied is listed, so that the
 * kernels see the next move while they make one, and its memory is given back when the list has been made. */
#include <sys/mman.h>

#include "choose.h"
#include "remap.h"

#define MOVES_A_LIST ((size_t)64)

/* What a run leaves. */
struct left {
    unsigned char *begin;
    unsigned char *end;
    size_t run; /* the first of those that leave it */
};

struct moves {
    pm_region *region;
    size_t *done;
    size_t run; /* that is being added */
    unsigned release;
    struct ps_move list[MOVES_A_LIST];
    size_t count;
    struct left left[MOVES_A_LIST]; /* to be given back after the list was made */
    size_t left_count;
    unsigned char *left_begin, *left_end; /* what encloses it */
};

static int give_back(pm_region *region, const struct left *left)
{
    const char *const call = region->advice == MADV_REMOVE ? "madvise(MADV_REMOVE)" : "madvise(MADV_DONTNEED)";

    if (madvise(left->begin, (size_t)(left->end - left->begin), region->advice) == 0)
        return 0;
    return pm_fail(region, errno, call);
}

/* Neighbours that were left one after the other are given back with one call. */
static int give_all_back(struct moves *moves)
{
    int failed = 0;

    for (size_t i = 0, next; i < moves->left_count && !failed; i = next) {
        struct left left = moves->left[i];

        for (next = i + 1; next < moves->left_count && moves->left[next].begin == left.end; next++)
            left.end = moves->left[next].end;
        *moves->done = left.run;
        failed = give_back(moves->region, &left);
    }
    moves->left_count = 0;
    return failed;
}

/* Makes what is listed. Then all runs before the one that is being added are complete, or *done tells which are. */
static int make_listed(struct moves *moves)
{
    moves->region->kernels_for_moves->move(&moves->region->memory, moves->list, moves->count);
    moves->count = 0;
    const int failed = give_all_back(moves);

    if (!failed)
        *moves->done = moves->run;
    return failed;
}

static int is_to_be_given_back(const struct moves *moves, const unsigned char *begin, size_t bytes)
{
    return moves->left_count > 0 && begin < moves->left_end && begin + bytes > moves->left_begin;
}

/* What is listed is made before. Where the kernel did not move all, *is_left is set. */
static int remap(struct moves *moves, struct ps_move move, int is_empty, int *is_left)
{
    pm_region *const region = moves->region;
    const int failed = make_listed(moves);

    if (failed)
        return failed;
    const int64_t moved = pm_carry(region, move.to, move.from, move.pages, is_empty);

    for (size_t page = 0; page < move.pages && moved >= 0; page++)
        ps_touch(&region->memory, move.to + page * region->memory.page_bytes);
    *is_left = *is_left || moved < 0 || (size_t)moved < move.pages * region->memory.page_bytes;
    return moved < 0 ? pm_fail(region, (int)-moved, "mmap") : 0;
}

static int list(struct moves *moves, struct ps_move move)
{
    const size_t bytes = move.pages * moves->region->memory.page_bytes;
    int failed = 0;

    if (moves->count == MOVES_A_LIST || is_to_be_given_back(moves, move.to, bytes) ||
        is_to_be_given_back(moves, move.from, bytes))
        failed = make_listed(moves);
    if (!failed)
        moves->list[moves->count++] = move;
    return failed;
}

static int add_left(struct moves *moves, uint32_t begin, uint32_t end)
{
    struct left left = {ps_slot(&moves->region->memory, begin), ps_slot(&moves->region->memory, end), moves->run};
    int failed = moves->left_count == MOVES_A_LIST ? make_listed(moves) : 0;

    if (failed)
        return failed;
    if (moves->left_count == 0 || left.begin < moves->left_begin)
        moves->left_begin = left.begin;
    if (moves->left_count == 0 || left.end > moves->left_end)
        moves->left_end = left.end;
    moves->left[moves->left_count++] = left;
    return 0;
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* A run that overlaps its destination goes in parts that do not, the end first that lies where it goes to. */
static int add_run(struct moves *moves, pm_run run)
{
    const struct ps_region *const memory = &moves->region->memory;
    const int goes_down = run.dst < run.src;
    const uint32_t distance = goes_down ? run.src - run.dst : run.dst - run.src, most = smaller(distance, run.n);
    const int is_empty = (moves->release & PM_EMPTY_PLACES) != 0, releases = moves->release & PM_RELEASE_SOURCE;
    const enum pm_way way = pm_way_of_run(moves->region, releases, is_empty ? NULL : ps_slot(memory, run.dst), most);
    int failed = 0, is_left = way != PM_BY_REMAP;

    if (most == 0)
        return 0;
    for (uint32_t gone = 0, part; gone < run.n && !failed; gone += part) {
        part = smaller(distance, run.n - gone);
        const uint32_t at = goes_down ? gone : run.n - gone - part;
        const struct ps_move move = {ps_slot(memory, run.dst + at), ps_slot(memory, run.src + at), part};

        failed = way == PM_BY_REMAP ? remap(moves, move, is_empty || gone > 0, &is_left) : list(moves, move);
    }
    if (failed || !releases || !is_left)
        return failed;
    const uint32_t begin = goes_down ? run.src + run.n - most : run.src;

    return add_left(moves, begin, begin + most);
}

/* Does the run go on with what comes next, as if the two were one? Going up, the next one's pages must not be where
 * this one goes: they would be lost, as the runs are moved in order. */
static int goes_on(const pm_run *run, const pm_run *next)
{
    return next->src == run->src + run->n && next->dst == run->dst + run->n &&
           (run->dst <= run->src || run->dst >= next->src + next->n);
}

static int all_lie_in(const pm_region *region, const pm_run *runs, size_t n)
{
    const size_t slots = region->memory.pages;

    for (size_t i = 0; i < n; i++)
        if (runs[i].n > slots || runs[i].src > slots - runs[i].n || runs[i].dst > slots - runs[i].n)
            return 0;
    return 1;
}

int pm_move(pm_region *region, const pm_run *runs, size_t n, unsigned release, size_t *done)
{
    size_t ignored;
    struct moves moves = {.region = region, .done = done ? done : &ignored, .release = release};
    int failed = 0;

    *moves.done = 0;
    if (!region)
        return -EINVAL;
    if ((!runs && n > 0) || release > (PM_RELEASE_SOURCE | PM_EMPTY_PLACES) || !all_lie_in(region, runs, n))
        return pm_fail(region, EINVAL, "");
    if (release & PM_RELEASE_SOURCE && !region->advice)
        return pm_fail(region, EOPNOTSUPP, "");
    for (size_t next; moves.run < n && !failed; moves.run = next) {
        pm_run run = runs[moves.run];

        for (next = moves.run + 1; next < n && goes_on(&run, &runs[next]); next++)
            run.n += runs[next].n;
        failed = add_run(&moves, run);
    }
    return failed ? failed : make_listed(&moves);
}
