/* Where the kernel keeps the region's pages: in folios of which size, and on which NUMA nodes. Both are asked of some
 * pages that stand for the rest, so that a large region costs no more than a small one. */
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "counters.h"

#define SAMPLES 32

/* Of 2^32: what each sample's place in its part is further on than the one before (the golden ratio), so that the
 * samples are in step with nothing, as with nodes that take pages in turn. */
#define FURTHER 2654435769u

/* One in each part of the memory; fewer where there are fewer base pages. */
static size_t choose_samples(const struct ps_memory *memory, size_t page_bytes, void **samples)
{
    const size_t pages = memory->slots * page_bytes / PS_BASE_PAGE;
    const size_t count = pages < SAMPLES ? pages : SAMPLES;

    for (size_t i = 0; i < count; i++) {
        const size_t begin = i * pages / count, end = (i + 1) * pages / count;
        const uint32_t within = (uint32_t)(i + 1) * FURTHER;

        samples[i] = memory->base + (begin + (size_t)((unsigned __int128)(end - begin) * within >> 32)) * PS_BASE_PAGE;
    }
    return count;
}

static int read_entry(int fd, uint64_t index, uint64_t *entry)
{
    return pread(fd, entry, sizeof *entry, (off_t)(index * sizeof *entry)) == (ssize_t)sizeof *entry;
}

/* The order of the folio that a page frame belongs to, up to that of a huge page; -1 where it cannot be told. A folio
 * lies at a multiple of its size, so its head is the first that is met on the way down through such places. */
static int folio_order(int kpageflags, uint64_t frame)
{
    uint64_t flags, head = frame;
    int order;

    if (!read_entry(kpageflags, frame, &flags))
        return -1;
    if (!(flags & (PS_KPAGE_COMPOUND_HEAD | PS_KPAGE_COMPOUND_TAIL)))
        return 0;
    for (order = 1; !(flags & PS_KPAGE_COMPOUND_HEAD); order++) {
        head = frame >> order << order;
        if (order > PS_FOLIO_ORDERS || !read_entry(kpageflags, head, &flags))
            return -1;
    }
    for (order = 1; order < PS_FOLIO_ORDERS; order++)
        if (!read_entry(kpageflags, head + ((uint64_t)1 << order), &flags) || !(flags & PS_KPAGE_COMPOUND_TAIL))
            break;
    return order;
}

/* Fills seen[order]; returns how many pages were present and could be looked at. */
static size_t look_at(void *const *samples, size_t count, size_t *seen)
{
    const int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    const int kpageflags = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC);
    size_t present = 0;

    for (size_t i = 0; pagemap >= 0 && kpageflags >= 0 && i < count; i++) {
        uint64_t entry;

        if (!read_entry(pagemap, (uintptr_t)samples[i] / PS_BASE_PAGE, &entry) || !(entry & PS_PAGEMAP_PRESENT) ||
            !(entry & PS_PAGEMAP_FRAME))
            continue;
        const int order = folio_order(kpageflags, entry & PS_PAGEMAP_FRAME);

        if (order < 0)
            continue;
        seen[order]++;
        present++;
    }
    if (kpageflags >= 0)
        (void)close(kpageflags);
    if (pagemap >= 0)
        (void)close(pagemap);
    return present;
}

void ps_folios_count(const struct ps_memory *memory, const ps_trial *trial, const struct ps_backing *backing,
                     uint64_t *bytes)
{
    void *samples[SAMPLES] = {0};
    size_t seen[PS_FOLIO_ORDERS + 1] = {0};
    size_t present = 0;

    if (!backing->is_reserved) {
        present = look_at(samples, choose_samples(memory, trial->page_bytes, samples), seen);
        if (present == 0)
            return;
    }
    for (size_t order = 1; order <= PS_FOLIO_ORDERS; order++)
        if (backing->is_reserved)
            bytes[order - 1] = PS_BASE_PAGE << order == backing->kernel_page_bytes ? trial->region_bytes : 0;
        else
            bytes[order - 1] = trial->region_bytes * seen[order] / present;
}

/* Returns how many samples the kernel could tell the node of. */
static size_t nodes_of(void **samples, size_t count, size_t *on_node)
{
    int nodes[SAMPLES];
    size_t known = 0;

    if (syscall(SYS_move_pages, 0, count, samples, NULL, nodes, 0) != 0) {
        /* Refused by a container's filter, or a kernel without NUMA: then all is said where there is one node only. */
        if (access("/sys/devices/system/node/node1", F_OK) == 0)
            return 0;
        on_node[0] = count;
        return count;
    }
    for (size_t i = 0; i < count; i++) {
        if (nodes[i] < 0) /* no page there */
            continue;
        known++;
        if (nodes[i] < PS_NUMA_NODES)
            on_node[nodes[i]]++;
    }
    return known;
}

static int has_node(size_t node)
{
    char path[] = "/sys/devices/system/node/node0";

    path[sizeof path - 2] = (char)('0' + node);
    return access(path, F_OK) == 0;
}

void ps_nodes_count(const struct ps_memory *memory, const ps_trial *trial, uint64_t *bytes)
{
    void *samples[SAMPLES] = {0};
    size_t on_node[PS_NUMA_NODES] = {0};
    const size_t known = nodes_of(samples, choose_samples(memory, trial->page_bytes, samples), on_node);

    for (size_t node = 0; node < PS_NUMA_NODES && known > 0; node++)
        if (node == 0 || on_node[node] > 0 || has_node(node))
            bytes[node] = trial->region_bytes * on_node[node] / known;
}

uint64_t ps_cpu_node(void)
{
    unsigned cpu, node;

    return syscall(SYS_getcpu, &cpu, &node, NULL) == 0 ? node : PS_UNSUPPORTED;
}
