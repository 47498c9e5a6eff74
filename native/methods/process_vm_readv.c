/* process_vm_readv: the kernel copies, from this process to itself (scratch <- B, B <- A, A <- scratch).
 *
 * System calls: three process_vm_readv() a swap, more when one reads short. Moves: 3 * page_bytes read and written, and
 * pins and unpins each source page. Needs: a kernel with CONFIG_CROSS_MEMORY_ATTACH and a seccomp filter that lets the
 * call through. What a copy costs that goes through the kernel; not a remapping. */
#include <sys/uio.h>
#include <unistd.h>

#include "../pageswap.h"

static int probe(ps_error *why)
{
    uint64_t source = 1, target = 0;
    const struct iovec to = {.iov_base = &target, .iov_len = sizeof target};
    const struct iovec from = {.iov_base = &source, .iov_len = sizeof source};

    if (process_vm_readv(getpid(), &to, 1, &from, 1, 0) == (ssize_t)sizeof target)
        return 0;
    if (errno == ENOSYS)
        return ps_unavailable(why, ENOSYS,
                              "process_vm_readv: ENOSYS: a kernel without CONFIG_CROSS_MEMORY_ATTACH, or a "
                              "seccomp filter; use another kernel or allow the call");
    return ps_unavailable(why, errno,
                          "process_vm_readv on the own process is forbidden, by a seccomp filter most likely; "
                          "allow the call, in a container with CAP_SYS_PTRACE or its own profile");
}

static int copy(struct ps_region *region, pid_t self, unsigned char *to, unsigned char *from)
{
    for (size_t done = 0; done < region->page_bytes;) {
        const struct iovec target = {.iov_base = to + done, .iov_len = region->page_bytes - done};
        const struct iovec source = {.iov_base = from + done, .iov_len = region->page_bytes - done};
        const ssize_t bytes = process_vm_readv(self, &target, 1, &source, 1, 0);

        if (bytes < 0)
            return ps_fail(region, "process_vm_readv");
        if (bytes == 0)
            return ps_error_set(region->error, EIO, "process_vm_readv", "it read nothing");
        done += (size_t)bytes;
    }
    return 0;
}

static int swap_many(struct ps_region *region, const uint32_t *a, const uint32_t *b, size_t n)
{
    const pid_t self = getpid();

    for (size_t i = 0; i < n; i++) {
        unsigned char *const page_a = ps_slot(region, a[i]);
        unsigned char *const page_b = ps_slot(region, b[i]);
        int failed;

        if ((failed = copy(region, self, region->scratch, page_b)) != 0 ||
            (failed = copy(region, self, page_b, page_a)) != 0 ||
            (failed = copy(region, self, page_a, region->scratch)) != 0)
            return failed;
        ps_touch(region, page_a);
        ps_touch(region, page_b);
    }
    return 0;
}

const struct ps_method ps_method_process_vm_readv = {
    .name = "process_vm_readv",
    .summary = "three process_vm_readv() calls on the own process through a page-sized buffer",
    .family = PS_COPY,
    .memory = PS_ANY_MEMORY,
    .probe = probe,
    .swap_many = swap_many,
};
