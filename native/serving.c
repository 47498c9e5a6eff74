/* Serving: one thread moves a round's pages and answers, between two calls of its method, the threads that read where a
 * page has not come yet. The kernel holds such a reader and tells of it at the descriptor that watches the slots; the
 * move that brings its page lets it go on. So a reader waits until the call under way is over and its own is made: what
 * the mover asks of the kernel at once, the run, is what others wait for. Looking whether anybody waits is a system
 * call a run, and a part of the price. */
#include <linux/userfaultfd.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "pageswap.h"

static _Atomic unsigned char *arrival(const struct ps_read_area *area, const struct ps_move *move)
{
    return &area->arrived[(size_t)(move->to - area->base) / area->page_bytes];
}

static int has_come(const struct ps_read_area *area, const struct ps_move *move)
{
    return atomic_load_explicit(arrival(area, move), memory_order_relaxed);
}

static void note_arrival(const struct ps_read_area *area, const struct ps_move *move)
{
    for (size_t page = 0; page < move->pages; page++)
        atomic_store_explicit(arrival(area, move) + page, 1, memory_order_relaxed);
}

/* Sets *address to where a thread waits, or to NULL where none does. One that waited for a page which came in between
 * is told of no more, or goes on by itself: the kernel looks for the page again once it may be told of. */
static int next_waiting(struct ps_region *region, const unsigned char **address)
{
    struct uffd_msg message;
    const ssize_t got = read(region->uffd, &message, sizeof message);

    *address = NULL;
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (got < 0)
        return ps_fail(region, "read (userfaultfd)");
    if (got != (ssize_t)sizeof message || message.event != UFFD_EVENT_PAGEFAULT)
        return ps_error_set(region->error, EPROTO, "read (userfaultfd)", "");
    *address = (const unsigned char *)(uintptr_t)message.arg.pagefault.address;
    return 0;
}

/* Sets *chosen to the move that brings the page a thread waits for, and leaves it alone where none waits. */
static int choose(struct ps_work *work, const struct ps_move *moves, size_t n, size_t *chosen)
{
    const struct ps_read_area *const area = &work->read_area;
    const unsigned char *address;
    size_t low = 0, high = n;
    const int failed = next_waiting(&work->region, &address);

    if (failed || !address)
        return failed;
    if (address < area->base || address >= area->base + area->bytes)
        return ps_error_set(&work->error, EFAULT, "read (userfaultfd)", "a thread waits where no page will come");
    while (high - low > 1) {
        const size_t middle = low + (high - low) / 2;

        if (moves[middle].to <= address)
            low = middle;
        else
            high = middle;
    }
    *chosen = low;
    return 0;
}

/* Brings the moves that were made to the front; returns how many they are. */
static size_t gather(const struct ps_read_area *area, struct ps_move *moves, size_t n)
{
    size_t made = 0;

    for (size_t i = 0; i < n; i++)
        if (has_come(area, &moves[i])) {
            const struct ps_move taken = moves[made];

            moves[made++] = moves[i];
            moves[i] = taken;
        }
    return made;
}

int ps_serve_moves(struct ps_work *work, struct ps_move *moves, size_t n, size_t *done)
{
    const struct ps_read_area *const area = &work->read_area;
    int failed = 0;

    for (size_t next = 0; !failed;) {
        while (next < n && has_come(area, &moves[next]))
            next++;
        size_t chosen = next, one = 0;

        if (next == n || (failed = choose(work, moves, n, &chosen)) != 0)
            break;
        if (has_come(area, &moves[chosen]))
            continue;
        failed = work->method->move_many(&work->region, &moves[chosen], 1, &one);
        if (!failed)
            note_arrival(area, &moves[chosen]);
    }
    *done = failed ? gather(area, moves, n) : n;
    return failed;
}
