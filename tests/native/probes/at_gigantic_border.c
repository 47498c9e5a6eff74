/* at_gigantic_border: fails where a thread's scratch, or the first thread's region, is not at a border of 1 GiB. */
#include "../pageswap.h"

static int swap_many(struct ps_region *region, const uint32_t *a, const uint32_t *b, size_t n)
{
    (void)a;
    (void)b;
    (void)n;
    if ((uintptr_t)region->scratch % PS_GIGANTIC_PAGE == 0 &&
        (region->file_offset > 0 || (uintptr_t)region->base % PS_GIGANTIC_PAGE == 0))
        return 0;
    return ps_error_set(region->error, ERANGE, "at_gigantic_border", "");
}

const struct ps_method ps_method_at_gigantic_border = {
    .name = "at_gigantic_border",
    .summary = "a test's",
    .family = PS_CONTROL,
    .flags = PS_MOVES_NOTHING,
    .memory = PS_ANY_MEMORY,
    .swap_many = swap_many,
};
