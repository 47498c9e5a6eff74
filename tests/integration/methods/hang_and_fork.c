/* hang_and_fork: leaves grandchildren in sessions of their own, and then never ends. */
#include <unistd.h>

#include "../pageswap.h"

static int swap_many(struct ps_region *region, const uint32_t *a, const uint32_t *b, size_t n)
{
    (void)region, (void)a, (void)b, (void)n;
    for (int child = 0; child < 3; child++)
        if (fork() == 0) {
            (void)setsid();
            (void)fork();
            for (;;)
                (void)pause();
        }
    for (;;)
        (void)pause();
}

const struct ps_method ps_method_hang_and_fork = {
    .name = "hang_and_fork",
    .summary = "broken on purpose",
    .family = PS_COPY,
    .memory = PS_ANY_MEMORY,
    .swap_many = swap_many,
};
