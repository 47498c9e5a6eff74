/* The clock: CLOCK_MONOTONIC_RAW, because NTP may slew CLOCK_MONOTONIC while a round is being timed. */
#include <time.h>

#include "pageswap.h"

#define TRIES 16

uint64_t ps_now_ns(void)
{
    struct timespec now;

    /* It cannot fail: the clock id is a constant that every kernel since 2.6.28 knows. */
    (void)clock_gettime(CLOCK_MONOTONIC_RAW, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Of some tries the one between whose two readings of the counter the least time went by: nothing interrupted it. */
struct ps_instant ps_instant_now(void)
{
    struct ps_instant found = {0};
    uint64_t least = UINT64_MAX;

    for (int i = 0; i < TRIES; i++) {
        const uint64_t begin = ps_ticks(), ns = ps_now_ns(), took = ps_ticks() - begin;

        if (took < least) {
            least = took;
            found = (struct ps_instant){.ns = ns, .ticks = begin + took / 2};
        }
    }
    return found;
}
