/* uffd_copy: lets the kernel copy a run into an empty place, and gives back what it was copied from.
 *
 * System calls: ioctl(UFFDIO_COPY), then madvise(MADV_DONTNEED) of the source: two a run. Moves: bytes, into pages of
 * 4 KiB that the kernel allocates with the copy, so that nobody faults and no page is zeroed before it is overwritten.
 * What collectors did before UFFDIO_MOVE. Needs: Linux 5.11, private anonymous memory that is not to lie on huge pages;
 * no privilege, because only faults of user code are asked for. Not a choice of the factor `release`: a place that is
 * not empty cannot be copied to, so what a move leaves is given back in any case. */
#include "../uffd_session.h"

/* Returns 0 or a negative errno with the failing call. A destination that is not empty holds nothing of worth, and is
 * emptied. */
static int copy_range(int fd, unsigned char *to, unsigned char *from, size_t bytes, uint64_t mode, const char **call)
{
    size_t copied = 0;
    unsigned stalls = 0;

    *call = "ioctl(UFFDIO_COPY)";
    while (copied < bytes) {
        struct uffdio_copy request = {
            .dst = (uintptr_t)to + copied,
            .src = (uintptr_t)from + copied,
            .len = bytes - copied,
            .mode = mode,
        };
        const int failed = ioctl(fd, UFFDIO_COPY, &request) == 0 ? 0 : errno;

        if (request.copy > 0) { /* all of it, or a part and EAGAIN */
            copied += (size_t)request.copy;
            stalls = 0;
        } else if (failed == EEXIST) {
            if (madvise(to + copied, bytes - copied, MADV_DONTNEED) != 0) { /* it is locked */
                *call = "madvise(MADV_DONTNEED)";
                return -errno;
            }
            if (ps_uffd_stalled(&stalls) != 0)
                return -EEXIST;
        } else if (failed && failed != EAGAIN) {
            return -failed;
        } else if (ps_uffd_stalled(&stalls) != 0) {
            return -EAGAIN;
        }
    }
    return 0;
}

static int move_many(struct ps_region *region, const struct ps_move *moves, size_t n, size_t *done)
{
    const uint64_t mode = region->is_read ? 0 : UFFDIO_COPY_MODE_DONTWAKE; /* nobody waits for a page */

    for (*done = 0; *done < n; ++*done) {
        const struct ps_move *const move = &moves[*done];
        const size_t bytes = move->pages * region->page_bytes;
        const char *call;
        const int failed = copy_range(region->uffd, move->to, move->from, bytes, mode, &call);

        if (failed)
            return ps_error_set(region->error, -failed, call, "");
        for (size_t page = 0; page < move->pages; page++)
            ps_touch(region, move->to + page * region->page_bytes);
        if (madvise(move->from, bytes, MADV_DONTNEED) != 0)
            return ps_not_given_back(region, "madvise(MADV_DONTNEED)");
    }
    return 0;
}

static int setup(struct ps_region *region)
{
    return ps_uffd_begin(region, 0);
}

static int try_copy(int fd, unsigned char *to, unsigned char *from)
{
    const char *call;

    return copy_range(fd, to, from, PS_BASE_PAGE, UFFDIO_COPY_MODE_DONTWAKE, &call);
}

static int probe(ps_error *why)
{
    static const struct ps_uffd_needs needs = {
        .request = "ioctl(UFFDIO_COPY)",
        .of_an_old_kernel = "the kernel is older than 5.11; use a newer one",
        .of_userfaultfd = "use a kernel with CONFIG_USERFAULTFD, or a seccomp profile that does not hide it",
        .of_request = "use a seccomp profile that allows this ioctl",
    };

    return ps_uffd_probe(&needs, try_copy, why);
}

const struct ps_method ps_method_uffd_copy = {
    .name = "uffd_copy",
    .summary = "UFFDIO_COPY into an empty place, and madvise() of what was copied from: two calls a run",
    .family = PS_COPY,
    .flags = PS_ONE_WAY | PS_FILLS_EMPTY | PS_SERVES,
    .scratch = PS_SCRATCH_ADDRESSES,
    .memory = PS_KIND(PS_ANON),
    .probe = probe,
    .setup = setup,
    .move_many = move_many,
    .teardown = ps_uffd_end,
};
