/* getpid_cached: a function of a library that answers with a number it noted before.
 *
 * System calls: none. Moves: nothing. What timing getpid() measures where the C library caches it, as glibc did before
 * 2.25: a function call, and no kernel at all. */
#include <sys/syscall.h>
#include <unistd.h>

#include "../pageswap.h"

static volatile long noted;

/* Not inlined, as a function of another library would not be. */
__attribute__((noinline)) static long cached_getpid(void)
{
    if (noted == 0)
        noted = syscall(SYS_getpid);
    return noted;
}

static int call_many(struct ps_region *region, size_t n)
{
    const long expected = cached_getpid();

    for (size_t i = 0; i < n; i++)
        if (cached_getpid() != expected)
            return ps_fail(region, "getpid");
    return 0;
}

const struct ps_method ps_method_getpid_cached = {
    .name = "getpid_cached",
    .summary = "a getpid answered from memory: a function call, no system call",
    .family = PS_CONTROL,
    .call_many = call_many,
};
