/* What the methods share that exchange file offsets: the table slot -> page of the file, and the swap itself. Each
 * gives the call that maps one page of the file at one slot. */
#ifndef PAGESWAP_FILE_PAGES_H
#define PAGESWAP_FILE_PAGES_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "pageswap.h"

typedef int (*ps_map_page)(struct ps_region *region, unsigned char *at, size_t file_offset);

static inline int ps_memfd_probe(ps_error *why)
{
    char detail[sizeof why->detail];
    const int fd = memfd_create("pageswap probe", MFD_CLOEXEC);

    if (fd >= 0)
        return close(fd) == 0 ? 0 : ps_unavailable(why, errno, "closing a memfd failed");
    const int failed = errno;

    (void)snprintf(detail, sizeof detail,
                   "memfd_create: %s; use Linux 3.17 or newer and a seccomp profile that allows it", strerror(failed));
    return ps_unavailable(why, failed, detail);
}

static inline int ps_file_pages_setup(struct ps_region *region)
{
    uint32_t *const page_of = malloc(region->pages * sizeof *page_of);

    if (!page_of)
        return ps_error_set(region->error, ENOMEM, "malloc (file pages)", "");
    for (size_t slot = 0; slot < region->pages; slot++)
        page_of[slot] = (uint32_t)slot;
    region->private = page_of;
    return 0;
}

static inline void ps_file_pages_teardown(struct ps_region *region)
{
    free(region->private);
    region->private = NULL;
}

static inline size_t ps_file_offset(const struct ps_region *region, uint32_t page)
{
    return region->file_offset + page * region->page_bytes;
}

/* Inlined, so that `map` is no indirect call. */
__attribute__((always_inline)) static inline int ps_file_pages_swap(struct ps_region *region, const uint32_t *a,
                                                                    const uint32_t *b, size_t n, ps_map_page map)
{
    uint32_t *const page_of = region->private;

    for (size_t i = 0; i < n; i++) {
        unsigned char *const page_a = ps_slot(region, a[i]);
        unsigned char *const page_b = ps_slot(region, b[i]);
        const uint32_t to_b = page_of[a[i]], to_a = page_of[b[i]];
        int failed;

        if (page_a == page_b)
            continue; /* two calls for nothing */
        if ((failed = map(region, page_a, ps_file_offset(region, to_a))) != 0 ||
            (failed = map(region, page_b, ps_file_offset(region, to_b))) != 0)
            return failed;
        page_of[a[i]] = to_a;
        page_of[b[i]] = to_b;
        ps_touch(region, page_a);
        ps_touch(region, page_b);
    }
    return 0;
}

#endif
