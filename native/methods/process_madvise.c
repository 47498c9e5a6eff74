/* process_madvise: gives runs of pages back as madvise_dontneed does, but many with one call.
 *
 * System calls: process_madvise(MADV_DONTNEED) on the own process, one for up to 1,024 runs. Moves: nothing;
 * page-table entries go and come, the mapping stays. Needs: Linux 6.13, private anonymous memory that is not locked. */
#include <stdlib.h>
#include <string.h>

#include "../self_advice.h"

struct session {
    int self; /* a pidfd */
    struct iovec ranges[PS_RANGES_MAX]; /* of one call, which may change them */
};

static int give_many(struct ps_region *region, const struct iovec *runs, size_t n)
{
    struct session *const session = region->private;

    for (size_t begin = 0, count; begin < n; begin += count) {
        count = n - begin < PS_RANGES_MAX ? n - begin : PS_RANGES_MAX;
        memcpy(session->ranges, runs + begin, count * sizeof *runs);
        const int failed = ps_self_advise(session->self, session->ranges, count, MADV_DONTNEED);

        if (failed) {
            errno = -failed;
            return ps_not_given_back(region, "process_madvise");
        }
    }
    return 0;
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
    return ps_self_probe("madvise_dontneed", why);
}

const struct ps_method ps_method_process_madvise = {
    .name = "process_madvise",
    .summary = "one process_madvise(MADV_DONTNEED) gives back up to 1,024 runs",
    .family = PS_CONTROL,
    .scratch = PS_SCRATCH_NONE,
    .memory = PS_KIND(PS_ANON),
    .probe = probe,
    .setup = setup,
    .give_many = give_many,
    .teardown = teardown,
};
