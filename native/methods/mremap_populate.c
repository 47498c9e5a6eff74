/* mremap_populate: lets the kernel move a growing block, and brings the memory of the new part with one more call.
 *
 * System calls: mremap(MREMAP_MAYMOVE), madvise(MADV_POPULATE_WRITE) of the new part. Moves: as mremap_may_move, and
 * the kernel allocates and zeroes the new pages, so that writing to them faults no more. Needs: Linux 5.14. Pays where
 * the new part is written to soon: `touch: new`. */
#include <stdio.h>
#include <string.h>

#include "../grow_blocks.h"

/* Headers that this is built with may be older than the advice. */
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

static unsigned char *block_grow(unsigned char *block, size_t old_bytes, size_t new_bytes)
{
    unsigned char *const grown = ps_block_remap(block, old_bytes, new_bytes, MREMAP_MAYMOVE);

    if (!grown)
        return NULL;
    while (madvise(grown + old_bytes, new_bytes - old_bytes, MADV_POPULATE_WRITE) != 0)
        if (errno != EINTR && errno != EAGAIN)
            return NULL;
    return grown;
}

static int probe(ps_error *why)
{
    char detail[sizeof why->detail];
    unsigned char *const page = mmap(NULL, PS_BASE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (page == MAP_FAILED)
        return ps_unavailable(why, errno, "a page to try it with cannot be mapped; free memory, and try again");
    const int failed = madvise(page, PS_BASE_PAGE, MADV_POPULATE_WRITE) == 0 ? 0 : errno;

    (void)munmap(page, PS_BASE_PAGE);
    if (!failed)
        return 0;
    (void)snprintf(detail, sizeof detail,
                   "madvise(MADV_POPULATE_WRITE): %s: needs Linux 5.14 or newer; mremap_may_move does without it",
                   strerror(failed));
    return ps_unavailable(why, failed, detail);
}

const struct ps_method ps_method_mremap_populate = {
    .name = "mremap_populate",
    .summary = "mremap(MREMAP_MAYMOVE), and madvise(MADV_POPULATE_WRITE) of the new part",
    .family = PS_REMAP,
    .probe = probe,
    .block_new = ps_block_between,
    .block_grow = block_grow,
    .block_free = ps_block_unmap,
};
