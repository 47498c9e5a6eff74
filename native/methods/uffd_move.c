/* uffd_move: moves the page-table entries of both pages with three calls through the empty scratch slot.
 *
 * System calls: ioctl(UFFDIO_MOVE): scratch <- B, B <- A, A <- scratch. Moves: page-table entries; the mappings stay,
 * so nothing is split. A transparent huge page moves whole when both ends are 2 MiB-aligned and no page table lies
 * below the destination. Needs: Linux 6.8, private anonymous memory that no fork shares, pages that are present; no
 * privilege, because only faults of user code are asked for. Not atomic: between the calls a slot is empty, where
 * who reads it waits until its page is there; and after a failed one a page stays in the scratch slot. */
#include "../uffd_moves.h"

static uint64_t mode_for(const struct ps_region *region)
{
    return region->is_read ? 0 : PS_UFFD_MOVE_DONTWAKE;
}

static int move_page(struct ps_region *region, unsigned char *to, unsigned char *from)
{
    size_t moved = 0;
    const int failed = ps_uffd_move(region, region->uffd, to, from, region->page_bytes, mode_for(region), &moved);

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
static int give_up(struct ps_region *region, const struct ps_move *move, size_t moved, int errnum, const char *call)
{
    ps_uffd_end(region);
    memcpy(move->from, move->to, moved);
    return ps_error_set(region->error, errnum, call, "");
}

/* One call a run. A destination that is not empty holds nothing of worth, and is emptied. */
static int move_run(struct ps_region *region, const struct ps_move *move)
{
    const size_t bytes = move->pages * region->page_bytes;
    size_t moved = 0;
    int failed = ps_uffd_move(region, region->uffd, move->to, move->from, bytes, mode_for(region), &moved);

    if (failed == -EEXIST) {
        if (madvise(move->to + moved, bytes - moved, MADV_DONTNEED) != 0) /* locked memory is not given back */
            return give_up(region, move, moved, errno, "madvise(MADV_DONTNEED)");
        failed = ps_uffd_move(region, region->uffd, move->to, move->from, bytes, mode_for(region), &moved);
    }
    return failed ? give_up(region, move, moved, -failed, "ioctl(UFFDIO_MOVE)") : 0;
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

/* Makes an empty slot of reserved addresses. There is no page table below it, so that a huge page can be entered whole.
 */
static int empty(unsigned char *begin, size_t bytes)
{
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;

    return mmap(begin, bytes, PROT_READ | PROT_WRITE, flags, -1, 0) == MAP_FAILED ? -errno : 0;
}

static int setup(struct ps_region *region)
{
    int failed = ps_uffd_begin(region, PS_UFFD_FEATURE_MOVE);

    if (failed)
        return failed;
    if ((failed = empty(region->scratch, region->scratch_bytes)) != 0)
        return ps_error_set(region->error, -failed, "mmap (empty scratch)", "");
    if ((failed = ps_uffd_watch(region->uffd, region->scratch, region->scratch_bytes)) != 0)
        return ps_error_set(region->error, -failed, "ioctl(UFFDIO_REGISTER)", "");
    return 0;
}

static int try_move(int fd, unsigned char *to, unsigned char *from)
{
    struct ps_region nowhere = {0};
    size_t moved = 0;

    return ps_uffd_move(&nowhere, fd, to, from, PS_BASE_PAGE, mode_for(&nowhere), &moved);
}

static int probe(ps_error *why)
{
    static const struct ps_uffd_needs needs = {
        .features = PS_UFFD_FEATURE_MOVE,
        .request = "ioctl(UFFDIO_MOVE)",
        .of_an_old_kernel = "the kernel is older than 5.11; UFFDIO_MOVE needs Linux 6.8 or newer",
        .of_userfaultfd = "use a kernel (6.8 or newer) with CONFIG_USERFAULTFD, or a seccomp profile that does not "
                          "hide it",
        .of_request = "needs Linux 6.8 or newer (UFFD_FEATURE_MOVE) and a seccomp profile that allows this ioctl",
    };

    return ps_uffd_probe(&needs, try_move, why);
}

const struct ps_method ps_method_uffd_move = {
    .name = "uffd_move",
    .summary = "three UFFDIO_MOVE calls through an empty slot: page-table entries move, mappings stay whole",
    .family = PS_REMAP,
    .flags = PS_COUNTS_REFUSALS | PS_SERVES,
    .scratch = PS_SCRATCH_ADDRESSES,
    .memory = PS_KIND(PS_ANON),
    .probe = probe,
    .setup = setup,
    .swap_many = swap_many,
    .move_many = move_many,
    .teardown = ps_uffd_end,
};
