/* memcpy_process_madvise: copies as memcpy does, and gives back the memory of many moves with one call.
 *
 * System calls: process_madvise() on the own process, one for up to 1,024 moves; none where nothing is to be given back
 * (`release: kept`), when it is memcpy. Moves: bytes. Needs: Linux 6.13, which lets a process give any advice about
 * itself. Not for who must have each move's memory back at once: it comes at the end of a batch. */
#include <stdlib.h>

#include "../self_advice.h"

struct session {
    int self; /* a pidfd */
    size_t count;
    unsigned char *begin, *end; /* what encloses the ranges */
    struct iovec ranges[PS_RANGES_MAX]; /* that were copied from, and still have their memory */
};

static int give_back_all(struct ps_region *region, struct session *session)
{
    const int failed = ps_self_advise(session->self, session->ranges, session->count, region->give_back);

    session->count = 0;
    if (!failed)
        return 0;
    errno = -failed;
    return ps_not_given_back(region, "process_madvise");
}

static void note(struct session *session, unsigned char *from, size_t bytes)
{
    if (session->count == 0 || from < session->begin)
        session->begin = from;
    if (session->count == 0 || from + bytes > session->end)
        session->end = from + bytes;
    session->ranges[session->count++] = (struct iovec){.iov_base = from, .iov_len = bytes};
}

/* Must the ranges have been given back before something is copied to `to`? Else it would go with what lay there. */
static int is_due(const struct session *session, const unsigned char *to, size_t bytes)
{
    return session->count == PS_RANGES_MAX || (session->count > 0 && to < session->end && to + bytes > session->begin);
}

static int move_many(struct ps_region *region, const struct ps_move *moves, size_t n, size_t *done)
{
    struct session *const session = region->private;

    for (*done = 0; *done < n; ++*done) {
        const struct ps_move *const move = &moves[*done];
        const size_t bytes = move->pages * region->page_bytes;
        const int failed = is_due(session, move->to, bytes) ? give_back_all(region, session) : 0;

        if (failed)
            return failed;
        memcpy(move->to, move->from, bytes);
        for (size_t page = 0; page < move->pages; page++)
            ps_touch(region, move->to + page * region->page_bytes);
        if (region->give_back)
            note(session, move->from, bytes);
    }
    return give_back_all(region, session);
}

static int setup(struct ps_region *region)
{
    struct session *const session = malloc(sizeof *session);

    if (!session)
        return ps_error_set(region->error, ENOMEM, "malloc (session)", "");
    memset(session, 0, sizeof *session); /* its faults belong to the set-up */
    region->private = session;
    session->self = ps_self_open();
    return session->self < 0 ? ps_fail(region, "pidfd_open") : 0;
}

static void teardown(struct ps_region *region)
{
    struct session *const session = region->private;

    if (!session)
        return;
    if (session->self >= 0)
        (void)close(session->self);
    free(session);
    region->private = NULL;
}

static int probe(ps_error *why)
{
    return ps_self_probe("memcpy", why);
}

const struct ps_method ps_method_memcpy_process_madvise = {
    .name = "memcpy_process_madvise",
    .summary = "memcpy() of each run, and one process_madvise() that gives back what up to 1,024 of them leave",
    .family = PS_COPY,
    .flags = PS_ONE_WAY,
    .scratch = PS_SCRATCH_NONE,
    .memory = PS_ANY_MEMORY,
    .probe = probe,
    .setup = setup,
    .move_many = move_many,
    .teardown = teardown,
};
