/* One page in a mapping of its own that mremap moves to and fro between two slots: shared by the methods that take the
 * cost of mremap apart. Nothing is measured by this file. */
#ifndef PAGESWAP_ISOLATED_PAGE_H
#define PAGESWAP_ISOLATED_PAGE_H

#include <stdlib.h>
#include <sys/mman.h>

#include "pageswap.h"

struct ps_isolated_page {
    unsigned char *reserved; /* 5 base pages: a gap, slot 0, a gap, slot 1, a gap */
    unsigned char *at, *other;
};

#define PS_ISOLATED_VALUE 0x6b

static inline int ps_isolated_page_make(struct ps_region *region, int touched)
{
    struct ps_isolated_page *const page = calloc(1, sizeof *page);

    if (!(region->private = page))
        return ps_fail(region, "calloc");
    page->reserved = mmap(NULL, 5 * PS_BASE_PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page->reserved == MAP_FAILED) {
        page->reserved = NULL;
        return ps_fail(region, "mmap");
    }
    page->at = page->reserved + PS_BASE_PAGE;
    page->other = page->reserved + 3 * PS_BASE_PAGE;
    if (munmap(page->other, PS_BASE_PAGE) != 0)
        return ps_fail(region, "munmap");
    if (mprotect(page->at, PS_BASE_PAGE, PROT_READ | PROT_WRITE) != 0)
        return ps_fail(region, "mprotect");
    if (touched)
        *page->at = PS_ISOLATED_VALUE;
    return 0;
}

static inline int ps_isolated_page_move(struct ps_region *region)
{
    struct ps_isolated_page *const page = region->private;
    unsigned char *const from = page->at;

    if (mremap(from, PS_BASE_PAGE, PS_BASE_PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, page->other) == MAP_FAILED)
        return ps_fail(region, "mremap");
    page->at = page->other;
    page->other = from;
    return 0;
}

/* A page that lost its bytes on the way is an error like a refused call. */
static inline int ps_isolated_page_check(struct ps_region *region, unsigned char expected)
{
    const struct ps_isolated_page *const page = region->private;

    if (*(volatile unsigned char *)page->at == expected)
        return 0;
    errno = EILSEQ;
    return ps_fail(region, "mremap (the page's bytes are wrong)");
}

static inline void ps_isolated_page_free(struct ps_region *region)
{
    struct ps_isolated_page *const page = region->private;

    if (page && page->reserved)
        (void)munmap(page->reserved, 5 * PS_BASE_PAGE);
    free(page);
}

#endif
