/* remap_file_pages: asks for the other one's page of the file at each of the two slots.
 *
 * System calls: remap_file_pages(): A gets B's page of the file, B gets A's. Moves: nothing in the file; since
 * Linux 4.0 the call is emulated by mmap(MAP_FIXED | MAP_POPULATE), so two mappings are replaced. Needs: a shared
 * mapping, a kernel that still has the call, and vm.max_map_count above the number of pages. Not the non-linear mapping
 * it once was, which cost no mapping a page. */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../file_pages.h"

/* The system call itself: a C library may do without a wrapper for what is deprecated. */
static int remap(unsigned char *at, size_t bytes, size_t file_offset)
{
    return syscall(SYS_remap_file_pages, at, bytes, 0, file_offset / PS_BASE_PAGE, 0) == 0 ? 0 : -errno;
}

static int map(struct ps_region *region, unsigned char *at, size_t file_offset)
{
    const int failed = remap(at, region->page_bytes, file_offset);

    return failed ? ps_error_set(region->error, -failed, "remap_file_pages", "") : 0;
}

static int swap_many(struct ps_region *region, const uint32_t *a, const uint32_t *b, size_t n)
{
    return ps_file_pages_swap(region, a, b, n, map);
}

static int probe(ps_error *why)
{
    char detail[sizeof why->detail];
    const int flags = MAP_SHARED | MAP_ANONYMOUS;
    unsigned char *const pages = mmap(NULL, 2 * PS_BASE_PAGE, PROT_READ | PROT_WRITE, flags, -1, 0);

    if (pages == MAP_FAILED)
        return ps_unavailable(why, errno, "no memory for two pages; free some, and try again");
    const int failed = remap(pages, PS_BASE_PAGE, PS_BASE_PAGE);

    (void)munmap(pages, 2 * PS_BASE_PAGE);
    if (!failed)
        return 0;
    (void)snprintf(
        detail, sizeof detail,
        "remap_file_pages: %s; use a kernel that has this deprecated call (and a seccomp profile that allows "
        "it), or memfd_map_populate, which does the same",
        strerror(-failed));
    return ps_unavailable(why, -failed, detail);
}

const struct ps_method ps_method_remap_file_pages = {
    .name = "remap_file_pages",
    .summary = "two remap_file_pages() calls, which Linux emulates by mmap(MAP_FIXED | MAP_POPULATE) since 4.0",
    .family = PS_REMAP,
    .flags = PS_SPLITS_MAPPINGS,
    .scratch = PS_SCRATCH_NONE,
    .memory = PS_KIND(PS_MEMFD) | PS_KIND(PS_SHARED_ANON) | PS_KIND(PS_FILE),
    .probe = probe,
    .setup = ps_file_pages_setup,
    .swap_many = swap_many,
    .teardown = ps_file_pages_teardown,
};
