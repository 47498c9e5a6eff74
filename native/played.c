/* The moves that a share makes once, all of them in one round: what its slots hold before, and what must be there
 * after.
 *
 * A slot that a move takes from before any has brought a page there holds one at the start; the others hold none. A
 * page that lies where one is brought is lost. Where the two ends of a move overlap, it is made in pieces that do not,
 * in the order in which none is overwritten: as many pages at once as it is far, as a program must with calls that
 * refuse to overlap. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "counters.h"
#include "memory.h"

enum held { UNKNOWN, PAGE, NOTHING }; /* of a slot, as far as moves were added */

struct played {
    struct ps_move *list; /* the pieces */
    size_t count, room;
    size_t *ends; /* where in the list each batch ends */
    size_t batches, batch_room;
    size_t done; /* of the list */
    unsigned char *held; /* a slot's enum held */
};

int ps_played_begin(struct ps_work *work)
{
    const size_t pages = work->region.pages;
    struct played *const played = work->private = ps_allocate(work, 1, sizeof *played, "malloc (moves)");

    if (!played)
        return -ENOMEM;
    *played = (struct played){0};
    if (!(work->model = ps_allocate(work, pages, sizeof *work->model, "malloc (model)")) ||
        !(played->held = ps_allocate(work, pages, sizeof *played->held, "malloc (slots)")))
        return -ENOMEM;
    memset(played->held, UNKNOWN, pages);
    for (size_t slot = 0; slot < pages; slot++)
        work->model[slot] = PS_EMPTY;
    return 0;
}

/* Makes `*things` twice as large where `count` of them leave no room for one more. */
static int make_room(struct ps_work *work, void **things, size_t count, size_t *room, size_t size)
{
    const size_t wanted = *room ? 2 * *room : 256;
    void *const more = count < *room ? *things : realloc(*things, wanted * size);

    if (!more)
        return ps_error_set(&work->error, ENOMEM, "malloc (moves)", "");
    *room = count < *room ? *room : wanted;
    *things = more;
    return 0;
}

static int add_piece(struct ps_work *work, size_t to, size_t from, size_t pages)
{
    struct played *const played = work->private;
    void *list = played->list;

    if (make_room(work, &list, played->count, &played->room, sizeof *played->list) != 0)
        return -ENOMEM;
    played->list = list;
    played->list[played->count++] = (struct ps_move){ps_slot(&work->region, to), ps_slot(&work->region, from), pages};
    return 0;
}

/* Pages that go down go from the lowest on, those that go up from the highest. */
static int add_pieces(struct ps_work *work, size_t to, size_t from, size_t pages)
{
    const size_t far = to < from ? from - to : to - from;
    int failed = 0;

    for (size_t gone = 0; gone < pages && !failed;) {
        const size_t piece = pages - gone < far ? pages - gone : far;
        const size_t first = to < from ? gone : pages - gone - piece;

        failed = add_piece(work, to + first, from + first, piece);
        gone += piece;
    }
    return failed;
}

int ps_played_add(struct ps_work *work, size_t to, size_t from, size_t pages)
{
    struct played *const played = work->private;

    for (size_t slot = from; slot < from + pages; slot++) {
        if (played->held[slot] == NOTHING)
            return ps_error_set(&work->error, EINVAL, "trace", "a move takes from a slot that holds no page any more");
        if (played->held[slot] == UNKNOWN)
            work->model[slot] = (uint32_t)slot;
        played->held[slot] = NOTHING;
    }
    memset(played->held + to, PAGE, pages);
    return add_pieces(work, to, from, pages);
}

int ps_played_end_batch(struct ps_work *work)
{
    struct played *const played = work->private;
    void *ends = played->ends;

    if (make_room(work, &ends, played->batches, &played->batch_room, sizeof *played->ends) != 0)
        return -ENOMEM;
    played->ends = ends;
    played->ends[played->batches++] = played->count;
    return 0;
}

/* Does a page lie in this slot when the round begins, or memory for one? */
static int has_memory(const struct ps_work *work, size_t slot, int is_filled)
{
    const struct played *const played = work->private;

    return played->held[slot] != UNKNOWN && (is_filled || work->model[slot] != PS_EMPTY);
}

/* Brings the large folios of these slots, and no others. The mapping is one again then: some calls take no run of pages
 * that lies in several. */
static int bring_folios(struct ps_work *work, int is_filled)
{
    const size_t folio_bytes = ps_backing_folio_bytes(ps_backing_find(work->trial->backing));
    const struct ps_region *const region = &work->region;
    int failed = 0;

    for (size_t slot = 0; folio_bytes && slot < region->pages && !failed; slot++) {
        unsigned char *const page = ps_slot(region, slot);

        if (has_memory(work, slot, is_filled))
            failed = ps_folios_bring(page - (uintptr_t)page % folio_bytes, page + region->page_bytes,
                                     ps_slot(region, region->pages), folio_bytes, &work->error);
    }
    if (folio_bytes && !failed && madvise(region->base, region->pages * region->page_bytes, MADV_HUGEPAGE) != 0)
        failed = ps_error_set(&work->error, errno, "madvise (folios)", "");
    return failed;
}

/* Bytes of the backing's pages on which a page or a filled place lies. */
static size_t present_bytes(const struct ps_work *work, int is_filled)
{
    const struct ps_region *const region = &work->region;
    const size_t unit = region->fault_bytes;
    size_t end = 0, bytes = 0; /* of what was counted */

    for (size_t slot = 0; slot < region->pages; slot++) {
        const size_t first = slot * region->page_bytes / unit * unit;
        const size_t last = ((slot + 1) * region->page_bytes + unit - 1) / unit * unit;

        if (!has_memory(work, slot, is_filled) || last <= end)
            continue;
        bytes += last - (first > end ? first : end);
        end = last;
    }
    return bytes;
}

/* With `release: both` the places that moves go to have no memory, else they have some when the round begins. */
int ps_played_lay(struct ps_work *work)
{
    const struct played *const played = work->private;
    const int is_filled =
        ps_word_find("release", work->trial->release) != PS_RELEASE_BOTH && ps_wants_places(work->method);
    const int failed = bring_folios(work, is_filled);

    if (failed)
        return failed;
    if (is_filled)
        ps_fill_places(work, played->list, played->count);
    for (size_t slot = 0; slot < work->region.pages; slot++)
        if (work->model[slot] != PS_EMPTY)
            ps_stamp_page(&work->region, work->seed, slot);
    work->present_bytes = present_bytes(work, is_filled);
    return 0;
}

/* Begins with nothing in the round of a warm-up. */
int ps_played_run(struct ps_work *work, size_t begin, size_t end)
{
    struct played *const played = work->private;
    int failed = 0;

    for (size_t batch = 0; begin < end && batch < played->batches && !failed; batch++) {
        const size_t first = played->done, n = played->ends[batch] - first;
        size_t done = 0;

        failed = work->method->move_many(&work->region, played->list + first, n, &done);
        played->done += failed ? done : n;
    }
    return failed;
}

uint64_t ps_played_page_moves(const struct ps_work *work)
{
    const struct played *const played = work->private;
    uint64_t pages = 0;

    for (size_t i = 0; i < played->done; i++)
        pages += played->list[i].pages;
    return pages;
}

/* The model follows the pieces that were made, once. A failed one has moved nothing. */
void ps_played_follow(struct ps_work *work)
{
    const struct ps_region *const region = &work->region;
    const struct played *const played = work->private;

    for (size_t i = 0; i < played->done; i++) {
        const struct ps_move *const move = &played->list[i];
        const size_t to = (size_t)(move->to - region->base) / region->page_bytes;
        const size_t from = (size_t)(move->from - region->base) / region->page_bytes;

        for (size_t page = 0; page < move->pages; page++) {
            work->model[to + page] = work->model[from + page];
            work->model[from + page] = PS_EMPTY;
        }
    }
}

int ps_played_verify(struct ps_work *work, ps_result *result)
{
    ps_played_follow(work);
    return ps_verify(work, result) || (work->region.give_back && ps_verify_given_back(work, result));
}

void ps_played_release(struct ps_work *work)
{
    struct played *const played = work->private;

    if (played) {
        free(played->list);
        free(played->ends);
        free(played->held);
    }
    free(played);
    free(work->model);
}
