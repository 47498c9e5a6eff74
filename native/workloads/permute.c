/* permute: swaps are handed over in batches, composed into one permutation each, and each page moves once.
 *
 * Composing is part of the timed work. The permutation is walked cycle by cycle: the page of the first slot goes to
 * scratch, every other page to its new slot, and the one in scratch to the last; so k pages take k + 1 moves, where
 * pairwise swaps take three each. Cycles that run side by side through neighbouring slots are moved as runs, which a
 * method may carry out in one call. A method that copies may do all of this itself (`permute`), or do without. */
#include <stdlib.h>
#include <string.h>

#include "../batch.h"

struct batch {
    uint32_t *from; /* slot -> the slot whose page it gets; between batches every slot has its own */
    struct ps_move *moves; /* NULL for a method that needs none */
    size_t count, done;
    size_t begin, end; /* the iterations that it composes */
    uint64_t page_moves; /* of all rounds so far */
};

static int can(const struct ps_method *method)
{
    return (method->move_many && !(method->flags & PS_ONE_WAY)) || method->permute;
}

static int prepare(struct ps_work *work)
{
    struct batch *batch;
    const int failed = ps_pairs_prepare(work);

    if (failed)
        return failed;
    if (!(batch = work->private = ps_allocate(work, 1, sizeof *batch, "malloc (batch)")))
        return -ENOMEM;
    memset(batch, 0, sizeof *batch);
    if (!(batch->from = ps_allocate(work, work->region.pages, sizeof *batch->from, "malloc (permutation)")))
        return -ENOMEM;
    for (size_t slot = 0; slot < work->region.pages; slot++)
        batch->from[slot] = (uint32_t)slot;
    if (work->method->permute)
        return 0;
    /* No cycle is shorter than two slots, so there is at most one move to scratch for two pages. */
    const size_t most = work->region.pages + work->region.pages / 2;

    if (!(batch->moves = ps_allocate(work, most, sizeof *batch->moves, "malloc (moves)")))
        return -ENOMEM;
    memset(batch->moves, 0, most * sizeof *batch->moves); /* their faults belong to the set-up */
    return 0;
}

/* How many swaps are composed at once of those from `begin` on. */
static size_t batch_end(const struct ps_work *work, size_t begin, size_t end)
{
    const uint64_t batch = work->trial->batch;

    return batch && batch < end - begin ? begin + batch : end;
}

/* How many neighbouring slots from `slot` on get neighbouring pages, `most` at most. */
static size_t run_length(const uint32_t *from, size_t slot, size_t most)
{
    size_t length = 1;

    while (length < most && from[slot + length] == from[slot] + length)
        length++;
    return length;
}

/* The longest run that can go through the whole cycle of `first` side by side: it is as long everywhere, and no slot
 * of the cycle lies inside the run of another. For the second it is enough that none lies inside the run of `first`:
 * if s and s + k were both in the cycle, with k below the width, then so would be first and first + k, because the
 * runs move in parallel. */
static size_t cycle_width(const struct ps_region *region, const uint32_t *from, size_t first)
{
    size_t width = region->scratch_bytes / region->page_bytes;

    if (width > region->pages - first)
        width = region->pages - first;
    width = run_length(from, first, width);
    for (size_t slot = from[first]; slot != first && width > 1; slot = from[slot]) {
        if (slot > first && slot - first < width)
            width = slot - first;
        if (width > region->pages - slot)
            width = region->pages - slot;
        width = run_length(from, slot, width);
    }
    return width;
}

/* The first slot of the run that `slot` is in: neighbours that get neighbouring pages. */
static size_t run_start(const uint32_t *from, size_t slot)
{
    while (slot > 0 && from[slot - 1] + 1 == from[slot])
        slot--;
    return slot;
}

/* Appends the moves of the cycle that `slot` is in, with those that run beside it. */
static struct ps_move *emit_cycle(const struct ps_region *region, uint32_t *from, size_t slot, struct ps_move *move)
{
    if (from[slot] == slot)
        return move;
    const size_t first = run_start(from, slot), width = cycle_width(region, from, first);

    *move++ = (struct ps_move){region->scratch, ps_slot(region, first), width};
    for (size_t to = first, next;; to = next) {
        next = from[to];
        for (size_t i = 0; i < width; i++)
            from[to + i] = (uint32_t)(to + i);
        if (next == first) {
            *move++ = (struct ps_move){ps_slot(region, to), region->scratch, width};
            return move;
        }
        *move++ = (struct ps_move){ps_slot(region, to), ps_slot(region, next), width};
    }
}

/* The moves of the batch. A run that is begun in its middle goes in parts, so `slot` may have to be asked for again. */
static size_t emit_all(struct ps_work *work)
{
    struct batch *const batch = work->private;
    struct ps_move *move = batch->moves;
    struct ps_slots_named named =
        ps_slots_named(&work->region, work->a + batch->begin, work->b + batch->begin, batch->end - batch->begin);

    for (size_t i = 0; i < named.count; i++)
        while (batch->from[ps_slot_named(&named, i)] != ps_slot_named(&named, i))
            move = emit_cycle(&work->region, batch->from, ps_slot_named(&named, i), move);
    return (size_t)(move - batch->moves);
}

static int run_batch(struct ps_work *work, size_t begin, size_t end)
{
    struct batch *const batch = work->private;
    uint32_t *const a = work->a + begin, *const b = work->b + begin;

    batch->begin = begin;
    batch->end = end;
    batch->count = batch->done = 0;
    if (work->method->permute)
        return work->method->permute(&work->region, batch->from, a, b, end - begin);
    ps_compose(batch->from, a, b, end - begin);
    batch->count = emit_all(work);
    const int failed = work->method->move_many(&work->region, batch->moves, batch->count, &batch->done);

    if (!failed)
        batch->done = batch->count;
    return failed;
}

static int run(struct ps_work *work, size_t begin, size_t end)
{
    int failed = 0;

    for (size_t next; begin < end && !failed; begin = next) {
        next = batch_end(work, begin, end);
        failed = run_batch(work, begin, next);
    }
    return failed;
}

/* Counts the pages that the swaps of one batch leave elsewhere. */
static uint64_t displaced(struct ps_work *work, size_t begin, size_t end)
{
    uint32_t *const from = ((struct batch *)work->private)->from;
    const struct ps_slots_named named = ps_slots_named(&work->region, work->a + begin, work->b + begin, end - begin);
    uint64_t pages = 0;

    ps_compose(from, work->a + begin, work->b + begin, end - begin);
    for (size_t i = 0; i < named.count; i++) {
        const uint32_t slot = ps_slot_named(&named, i);

        pages += from[slot] != slot;
        from[slot] = slot;
    }
    return pages;
}

/* Untimed, so that it costs no method anything: not all of them compose. */
static int after_round(struct ps_work *work, size_t begin, size_t end)
{
    struct batch *const batch = work->private;

    for (size_t next; begin < end; begin = next) {
        next = batch_end(work, begin, end);
        batch->page_moves += displaced(work, begin, next);
    }
    return 0;
}

static int warm_up(struct ps_work *work)
{
    struct batch *const batch = work->private;
    const int failed = ps_pairs_warm_up(work);

    batch->begin = batch->count = batch->done = 0;
    return failed;
}

static uint64_t page_moves(const struct ps_work *work)
{
    return ((const struct batch *)work->private)->page_moves * ps_pairs_run_pages(work);
}

static int verify(struct ps_work *work, ps_result *result)
{
    ps_pairs_model(work, 0, work->iterations);
    return ps_verify(work, result);
}

/* The slot of an address, or pages for scratch. */
static size_t slot_of(const struct ps_region *region, const unsigned char *at)
{
    return at == region->scratch ? region->pages : (size_t)(at - region->base) / region->page_bytes;
}

/* Finishes the cycle that was under way by copying; the model follows each move that was made. */
static void rescue(struct ps_work *work)
{
    struct batch *const batch = work->private;
    struct ps_region *const region = &work->region;
    size_t finish = batch->done;
    uint32_t *const aside = calloc(region->scratch_bytes / region->page_bytes, sizeof *aside);

    if (!aside)
        return; /* then the pages do not verify, and the error says so */
    if (finish < batch->count && batch->moves[finish].to != region->scratch)
        while (batch->moves[finish++].from != region->scratch)
            ;
    ps_pairs_model(work, 0, batch->begin);
    for (size_t i = 0; i < finish; i++) {
        const struct ps_move *const move = &batch->moves[i];
        const size_t to = slot_of(region, move->to), from = slot_of(region, move->from);

        if (i >= batch->done)
            memcpy(move->to, move->from, move->pages * region->page_bytes);
        for (size_t page = 0; page < move->pages; page++) {
            const uint32_t moved = from == region->pages ? aside[page] : work->model[from + page];

            *(to == region->pages ? &aside[page] : &work->model[to + page]) = moved;
        }
    }
    free(aside);
}

static void release(struct ps_work *work)
{
    struct batch *const batch = work->private;

    if (batch) {
        free(batch->moves);
        free(batch->from);
    }
    free(batch);
    ps_pairs_release(work);
}

const struct ps_workload_ops ps_workload_permute = {
    .name = "permute",
    .is_full = 1,
    .moves_runs = 1,
    .moves_use_scratch = 1,
    .takes_states = 1,
    .can = can,
    .prepare = prepare,
    .warm_up = warm_up,
    .run = run,
    .after_round = after_round,
    .page_moves = page_moves,
    .verify = verify,
    .rescue = rescue,
    .release = release,
};
