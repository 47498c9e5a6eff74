/* Advice about many ranges of the own process with one call: what the methods share that use process_madvise(). Needs
 * Linux 6.13, which lets a process give any advice about itself. */
#ifndef PAGESWAP_SELF_ADVICE_H
#define PAGESWAP_SELF_ADVICE_H

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "pageswap.h"

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_process_madvise
#define SYS_process_madvise 440
#endif

#define PS_RANGES_MAX ((size_t)1024) /* of the kernel, for one call (UIO_MAXIOV) */

/* A pidfd of this process, or -1 with errno set. */
static inline int ps_self_open(void)
{
    return (int)syscall(SYS_pidfd_open, getpid(), 0);
}

/* As madvise() of each of up to PS_RANGES_MAX ranges, which it may change: the kernel may stop after a part of them,
 * and then it goes on there. Returns 0 or a negative errno. */
static inline int ps_self_advise(int self, struct iovec *range, size_t count, int advice)
{
    while (count > 0) {
        ssize_t bytes = syscall(SYS_process_madvise, self, range, count, advice, 0);

        if (bytes < 0)
            return -errno;
        if (bytes == 0)
            return -EIO; /* it would say so for ever */
        for (; count > 0 && (size_t)bytes >= range->iov_len; count--, range++)
            bytes -= (ssize_t)range->iov_len;
        if (count > 0) {
            range->iov_base = (char *)range->iov_base + bytes;
            range->iov_len -= (size_t)bytes;
        }
    }
    return 0;
}

/* Gives one page back for real. */
static inline int ps_self_try(const char **call)
{
    unsigned char *const page = mmap(NULL, PS_BASE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct iovec range = {.iov_base = page, .iov_len = PS_BASE_PAGE};
    int failed = 0;

    *call = "mmap";
    if (page == MAP_FAILED)
        return -errno;
    *call = "pidfd_open";
    const int self = ps_self_open();

    if (self < 0) {
        failed = -errno;
    } else if (munlock(page, PS_BASE_PAGE) != 0) { /* whatever this process maps may be locked */
        *call = "munlock";
        failed = -errno;
    } else {
        *call = "process_madvise";
        failed = ps_self_advise(self, &range, 1, MADV_DONTNEED);
    }
    if (self >= 0)
        (void)close(self);
    (void)munmap(page, PS_BASE_PAGE);
    return failed;
}

/* A method's probe; `without` is the method that does with other calls. */
static inline int ps_self_probe(const char *without, ps_error *why)
{
    char detail[sizeof why->detail];
    const char *call;
    const int failed = ps_self_try(&call);

    if (!failed)
        return 0;
    if (failed == -EPERM)
        (void)snprintf(detail, sizeof detail, "%s: %s: a seccomp profile forbids it; allow it there", call,
                       strerror(-failed));
    else
        (void)snprintf(detail, sizeof detail, "%s: %s: needs Linux 6.13 or newer; %s does with a call each", call,
                       strerror(-failed), without);
    return ps_unavailable(why, -failed, detail);
}

#endif
