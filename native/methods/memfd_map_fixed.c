/* memfd_map_fixed: maps each of the two slots afresh, at the other one's offset in the file.
 *
 * System calls: mmap(MAP_SHARED | MAP_FIXED) of the memfd: A at B's offset, B at A's offset. Moves: nothing in the
 * file; two mappings are replaced, and their page-table entries dropped. Needs: memory that is a file, and
 * vm.max_map_count above the number of pages. Not all of its cost: the first access to a moved page faults, which only
 * `touch: moved` pays inside the timed region. */
#include <sys/mman.h>

#include "../file_pages.h"

static int map(struct ps_region *region, unsigned char *at, size_t file_offset)
{
    const int flags = MAP_SHARED | MAP_FIXED;

    if (mmap(at, region->page_bytes, PROT_READ | PROT_WRITE, flags, region->fd, (off_t)file_offset) == MAP_FAILED)
        return ps_fail(region, "mmap(MAP_FIXED)");
    return 0;
}

static int swap_many(struct ps_region *region, const uint32_t *a, const uint32_t *b, size_t n)
{
    return ps_file_pages_swap(region, a, b, n, map);
}

const struct ps_method ps_method_memfd_map_fixed = {
    .name = "memfd_map_fixed",
    .summary = "two mmap(MAP_FIXED) of a memfd with the offsets exchanged; the faults come later",
    .family = PS_REMAP,
    .flags = PS_SPLITS_MAPPINGS,
    .scratch = PS_SCRATCH_NONE,
    .memory = PS_KIND(PS_MEMFD) | PS_KIND(PS_FILE),
    .probe = ps_memfd_probe,
    .setup = ps_file_pages_setup,
    .swap_many = swap_many,
    .teardown = ps_file_pages_teardown,
};
