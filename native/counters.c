/* What the kernel counted: faults and context switches of this process, and how many mappings it has. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "pageswap.h"

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

/* Sums AnonHugePages over the mappings that overlap [begin, begin + bytes). */
int ps_huge_bytes(const unsigned char *begin, size_t bytes, uint64_t *huge_bytes, ps_error *error)
{
    const unsigned long from = (unsigned long)begin, to = from + bytes;
    FILE *const smaps = fopen("/proc/self/smaps", "re");
    char line[512];
    int inside = 0;

    if (!smaps)
        return ps_error_set(error, errno, "open /proc/self/smaps", "");
    *huge_bytes = 0;
    while (fgets(line, sizeof line, smaps)) {
        unsigned long first, last;
        unsigned long long kib;

        if (sscanf(line, "%lx-%lx ", &first, &last) == 2)
            inside = first < to && last > from;
        else if (inside && sscanf(line, "AnonHugePages: %llu kB", &kib) == 1)
            *huge_bytes += kib << 10;
    }
    (void)fclose(smaps);
    return 0;
}
