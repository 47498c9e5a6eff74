/* Memory under test: one reserved address range that holds the slots, a gap, and a scratch slot for each thread, so
 * that no other mapping of the process is a neighbour of the slots or takes a scratch slot's address while it is
 * empty. The scratch is memory only where pages are copied through it. */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "memory.h"
#include "readers.h"

static size_t round_up(size_t bytes, size_t unit)
{
    return (bytes + unit - 1) / unit * unit;
}

static size_t largest(size_t a, size_t b)
{
    return a > b ? a : b;
}

static int no_huge_pages(const struct ps_backing *backing, size_t bytes, ps_error *error)
{
    const size_t page = backing->kernel_page_bytes;
    char detail[sizeof error->detail];

    (void)snprintf(detail, sizeof detail,
                   "needs %zu free huge pages of %zu KiB; as root: echo %zu > "
                   "/sys/kernel/mm/hugepages/hugepages-%zukB/nr_hugepages",
                   bytes / page, page >> 10, bytes / page, page >> 10);
    return ps_unavailable(error, ENOMEM, detail);
}

static int too_large_a_file(size_t bytes, ps_error *error)
{
    char detail[sizeof error->detail];

    (void)snprintf(detail, sizeof detail,
                   "needs a file of %zu MiB in memory, and RLIMIT_FSIZE allows less; raise it (ulimit -f unlimited, "
                   "LimitFSIZE= of a unit) or use a smaller region",
                   (bytes + (1 << 20) - 1) >> 20);
    return ps_unavailable(error, EFBIG, detail);
}

static int map_part(const struct ps_memory *memory, unsigned char *at, size_t bytes, off_t file_offset,
                    const struct ps_backing *backing, const char *call, ps_error *error)
{
    if (mmap(at, bytes, PROT_READ | PROT_WRITE, backing->map_flags | MAP_FIXED, memory->fd, file_offset) == MAP_FAILED)
        return ps_error_set(error, errno, call, "");
    if (backing->advice && madvise(at, bytes, backing->advice) != 0)
        return errno == EINVAL ? ps_unavailable(error, EINVAL, "this kernel has no transparent huge pages")
                               : ps_error_set(error, errno, "madvise", "");
    return 0;
}

int ps_memory_map(struct ps_memory *memory, const ps_trial *trial, const struct ps_backing *backing,
                  const struct ps_workload_ops *workload, ps_error *error)
{
    const enum ps_alignment alignment = (enum ps_alignment)ps_word_find("alignment", trial->alignment);
    const size_t unit = largest(PS_HUGE_PAGE, backing->kernel_page_bytes);
    const size_t border = alignment == PS_ALIGNMENT_1GIB ? largest(PS_GIGANTIC_PAGE, unit) : unit;
    const size_t scratch_size = round_up(trial->page_bytes, unit);
    const size_t region_bytes = trial->region_bytes * (1 + workload->spare_share);
    const size_t scratch_offset = round_up(region_bytes, border) + border;
    const struct ps_method *const method = ps_method_find(trial->method);
    const int low = method->flags & PS_LOW_MEMORY ? MAP_32BIT : 0;
    const size_t stride = round_up(trial->page_bytes, border);
    const size_t reserved_bytes = scratch_offset + trial->threads * stride + 2 * border;
    const size_t scratch_bytes = ps_scratch_is_memory(method, workload) ? trial->threads * scratch_size : 0;
    int failed;

    memory->fd = -1;
    if (region_bytes % backing->kernel_page_bytes != 0)
        return ps_unavailable(error, EINVAL, "the region is not a whole number of the backing's huge pages");
    memory->reserved = mmap(NULL, reserved_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | low, -1, 0);
    if (memory->reserved == MAP_FAILED) {
        memory->reserved = NULL;
        if (low && errno == ENOMEM)
            return ps_unavailable(error, ENOMEM,
                                  "the method needs addresses below 2 GiB, and the region does not fit "
                                  "there; use a smaller region_size");
        return ps_error_set(error, errno, "mmap (address range)", "");
    }
    memory->reserved_bytes = reserved_bytes;
    memory->base = (unsigned char *)round_up((size_t)memory->reserved, border) +
                   (alignment == PS_ALIGNMENT_PAGE ? PS_BASE_PAGE : 0);
    memory->slots = region_bytes / trial->page_bytes;
    memory->scratch = (unsigned char *)round_up((size_t)memory->reserved, border) + scratch_offset;
    memory->scratch_stride = stride;
    memory->scratch_size = scratch_size;
    /* A workload that lets whole runs of neighbours wait there may use all of it, the others one page. */
    memory->scratch_used = scratch_bytes == 0 ? 0 : workload->moves_use_scratch ? scratch_size : trial->page_bytes;
    if (backing->kind == PS_MEMFD) {
        if ((memory->fd = memfd_create("pageswap", MFD_CLOEXEC)) < 0)
            return ps_error_set(error, errno, "memfd_create", "");
        if (ftruncate(memory->fd, (off_t)(region_bytes + scratch_bytes)) != 0)
            return errno == EFBIG ? too_large_a_file(region_bytes + scratch_bytes, error)
                                  : ps_error_set(error, errno, "ftruncate", "");
    }
    if (backing->kind == PS_FILE &&
        (failed = ps_file_make(trial->folder, region_bytes + scratch_bytes, &memory->fd, error)) != 0)
        return failed;
    failed = map_part(memory, memory->base, region_bytes, 0, backing, "mmap (region)", error);
    for (size_t done = 0; !failed && done < scratch_bytes; done += scratch_size)
        failed = map_part(memory, memory->scratch + done / scratch_size * stride, scratch_size,
                          (off_t)(region_bytes + done), backing, "mmap (scratch)", error);
    if (failed == -ENOMEM && backing->is_reserved)
        return no_huge_pages(backing, region_bytes + scratch_bytes, error);
    return failed;
}

void ps_memory_unmap(struct ps_memory *memory)
{
    /* Neither can fail for what mmap and memfd_create returned, and nothing could be done about it. */
    if (memory->reserved)
        (void)munmap(memory->reserved, memory->reserved_bytes);
    if (memory->fd >= 0)
        (void)close(memory->fd);
    memory->reserved = NULL;
    memory->fd = -1;
}

/* What one fault brings of the pages that are moved. Huge pages that move whole are entered whole; nothing that moves
 * them here leaves an entry out, so where the kernel splits one after all (anon_huge_after tells), no fault is missed.
 * Of a large folio each 4 KiB has an entry of its own. */
static size_t touch_bytes(const ps_trial *trial, const struct ps_backing *backing)
{
    if (ps_word_find("touch", trial->touch) == PS_TOUCH_EVERY)
        return PS_BASE_PAGE;
    const int whole = trial->page_bytes % backing->fault_bytes == 0 && !ps_backing_folio_bytes(backing);

    return whole ? backing->fault_bytes : backing->kernel_page_bytes;
}

/* Pages of shared memory belong to its file, which keeps them however little is mapped. */
static int advice_to_give(const struct ps_backing *backing)
{
    return PS_KIND(backing->kind) & (PS_KIND(PS_ANON) | PS_KIND(PS_HUGETLB)) ? MADV_DONTNEED : MADV_REMOVE;
}

/* Cuts thread `thread`'s share of the slots, with its own scratch slot. */
void ps_region_cut(struct ps_region *region, const struct ps_memory *memory, const ps_trial *trial,
                   const struct ps_backing *backing, uint32_t thread)
{
    const size_t pages = trial->region_bytes / trial->page_bytes;
    const size_t ratio = memory->slots / pages; /* slots for each page */
    const size_t begin = pages * thread / trial->threads * ratio;
    const size_t end = pages * (thread + 1) / trial->threads * ratio;

    region->base = memory->base + begin * trial->page_bytes;
    region->scratch = memory->scratch + thread * memory->scratch_stride;
    region->page_bytes = trial->page_bytes;
    region->pages = (end - begin) / ratio;
    region->spare_pages = end - begin - region->pages;
    region->fault_bytes = backing->fault_bytes;
    region->touch_bytes = touch_bytes(trial, backing);
    region->touch = (enum ps_touch)ps_word_find("touch", trial->touch);
    region->fresh = ps_word_find("pages", trial->pages) == PS_PAGES_FRESH ? advice_to_give(backing) : 0;
    region->is_alone = trial->threads == 1 && ps_word_find("neighbours", trial->neighbours) == 0;
    region->is_read = ps_reads_of(trial) == PS_READS_MOVING || ps_reads_of(trial) == PS_READS_MISSING;
    region->give_back = ps_word_find("release", trial->release) > 0 ? advice_to_give(backing) : 0;
    region->fd = memory->fd;
    region->file_offset = begin * trial->page_bytes;
    region->scratch_bytes = memory->scratch_size;
}

/* Brings what memory must be there before the pages are stamped, to the scratch and, in large folios, to the first so
 * many slots: its faults belong to the set-up. */
int ps_region_fill(struct ps_region *region, const struct ps_memory *memory, const struct ps_backing *backing,
                   size_t slots, ps_error *error)
{
    const size_t folio_bytes = ps_backing_folio_bytes(backing);
    int failed = 0;

    if (folio_bytes)
        failed = ps_folios_bring(region->base, ps_slot(region, slots),
                                 memory->base + memory->slots * region->page_bytes, folio_bytes, error);
    if (folio_bytes && memory->scratch_used && !failed)
        failed = ps_folios_bring(region->scratch, region->scratch + memory->scratch_used,
                                 region->scratch + memory->scratch_size, folio_bytes, error);
    if (memory->scratch_used && !failed)
        memset(region->scratch, 0x5a, memory->scratch_used);
    return failed;
}
