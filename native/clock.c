/* The clock: CLOCK_MONOTONIC_RAW, because NTP may slew CLOCK_MONOTONIC while a round is being timed. */
#include <time.h>

#include "pageswap.h"

uint64_t ps_now_ns(void)
{
    struct timespec now;

    /* It cannot fail: the clock id is a constant that every kernel since 2.6.28 knows. */
    (void)clock_gettime(CLOCK_MONOTONIC_RAW, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}
