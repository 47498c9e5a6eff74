/* memcpy_process_madvise: copies as memcpy does, and gives back the memory of many moves with one call.
 *
 * System calls: process_madvise() on the own process, one for up to 1,024 moves; none where nothing is to be given back
 * (`release: kept`), when it is memcpy. Moves: bytes. Needs: Linux 6.13, which lets a process give any advice about
 * itself. Not for who must have each move's memory back at once: it comes at the end of a batch. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "../pageswap.h"

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_process_madvise
#define SYS_process_madvise 440
#endif

#define RANGES_MAX ((size_t)1024) /* of the kernel, for one call (UIO_MAXIOV) */

struct session {
    int self; /* a pidfd */
    size_t count;
    unsigned char *begin, *end; /* what encloses the ranges */
    struct iovec ranges[RANGES_MAX]; /* that were copied from, and still have their memory */
};

/* As madvise() of each range; it may stop after a part of them, and then goes on there. */
static int advise(int self, struct iovec *range, size_t count, int advice)
{
    while (count > 0) {
        ssize_t bytes = syscall(SYS_process_madvise, self, range, count, advice, 0);

        if (bytes < 0)
            return -errno;
        if (bytes == 0)
            return -EIO; /* it would say so for ever */
        for (; count > 0 && (size_t)bytes >= range->iov_len; count--, range++)
            bytes -= (ssize_t)range->iov_len;
        if (count > 0) {
            range->iov_base = (char *)range->iov_base + bytes;
            range->iov_len -= (size_t)bytes;
        }
    }
    return 0;
}

static int give_back_all(struct ps_region *region, struct session *session)
{
    const int failed = advise(session->self, session->ranges, session->count, region->give_back);

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
    return session->count == RANGES_MAX || (session->count > 0 && to < session->end && to + bytes > session->begin);
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
    session->self = (int)syscall(SYS_pidfd_open, getpid(), 0);
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

/* Gives one page back for real. */
static int try_advice(const char **call)
{
    unsigned char *const page = mmap(NULL, PS_BASE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct iovec range = {.iov_base = page, .iov_len = PS_BASE_PAGE};
    int failed = 0;

    *call = "mmap";
    if (page == MAP_FAILED)
        return -errno;
    *call = "pidfd_open";
    const int self = (int)syscall(SYS_pidfd_open, getpid(), 0);

    if (self < 0) {
        failed = -errno;
    } else if (munlock(page, PS_BASE_PAGE) != 0) { /* whatever this process maps may be locked */
        *call = "munlock";
        failed = -errno;
    } else {
        *call = "process_madvise";
        failed = advise(self, &range, 1, MADV_DONTNEED);
    }
    if (self >= 0)
        (void)close(self);
    (void)munmap(page, PS_BASE_PAGE);
    return failed;
}

static int probe(ps_error *why)
{
    char detail[sizeof why->detail];
    const char *call;
    const int failed = try_advice(&call);

    if (!failed)
        return 0;
    (void)snprintf(detail, sizeof detail, "%s: %s: %s", call, strerror(-failed),
                   failed == -EPERM ? "a seccomp profile forbids it; allow it there"
                                    : "needs Linux 6.13 or newer; memcpy does with a call a move");
    return ps_unavailable(why, -failed, detail);
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
