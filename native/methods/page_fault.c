/* page_fault: writes to pages that are mapped and not there.
 *
 * System calls: none in the timing; the page fault that clears a page, one a write. Moves: nothing. What every deferred
 * method pays later. */
#include <stdlib.h>
#include <sys/mman.h>

#include "../pageswap.h"

struct area {
    unsigned char *bytes;
    size_t size;
};

static int setup(struct ps_region *region)
{
    region->private = calloc(1, sizeof(struct area));
    return region->private ? 0 : ps_fail(region, "calloc");
}

static int call_refill(struct ps_region *region, size_t n)
{
    struct area *const area = region->private;

    if (area->bytes && munmap(area->bytes, area->size) != 0)
        return ps_fail(region, "munmap");
    area->size = n * PS_BASE_PAGE;
    area->bytes = mmap(NULL, area->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (area->bytes == MAP_FAILED) {
        area->bytes = NULL;
        return ps_fail(region, "mmap");
    }
    /* One fault must bring one base page, on hosts with transparent huge pages too; EINVAL is a kernel without them. */
    if (madvise(area->bytes, area->size, MADV_NOHUGEPAGE) != 0 && errno != EINVAL)
        return ps_fail(region, "madvise");
    return 0;
}

static int call_many(struct ps_region *region, size_t n)
{
    volatile unsigned char *const bytes = ((struct area *)region->private)->bytes;

    for (size_t i = 0; i < n; i++)
        bytes[i * PS_BASE_PAGE] = 1;
    return 0;
}

static void teardown(struct ps_region *region)
{
    struct area *const area = region->private;

    if (area && area->bytes)
        (void)munmap(area->bytes, area->size);
    free(area);
}

const struct ps_method ps_method_page_fault = {
    .name = "page_fault",
    .summary = "a page fault alone: the first write to a page of an anonymous mapping",
    .family = PS_CONTROL,
    .setup = setup,
    .call_refill = call_refill,
    .call_many = call_many,
    .teardown = teardown,
};
