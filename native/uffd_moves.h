/* UFFDIO_MOVE of a range: what the method uffd_move and the mover share. */
#ifndef PAGESWAP_UFFD_MOVES_H
#define PAGESWAP_UFFD_MOVES_H

#include "uffd_session.h"

/* Linux 6.8 added these; the headers of older distributions lack them. */
struct ps_uffd_move_request {
    uint64_t to, from, bytes, mode;
    int64_t moved; /* bytes, or a negative errno */
};
#define PS_UFFD_MOVE_IOCTL _IOWR(UFFDIO, 0x05, struct ps_uffd_move_request)
#define PS_UFFD_MOVE_DONTWAKE ((uint64_t)1)
#define PS_UFFD_MOVE_HOLES ((uint64_t)2) /* where the source has no page, the destination gets none */
#define PS_UFFD_FEATURE_MOVE ((uint64_t)1 << 16)

#define PS_PAGEMAP_PRESENT ((uint64_t)1 << 63)
#define PS_PAGEMAP_SWAPPED ((uint64_t)1 << 62) /* or under migration */
#define PS_PAGEMAP_BATCH 512

/* Counts the bytes from the start of `from` on that have left it; 0 also where that cannot be told. */
static inline size_t ps_uffd_departed(const unsigned char *from, size_t bytes)
{
    const int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    uint64_t entries[PS_PAGEMAP_BATCH];
    size_t gone = 0, seen = 0;

    if (fd < 0)
        return 0;
    while (gone == seen && gone < bytes) {
        const size_t left = (bytes - gone) / PS_BASE_PAGE;
        const size_t wanted = left < PS_PAGEMAP_BATCH ? left : PS_PAGEMAP_BATCH;
        const off_t at = (off_t)(((uintptr_t)from + gone) / PS_BASE_PAGE * sizeof *entries);

        if (pread(fd, entries, wanted * sizeof *entries, at) != (ssize_t)(wanted * sizeof *entries))
            break;
        for (size_t i = 0; i < wanted && !(entries[i] & (PS_PAGEMAP_PRESENT | PS_PAGEMAP_SWAPPED)); i++)
            gone += PS_BASE_PAGE;
        seen += wanted * PS_BASE_PAGE;
    }
    (void)close(fd);
    return gone;
}

/* The kernel wakes who waits for a page when it says that the page came; here it said otherwise. */
static inline void ps_uffd_wake(const struct ps_region *region, int fd, unsigned char *to, size_t bytes)
{
    struct uffdio_range range = {.start = (uintptr_t)to, .len = bytes};

    if (region->is_read)
        (void)ioctl(fd, UFFDIO_WAKE, &range); /* refused for ranges only that are not watched */
}

/* Returns 0 or a negative errno, and counts in the region how often the kernel refused; *moved counts the bytes that
 * went, also when it fails.
 *
 * EEXIST need not mean it: Linux 6.18 forgets to clear its own EAGAIN (a page was under migration or reclaim), so it
 * moves the page, takes that for another refusal, tries again inside the same call, and finds at the destination the
 * page that it put there. A source that is gone has arrived: nothing else takes pages away here. Where the source may
 * have holes, the destination must therefore have been empty before. */
static inline int ps_uffd_move(struct ps_region *region, int fd, unsigned char *to, unsigned char *from, size_t bytes,
                               uint64_t mode, size_t *moved)
{
    unsigned stalls = 0;

    while (*moved < bytes) {
        struct ps_uffd_move_request request = {
            .to = (uintptr_t)to + *moved,
            .from = (uintptr_t)from + *moved,
            .bytes = bytes - *moved,
            .mode = mode,
        };
        const int failed = ioctl(fd, PS_UFFD_MOVE_IOCTL, &request) == 0 ? 0 : errno;

        region->retries += failed == EAGAIN;
        region->refusals += failed == EEXIST;
        if (failed == EEXIST && (request.moved = (int64_t)ps_uffd_departed(from + *moved, bytes - *moved)) > 0)
            ps_uffd_wake(region, fd, to + *moved, (size_t)request.moved);
        if (failed && failed != EAGAIN && request.moved <= 0)
            return -failed;
        if (request.moved > 0) { /* all of it, or a part and EAGAIN */
            *moved += (size_t)request.moved;
            stalls = 0;
        } else if (ps_uffd_stalled(&stalls) != 0) {
            return -EAGAIN;
        }
    }
    return 0;
}

#endif
