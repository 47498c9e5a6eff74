/* What the kernel counted: faults and context switches of this process, and how many mappings it has. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "counters.h"

int ps_counters_read(struct ps_counters *counters, ps_error *error)
{
    struct rusage usage;

    if (getrusage(RUSAGE_SELF, &usage) != 0)
        return ps_error_set(error, errno, "getrusage", "");
    counters->minor_faults = (uint64_t)usage.ru_minflt;
    counters->major_faults = (uint64_t)usage.ru_majflt;
    counters->voluntary_switches = (uint64_t)usage.ru_nvcsw;
    counters->involuntary_switches = (uint64_t)usage.ru_nivcsw;
    return 0;
}

/* The kernel gives no count, so the lines of /proc/self/maps are counted; without stdio, whose buffer would be one
 * more mapping. */
int ps_mappings_count(uint64_t *count, ps_error *error)
{
    static char buffer[1 << 16];
    ssize_t got;
    int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return ps_error_set(error, errno, "open /proc/self/maps", "");
    *count = 0;
    while ((got = read(fd, buffer, sizeof buffer)) > 0) {
        const char *at = buffer;
        const char *const end = buffer + got;

        while ((at = memchr(at, '\n', (size_t)(end - at))) != NULL) {
            ++*count;
            ++at;
        }
    }
    const int failed = got < 0 ? errno : 0;

    (void)close(fd);
    return failed ? ps_error_set(error, failed, "read /proc/self/maps", "") : 0;
}
