/* A clock that runs slower and slower beside the time-stamp counter: t seconds after it was first asked it shows
 * t / (1 + t). */
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000LL

int clock_gettime(clockid_t id, struct timespec *now)
{
    static long long first_ns;
    const long failed = syscall(SYS_clock_gettime, id, now);

    if (failed || id != CLOCK_MONOTONIC_RAW)
        return (int)failed;
    const long long ns = now->tv_sec * SECOND + now->tv_nsec;

    if (!first_ns)
        first_ns = ns;
    const double seconds = (double)(ns - first_ns) / SECOND;
    const long long shown_ns = first_ns + (long long)(seconds / (1 + seconds) * SECOND);

    now->tv_sec = shown_ns / SECOND;
    now->tv_nsec = shown_ns % SECOND;
    return 0;
}
