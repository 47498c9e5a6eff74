/* newer_libc: the identity by way of a call that glibc 2.34 gave a new version: a core with it loads on no older one. */
#include <pthread.h>
#include <string.h>

#include "../pageswap.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void nothing(void)
{
}

static int swap_many(struct ps_region *region, const uint32_t *a, const uint32_t *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        memcpy(region->scratch, ps_slot(region, b[i]), region->page_bytes);
        memmove(ps_slot(region, b[i]), ps_slot(region, a[i]), region->page_bytes);
        memcpy(ps_slot(region, a[i]), region->scratch, region->page_bytes);
    }
    return pthread_once(&once, nothing);
}

const struct ps_method ps_method_newer_libc = {
    .name = "newer_libc",
    .summary = "memcpy and a call into the C library",
    .family = PS_COPY,
    .memory = PS_ANY_MEMORY,
    .swap_many = swap_many,
};
