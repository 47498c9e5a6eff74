/* How much of a region the kernel maps in huge pages. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "counters.h"
#include "glibc.h"

/* ioctl(PAGEMAP_SCAN), in Linux since 6.7, which headers of many distributions do not know yet. */
struct page_region {
    uint64_t start;
    uint64_t end;
    uint64_t categories;
};

struct scan {
    uint64_t size;
    uint64_t flags;
    uint64_t start;
    uint64_t end;
    uint64_t walk_end;
    uint64_t vec;
    uint64_t vec_len;
    uint64_t max_pages;
    uint64_t category_inverted;
    uint64_t category_mask;
    uint64_t category_anyof_mask;
    uint64_t return_mask;
};

#define SCAN _IOWR('f', 16, struct scan)
#define PAGE_IS_HUGE (1u << 6)
#define REGIONS 64

/* Asks for the huge pages of [from, to) alone; returns 0 where the kernel cannot be asked that. */
static int scan(uint64_t from, uint64_t to, uint64_t *huge_bytes)
{
    struct page_region found[REGIONS] = {0};
    struct scan request = {.size = sizeof request,
                           .start = from,
                           .end = to,
                           .vec = (uint64_t)found,
                           .vec_len = REGIONS,
                           .category_mask = PAGE_IS_HUGE,
                           .return_mask = PAGE_IS_HUGE};
    const int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    int count = fd < 0 ? -1 : 0;

    *huge_bytes = 0;
    for (; count >= 0 && request.start < to; request.start = request.walk_end) {
        count = ioctl(fd, SCAN, &request);
        for (int i = 0; i < count; i++)
            *huge_bytes += found[i].end - found[i].start;
    }
    if (fd >= 0)
        (void)close(fd);
    return count >= 0;
}

/* Sums AnonHugePages over the mappings that overlap [from, to), at the price of a walk over everything this process has
 * mapped. A mapping's first line begins with its addresses, in lower-case digits, the lines of its fields with a
 * capital. */
static int sum_of_mappings(uint64_t from, uint64_t to, uint64_t *huge_bytes, ps_error *error)
{
    static const char field[] = "AnonHugePages:";
    FILE *const smaps = fopen("/proc/self/smaps", "re");
    char line[512];
    int inside = 0;

    if (!smaps)
        return ps_error_set(error, errno, "open /proc/self/smaps", "");
    *huge_bytes = 0;
    while (fgets(line, sizeof line, smaps)) {
        if (line[0] < 'A' || line[0] > 'Z') {
            char *dash;
            const unsigned long first = strtoul(line, &dash, 16);

            inside = *dash == '-' && first < to && strtoul(dash + 1, NULL, 16) > from;
        } else if (inside && strncmp(line, field, sizeof field - 1) == 0) {
            *huge_bytes += strtoull(line + sizeof field - 1, NULL, 10) << 10;
        }
    }
    (void)fclose(smaps);
    return 0;
}

int ps_huge_bytes(const unsigned char *begin, size_t bytes, uint64_t *huge_bytes, ps_error *error)
{
    const uint64_t from = (uint64_t)begin, to = from + bytes;

    return scan(from, to, huge_bytes) ? 0 : sum_of_mappings(from, to, huge_bytes, error);
}
