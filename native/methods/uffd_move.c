/* uffd_move: moves the page-table entries of both pages with three calls through the empty scratch slot.
 *
 * System calls: ioctl(UFFDIO_MOVE): scratch <- B, B <- A, A <- scratch. Moves: page-table entries; the mappings stay,
 * so nothing is split. A transparent huge page moves whole when both ends are 2 MiB-aligned and no page table lies
 * below the destination. Needs: Linux 6.8, private anonymous memory that no fork shares, pages that are present; no
 * privilege, because only faults of user code are asked for. Not atomic: between the calls a slot is empty, and after
 * a failed one a page stays in the scratch slot. */
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../pageswap.h"

/* Linux 6.8 added these, Linux 5.11 the flag; the headers of older distributions lack them. */
struct move_request {
    uint64_t to, from, bytes, mode;
    int64_t moved; /* bytes, or a negative errno */
};
#define MOVE_IOCTL _IOWR(UFFDIO, 0x05, struct move_request)
#define MOVE_MODE_DONTWAKE ((uint64_t)1)
#define FEATURE_MOVE ((uint64_t)1 << 16)
#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1
#endif

/* EAGAIN means that a lock or a reference was held elsewhere (another thread that maps, reclaim, a batch of the
 * kernel's on some CPU): it passes in microseconds. So many refusals in a row, some tenths of a second, are no passing
 * state: the trial then fails with EAGAIN instead of hanging until its deadline. */
#define STALLS_MAX (1u << 20)
#define STALLS_BEFORE_YIELD 64u

struct session {
    int fd;
};

#define PAGEMAP_PRESENT ((uint64_t)1 << 63)
#define PAGEMAP_SWAPPED ((uint64_t)1 << 62) /* or under migration */
#define PAGEMAP_BATCH 512

/* Counts the bytes from the start of `from` on that have left it; 0 also where that cannot be told. */
static size_t departed(const unsigned char *from, size_t bytes)
{
    const int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    uint64_t entries[PAGEMAP_BATCH];
    size_t gone = 0, seen = 0;

    if (fd < 0)
        return 0;
    while (gone == seen && gone < bytes) {
        const size_t left = (bytes - gone) / PS_BASE_PAGE;
        const size_t wanted = left < PAGEMAP_BATCH ? left : PAGEMAP_BATCH;
        const off_t at = (off_t)(((uintptr_t)from + gone) / PS_BASE_PAGE * sizeof *entries);

        if (pread(fd, entries, wanted * sizeof *entries, at) != (ssize_t)(wanted * sizeof *entries))
            break;
        for (size_t i = 0; i < wanted && !(entries[i] & (PAGEMAP_PRESENT | PAGEMAP_SWAPPED)); i++)
            gone += PS_BASE_PAGE;
        seen += wanted * PS_BASE_PAGE;
    }
    (void)close(fd);
    return gone;
}

/* Returns 0 or a negative errno, and counts in the region how often the kernel refused; *moved counts the bytes that
 * went, also when it fails.
 *
 * EEXIST need not mean it: Linux 6.18 forgets to clear its own EAGAIN (a page was under migration or reclaim), so it
 * moves the page, takes that for another refusal, tries again inside the same call, and finds at the destination the
 * page that it put there. A source that is gone has arrived: nothing else takes pages away here. */
static int move_range(struct ps_region *region, int fd, unsigned char *to, unsigned char *from, size_t bytes,
                      size_t *moved)
{
    unsigned stalls = 0;

    while (*moved < bytes) {
        struct move_request request = {
            .to = (uintptr_t)to + *moved,
            .from = (uintptr_t)from + *moved,
            .bytes = bytes - *moved,
            .mode = MOVE_MODE_DONTWAKE, /* nobody waits for a page */
        };
        const int failed = ioctl(fd, MOVE_IOCTL, &request) == 0 ? 0 : errno;

        region->retries += failed == EAGAIN;
        region->refusals += failed == EEXIST;
        if (failed == EEXIST)
            request.moved = (int64_t)departed(from + *moved, bytes - *moved);
        if (failed && failed != EAGAIN && request.moved <= 0)
            return -failed;
        if (request.moved > 0) { /* all of it, or a part and EAGAIN */
            *moved += (size_t)request.moved;
            stalls = 0;
        } else if (++stalls == STALLS_MAX) {
            return -EAGAIN;
        } else if (stalls % STALLS_BEFORE_YIELD == 0) {
            (void)sched_yield();
        }
    }
    return 0;
}

static int move_page(struct ps_region *region, unsigned char *to, unsigned char *from)
{
    const struct session *const session = region->private;
    size_t moved = 0;
    const int failed = move_range(region, session->fd, to, from, region->page_bytes, &moved);

    return failed ? ps_error_set(region->error, -failed, "ioctl(UFFDIO_MOVE)", "") : 0;
}

static int swap_many(struct ps_region *region, const uint32_t *a, const uint32_t *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char *const page_a = ps_slot(region, a[i]);
        unsigned char *const page_b = ps_slot(region, b[i]);
        int failed;

        if (page_a == page_b)
            continue; /* its slot would be empty when it is moved for the second time */
        if ((failed = move_page(region, region->scratch, page_b)) != 0 ||
            (failed = move_page(region, page_b, page_a)) != 0 ||
            (failed = move_page(region, page_a, region->scratch)) != 0)
            return failed;
        ps_touch(region, page_a);
        ps_touch(region, page_b);
    }
    return 0;
}

/* A failed batch ends the trial, so what already went is brought back by copying, which needs nothing more of the
 * kernel than to watch the range no longer. */
static int give_up(struct ps_region *region, const struct ps_move *move, size_t moved, int errnum)
{
    struct session *const session = region->private;

    (void)close(session->fd);
    session->fd = -1;
    memcpy(move->from, move->to, moved);
    return ps_error_set(region->error, errnum, "ioctl(UFFDIO_MOVE)", "");
}

/* One call a run. A destination that is not empty holds nothing of worth, and is emptied. */
static int move_run(struct ps_region *region, const struct ps_move *move)
{
    const struct session *const session = region->private;
    const size_t bytes = move->pages * region->page_bytes;
    size_t moved = 0;
    int failed = move_range(region, session->fd, move->to, move->from, bytes, &moved);

    if (failed == -EEXIST) {
        if (madvise(move->to + moved, bytes - moved, MADV_DONTNEED) != 0)
            failed = -errno;
        else
            failed = move_range(region, session->fd, move->to, move->from, bytes, &moved);
    }
    return failed ? give_up(region, move, moved, -failed) : 0;
}

static int move_many(struct ps_region *region, const struct ps_move *moves, size_t n, size_t *done)
{
    for (*done = 0; *done < n; ++*done) {
        const struct ps_move *const move = &moves[*done];
        const int failed = move_run(region, move);

        if (failed)
            return failed;
        for (size_t page = 0; page < move->pages; page++)
            ps_touch(region, move->to + page * region->page_bytes);
    }
    return 0;
}

/* Gives the descriptor, or a negative errno with the failing call. A page that a bug lost then raises SIGBUS when it
 * is read, where without that feature its reader would wait for ever. */
static int open_session(const char **call)
{
    struct uffdio_api api = {.api = UFFD_API, .features = FEATURE_MOVE | UFFD_FEATURE_SIGBUS};
    const int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);

    *call = "userfaultfd";
    if (fd < 0)
        return -errno;
    *call = "ioctl(UFFDIO_API)";
    if (ioctl(fd, UFFDIO_API, &api) != 0) {
        const int failed = errno;

        (void)close(fd);
        return -failed;
    }
    return fd;
}

static int watch(int fd, const unsigned char *begin, size_t bytes)
{
    struct uffdio_register range = {
        .range = {.start = (uintptr_t)begin, .len = bytes},
        .mode = UFFDIO_REGISTER_MODE_MISSING,
    };

    return ioctl(fd, UFFDIO_REGISTER, &range) == 0 ? 0 : -errno;
}

/* Makes an empty slot of reserved addresses. There is no page table below it, so that a huge page can be entered whole.
 */
static int empty(unsigned char *begin, size_t bytes)
{
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;

    return mmap(begin, bytes, PROT_READ | PROT_WRITE, flags, -1, 0) == MAP_FAILED ? -errno : 0;
}

static int setup(struct ps_region *region)
{
    const size_t slots_bytes = (region->pages + region->spare_pages) * region->page_bytes;
    struct session *const session = malloc(sizeof *session);
    const char *call = "malloc (session)";
    int failed;

    if (!session)
        return ps_error_set(region->error, ENOMEM, call, "");
    session->fd = -1;
    region->private = session;
    if ((failed = open_session(&call)) < 0)
        return ps_error_set(region->error, -failed, call, "");
    session->fd = failed;
    if ((failed = empty(region->scratch, region->scratch_bytes)) != 0)
        return ps_error_set(region->error, -failed, "mmap (empty scratch)", "");
    if ((failed = watch(session->fd, region->base, slots_bytes)) != 0 ||
        (failed = watch(session->fd, region->scratch, region->scratch_bytes)) != 0)
        return ps_error_set(region->error, -failed, "ioctl(UFFDIO_REGISTER)", "");
    return 0;
}

static void teardown(struct ps_region *region)
{
    struct session *const session = region->private;

    if (!session)
        return;
    if (session->fd >= 0)
        (void)close(session->fd); /* and with it the registrations */
    free(session);
    region->private = NULL;
}

/* Moves one page for real: a feature bit says nothing about a filter that refuses the call itself. */
static int try_move(int fd, const char **call)
{
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS;
    unsigned char *const pages = mmap(NULL, 2 * PS_BASE_PAGE, PROT_READ | PROT_WRITE, flags, -1, 0);
    struct ps_region nowhere = {0};
    size_t moved = 0;
    int failed;

    *call = "mmap";
    if (pages == MAP_FAILED)
        return -errno;
    *call = "ioctl(UFFDIO_REGISTER)";
    pages[PS_BASE_PAGE] = 1;
    if ((failed = watch(fd, pages, 2 * PS_BASE_PAGE)) == 0) {
        *call = "ioctl(UFFDIO_MOVE)";
        failed = move_range(&nowhere, fd, pages, pages + PS_BASE_PAGE, PS_BASE_PAGE, &moved);
    }
    (void)munmap(pages, 2 * PS_BASE_PAGE);
    return failed;
}

static const char *cure(const char *call, int errnum)
{
    if (strcmp(call, "userfaultfd") == 0) {
        if (errnum == EINVAL)
            return "the kernel is older than 5.11; UFFDIO_MOVE needs Linux 6.8 or newer";
        if (errnum == ENOSYS)
            return "use a kernel (6.8 or newer) with CONFIG_USERFAULTFD, or a seccomp profile that does not hide it";
        if (errnum == EPERM || errnum == EACCES)
            return "a seccomp profile or security module forbids it; allow it there (user-mode only: no sysctl and no "
                   "privilege are needed)";
        return "free what ran out, and try again";
    }
    if (errnum == ENOMEM)
        return "free memory, and try again";
    return "needs Linux 6.8 or newer (UFFD_FEATURE_MOVE) and a seccomp profile that allows this ioctl";
}

static int probe(ps_error *why)
{
    char detail[sizeof why->detail];
    const char *call;
    const int fd = open_session(&call);
    int failed = fd;

    if (fd >= 0) {
        failed = try_move(fd, &call);
        (void)close(fd);
    }
    if (!failed)
        return 0;
    (void)snprintf(detail, sizeof detail, "%s: %s: %s", call, strerror(-failed), cure(call, -failed));
    return ps_unavailable(why, -failed, detail);
}

const struct ps_method ps_method_uffd_move = {
    .name = "uffd_move",
    .summary = "three UFFDIO_MOVE calls through an empty slot: page-table entries move, mappings stay whole",
    .family = PS_REMAP,
    .flags = PS_COUNTS_REFUSALS,
    .scratch = PS_SCRATCH_ADDRESSES,
    .memory = PS_KIND(PS_ANON),
    .probe = probe,
    .setup = setup,
    .swap_many = swap_many,
    .move_many = move_many,
    .teardown = teardown,
};
