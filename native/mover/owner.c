/* A page that a child of fork gets empty. The process's number would not tell: in a namespace of its own a child may
 * have its parent's. */
#include "owner.h"

#include <sys/mman.h>

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18 /* Linux 4.14 */
#endif

void pm_own(pm_region *region)
{
    unsigned char *const page = mmap(NULL, PS_BASE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (page == MAP_FAILED)
        return;
    region->owned = page;
    *page = madvise(page, PS_BASE_PAGE, MADV_WIPEONFORK) == 0;
}

void pm_disown(pm_region *region)
{
    if (region->owned)
        (void)munmap((void *)(uintptr_t)region->owned, PS_BASE_PAGE);
    region->owned = NULL;
}

int pm_is_own(const pm_region *region)
{
    return region->owned && *region->owned;
}
