/* copy_movsb: three `rep movsb` through one page-sized buffer (scratch <- B, B <- A, A <- scratch).
 *
 * System calls: none. Moves: 3 * page_bytes read and written a swap. Needs: nothing; it is fast where the CPU has ERMS,
 * and slow but right elsewhere. What the kernel copies a page with on such CPUs; not the C library's choice: see
 * memcpy. */
#include "../pageswap.h"

static inline void copy(void *to, const void *from, size_t bytes)
{
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(bytes) : : "memory");
}

static int swap_many(struct ps_region *region, const uint32_t *a, const uint32_t *b, size_t n)
{
    const size_t page_bytes = region->page_bytes;

    for (size_t i = 0; i < n; i++) {
        unsigned char *const page_a = ps_slot(region, a[i]);
        unsigned char *const page_b = ps_slot(region, b[i]);

        copy(region->scratch, page_b, page_bytes);
        copy(page_b, page_a, page_bytes);
        copy(page_a, region->scratch, page_bytes);
        ps_touch(region, page_a);
        ps_touch(region, page_b);
    }
    return 0;
}

const struct ps_method ps_method_copy_movsb = {
    .name = "copy_movsb",
    .summary = "three rep movsb copies through a page-sized buffer",
    .family = PS_COPY,
    .memory = PS_ANY_MEMORY,
    .swap_many = swap_many,
};
