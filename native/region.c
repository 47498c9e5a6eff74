/* Regions: one reserved address range that holds the slots, a gap, and the scratch page, so that no other mapping of
 * the process is a neighbour of the memory under test or takes the scratch slot's address while it is empty. */
#include <string.h>
#include <sys/mman.h>

#include "pageswap.h"

static int backing_flags(enum ps_backing backing)
{
    return backing == PS_BACKING_shared_anon ? MAP_SHARED | MAP_ANONYMOUS : MAP_PRIVATE | MAP_ANONYMOUS;
}

static size_t round_up(size_t bytes, size_t unit)
{
    return (bytes + unit - 1) / unit * unit;
}

int ps_region_map(struct ps_region *region, const ps_trial *trial, enum ps_backing backing)
{
    const size_t region_bytes = trial->region_bytes;
    const size_t scratch_offset = round_up(region_bytes, PS_HUGE_PAGE) + PS_HUGE_PAGE;
    const size_t used_bytes = scratch_offset + round_up(trial->page_bytes, PS_HUGE_PAGE) + PS_HUGE_PAGE;
    const int flags = backing_flags(backing);
    unsigned char *const reserved =
        mmap(NULL, used_bytes + PS_HUGE_PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (reserved == MAP_FAILED)
        return ps_fail(region, "mmap (address range)");
    region->reserved = reserved;
    region->reserved_bytes = used_bytes + PS_HUGE_PAGE;
    region->base = (unsigned char *)round_up((size_t)reserved, PS_HUGE_PAGE);
    region->scratch = region->base + scratch_offset;
    region->page_bytes = trial->page_bytes;
    region->pages = region_bytes / trial->page_bytes;
    region->touch_step = PS_BASE_PAGE;
    region->touch = trial->touch;
    region->backing = backing;
    if (mmap(region->base, region_bytes, PROT_READ | PROT_WRITE, flags | MAP_FIXED, -1, 0) == MAP_FAILED)
        return ps_fail(region, "mmap (region)");
    if (mmap(region->scratch, region->page_bytes, PROT_READ | PROT_WRITE, flags | MAP_FIXED, -1, 0) == MAP_FAILED)
        return ps_fail(region, "mmap (scratch)");
    memset(region->scratch, 0x5a, region->page_bytes); /* its faults belong to the set-up */
    return 0;
}

void ps_region_unmap(struct ps_region *region)
{
    /* Cannot fail for a range that mmap returned, and nothing could be done about it. */
    if (region->reserved)
        (void)munmap(region->reserved, region->reserved_bytes);
    region->reserved = NULL;
}
