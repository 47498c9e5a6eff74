#include "remap.h"

#include <stdio.h>
#include <string.h>

#include "../counters.h"
#include "../uffd_moves.h"
#include "choose.h"
#include "owner.h"

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

/* How often a place is emptied anew that somebody reads before its page comes. */
#define EMPTYINGS 8
/* How often a mapping is asked for that must be there. */
#define MAPPINGS 1000
/* Of the mappings that a process may have, the share that a region may come to have. */
#define SHARE_OF_MAPPINGS 4
#define PAGES_A_LOOK ((size_t)4096)
/* Only one of the two is ever used on a region, as what mremap moved is watched no more, and every slot has become a
 * mapping, at whose end the other's calls would stop. A run is one call of the other's, and one of mremap's a slot: it
 * must be so much faster for a single slot. */
#define WORTH_MAPPINGS 2

void pm_remap_stop(pm_region *region, const char *why)
{
    ps_uffd_end(&region->memory);
    region->remap = PM_REMAP_NONE;
    region->remap_word = why;
    pm_choose_ahead(region);
}

static size_t by_uffd(pm_region *region, unsigned char *to, unsigned char *from, size_t bytes, int is_empty)
{
    const uint64_t mode = PS_UFFD_MOVE_DONTWAKE | PS_UFFD_MOVE_HOLES; /* nobody waits: no missing page is watched */
    size_t moved = 0;
    int failed = -EEXIST;

    for (int i = 0; i < EMPTYINGS && failed == -EEXIST; i++) {
        if ((i > 0 || !is_empty) && madvise(to + moved, bytes - moved, MADV_DONTNEED) != 0)
            break;
        failed = ps_uffd_move(&region->memory, region->memory.uffd, to, from, bytes, mode, &moved);
    }
    if (failed)
        pm_remap_stop(region, "refused:uffd_move");
    return moved;
}

/* The kernel takes the mapping at the destination away before it sees whether it can move one there. */
static int map_again(unsigned char *at, size_t bytes)
{
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED;

    for (int i = 0; i < MAPPINGS; i++) {
        if (mmap(at, bytes, PROT_READ | PROT_WRITE, flags, -1, 0) != MAP_FAILED)
            return 0;
        (void)sched_yield();
    }
    return -errno;
}

static int mremap_one(unsigned char *to, unsigned char *from, size_t bytes)
{
    const int flags = MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP;

    return mremap(from, bytes, bytes, flags, to) == MAP_FAILED ? -errno : 0;
}

/* One call a slot: a mapping may end between two. */
static int64_t by_mremap(pm_region *region, unsigned char *to, unsigned char *from, size_t bytes)
{
    const size_t step = region->memory.page_bytes;

    for (size_t moved = 0; moved < bytes; moved += step) {
        if (mremap_one(to + moved, from + moved, step) == 0)
            continue;
        pm_remap_stop(region, "refused:mremap");
        const int failed = map_again(to + moved, step);

        return failed ? failed : (int64_t)moved;
    }
    return (int64_t)bytes;
}

int64_t pm_carry(pm_region *region, unsigned char *to, unsigned char *from, size_t n, int is_empty)
{
    const size_t bytes = n * region->memory.page_bytes;
    int64_t moved = 0;

    if (region->remap == PM_REMAP_UFFD)
        moved = (int64_t)by_uffd(region, to, from, bytes, is_empty);
    else if (region->remap == PM_REMAP_MREMAP)
        moved = by_mremap(region, to, from, bytes);
    if (moved >= 0 && (size_t)moved < bytes)
        memcpy(to + moved, from + moved, bytes - (size_t)moved);
    return moved;
}

int pm_remap_is_ready(pm_region *region)
{
    if (region->remap == PM_REMAP_UFFD && !pm_is_own(region))
        pm_remap_stop(region, "forked"); /* the descriptor moves the parent's pages */
    return region->remap != PM_REMAP_NONE;
}

/* Addresses for a slot at a border of huge pages, without memory. */
static int map_scratch(pm_region *region)
{
    const size_t slot = (region->memory.page_bytes + PS_HUGE_PAGE - 1) / PS_HUGE_PAGE * PS_HUGE_PAGE;
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;

    region->reserved_bytes = slot + PS_HUGE_PAGE;
    region->reserved = mmap(NULL, region->reserved_bytes, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (region->reserved == MAP_FAILED) {
        region->reserved = NULL;
        return -errno;
    }
    region->memory.scratch =
        region->reserved + (PS_HUGE_PAGE - (uintptr_t)region->reserved % PS_HUGE_PAGE) % PS_HUGE_PAGE;
    region->memory.scratch_bytes = slot;
    return 0;
}

/* The kernel wants the destination watched. Watched for writes to protected pages, of which there are none, it is as
 * any other memory to who uses it. */
static int begin_uffd(pm_region *region)
{
    struct ps_region *const memory = &region->memory;
    const char *call;
    int failed;

    memory->uffd = ps_uffd_open(PS_UFFD_FEATURE_MOVE, &call);
    failed = memory->uffd < 0 ? memory->uffd : 0;
    if (!failed)
        failed =
            ps_uffd_register(memory->uffd, memory->base, memory->pages * memory->page_bytes, UFFDIO_REGISTER_MODE_WP);
    if (!failed)
        failed = ps_uffd_register(memory->uffd, memory->scratch, memory->scratch_bytes, UFFDIO_REGISTER_MODE_WP);
    if (failed)
        ps_uffd_end(memory);
    return failed;
}

static size_t mappings_allowed(void)
{
    FILE *const file = fopen("/proc/sys/vm/max_map_count", "re");
    char text[24] = "";
    size_t count = 0;

    if (file) {
        for (const char *digit = fgets(text, sizeof text, file); digit && *digit >= '0' && *digit <= '9'; digit++)
            count = count * 10 + (size_t)(*digit - '0');
        (void)fclose(file);
    }
    return count;
}

/* Tried between two pages of the scratch. */
static int begin_mremap(const pm_region *region)
{
    unsigned char *const scratch = region->memory.scratch;

    if (region->flags & PM_KEEP_MAPPINGS || region->memory.pages > mappings_allowed() / SHARE_OF_MAPPINGS)
        return -ENOTSUP;
    const int failed = mremap_one(scratch + PS_BASE_PAGE, scratch, PS_BASE_PAGE);

    if (failed)
        (void)map_again(scratch + PS_BASE_PAGE, PS_BASE_PAGE); /* the other way may need it */
    return failed;
}

/* How much of the region has memory; all of it where the kernel does not tell. */
static size_t resident_bytes(unsigned char *base, size_t bytes)
{
    unsigned char present[PAGES_A_LOOK];
    size_t count = 0;

    for (size_t at = 0, step; at < bytes; at += step) {
        step = bytes - at < sizeof present * PS_BASE_PAGE ? bytes - at : sizeof present * PS_BASE_PAGE;
        if (mincore(base + at, step, present) != 0)
            return bytes;
        for (size_t page = 0; page < step / PS_BASE_PAGE; page++)
            count += present[page] & 1;
    }
    return count * PS_BASE_PAGE;
}

/* Where nobody knows how much it is, none is. */
static int is_mostly_huge(const pm_region *region, size_t bytes)
{
    ps_error ignored = {0};
    uint64_t huge = 0;

    return ps_huge_bytes(region->memory.base, bytes, &huge, &ignored) == 0 && huge > 0 &&
           huge > resident_bytes(region->memory.base, bytes) / 2;
}

static const char *forbidden(const pm_region *region, const struct pm_kind *kind)
{
    const struct ps_region *const memory = &region->memory;

    if (region->flags & PM_COPY_ONLY)
        return "copy_only";
    if (region->flags & PM_SHARED_LATER)
        return "shared_later";
    if (!kind->is_private_anon || (uintptr_t)memory->base % PS_BASE_PAGE != 0)
        return "kind_of_memory";
    if (region->is_huge && !region->is_in_tables)
        return "huge_pages_would_be_split";
    return NULL;
}

void pm_remap_begin(pm_region *region, const struct pm_kind *kind)
{
    const struct ps_region *const memory = &region->memory;
    const size_t bytes = memory->pages * memory->page_bytes;

    region->is_in_tables = ((uintptr_t)memory->base | memory->page_bytes) % PS_HUGE_PAGE == 0;
    region->is_huge = kind->is_private_anon && is_mostly_huge(region, bytes);
    if ((region->remap_word = forbidden(region, kind)))
        return;
    region->remap_word = "unavailable";
    if (map_scratch(region) != 0)
        return;
    region->remap = PM_REMAP_UFFD;
    const double by_uffd_ns = pm_choose(region, PM_SWAP, 1, 1).ns[PM_BY_REMAP];

    region->remap = PM_REMAP_MREMAP;
    const int prefers_mremap = pm_choose(region, PM_SWAP, 1, 1).ns[PM_BY_REMAP] * WORTH_MAPPINGS < by_uffd_ns;

    for (int i = 0; i < 2; i++) {
        const int is_mremap = i == 0 ? prefers_mremap : !prefers_mremap;

        region->remap = is_mremap ? PM_REMAP_MREMAP : PM_REMAP_UFFD;
        region->remap_word = is_mremap ? "mremap_dontunmap" : "uffd_move";
        if ((is_mremap ? begin_mremap(region) : begin_uffd(region)) == 0)
            return;
    }
    region->remap = PM_REMAP_NONE;
    region->remap_word = "unavailable";
}

void pm_remap_end(pm_region *region)
{
    ps_uffd_end(&region->memory);
    if (region->reserved)
        (void)munmap(region->reserved, region->reserved_bytes);
}
