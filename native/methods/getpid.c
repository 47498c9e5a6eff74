/* getpid: enters the kernel and comes back with a number.
 *
 * System calls: getpid by its number, so that no library can answer from memory. Moves: nothing. The price of the
 * kernel's door, and the least that any method with a system call pays. */
#include <sys/syscall.h>
#include <unistd.h>

#include "../pageswap.h"

static int call_many(struct ps_region *region, size_t n)
{
    const long expected = syscall(SYS_getpid);

    for (size_t i = 0; i < n; i++)
        if (syscall(SYS_getpid) != expected)
            return ps_fail(region, "getpid");
    return 0;
}

const struct ps_method ps_method_getpid = {
    .name = "getpid",
    .summary = "one real getpid system call: the least a kernel round trip costs",
    .family = PS_CONTROL,
    .call_many = call_many,
};
