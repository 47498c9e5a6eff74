/* memfd_map_populate: maps each of the two slots afresh, at the other one's offset in the file, with its page present.
 *
 * System calls: mmap(MAP_SHARED | MAP_FIXED | MAP_POPULATE) of the memfd: A at B's offset, B at A's offset. Moves:
 * nothing in the file; two mappings are replaced, their page-table entries dropped and made again. Needs: memory that
 * is a file, and vm.max_map_count above the number of pages. Not cheaper than a fault for each page: the kernel fills
 * the entries as a write fault would, without the trap. */
#include <sys/mman.h>

#include "../file_pages.h"

static int map(struct ps_region *region, unsigned char *at, size_t file_offset)
{
    const int flags = MAP_SHARED | MAP_FIXED | MAP_POPULATE;

    if (mmap(at, region->page_bytes, PROT_READ | PROT_WRITE, flags, region->fd, (off_t)file_offset) == MAP_FAILED)
        return ps_fail(region, "mmap(MAP_POPULATE)");
    return 0;
}

static int swap_many(struct ps_region *region, const uint32_t *a, const uint32_t *b, size_t n)
{
    return ps_file_pages_swap(region, a, b, n, map);
}

const struct ps_method ps_method_memfd_map_populate = {
    .name = "memfd_map_populate",
    .summary = "two mmap(MAP_FIXED | MAP_POPULATE) of a memfd with the offsets exchanged; no fault is left for later",
    .family = PS_REMAP,
    .flags = PS_SPLITS_MAPPINGS,
    .scratch = PS_SCRATCH_NONE,
    .memory = PS_KIND(PS_MEMFD) | PS_KIND(PS_FILE),
    .probe = ps_memfd_probe,
    .setup = ps_file_pages_setup,
    .swap_many = swap_many,
    .teardown = ps_file_pages_teardown,
};
