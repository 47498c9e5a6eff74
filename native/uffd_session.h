/* What the methods share that fill empty places through userfaultfd: opening it, watching a range, and what a host may
 * lack. Only faults of user code are asked for, which needs no privilege. */
#ifndef PAGESWAP_UFFD_SESSION_H
#define PAGESWAP_UFFD_SESSION_H

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "pageswap.h"

/* Linux 5.11 added it; the headers of older distributions lack it. */
#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1
#endif

/* EAGAIN means that a lock or a reference was held elsewhere (another thread that maps, reclaim, a batch of the
 * kernel's on some CPU): it passes in microseconds. So many refusals in a row, some tenths of a second, are no passing
 * state: the trial then fails with EAGAIN instead of hanging until its deadline. */
#define PS_STALLS_MAX (1u << 20)
#define PS_STALLS_BEFORE_YIELD 64u

/* After a call that did nothing; returns 0 when it is to be made again, or -EAGAIN. */
static inline int ps_uffd_stalled(unsigned *stalls)
{
    if (++*stalls == PS_STALLS_MAX)
        return -EAGAIN;
    if (*stalls % PS_STALLS_BEFORE_YIELD == 0)
        (void)sched_yield();
    return 0;
}

/* Gives the descriptor, or a negative errno with the failing call. With UFFD_FEATURE_SIGBUS a page that a bug lost
 * raises that signal when it is read, where without that feature its reader would wait for ever. */
static inline int ps_uffd_open(uint64_t features, const char **call)
{
    struct uffdio_api api = {.api = UFFD_API, .features = features};
    const int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY);

    *call = "userfaultfd";
    if (fd < 0)
        return -errno;
    *call = "ioctl(UFFDIO_API)";
    if (ioctl(fd, UFFDIO_API, &api) != 0) {
        const int failed = errno;

        (void)close(fd);
        return -failed;
    }
    return fd;
}

/* Until the descriptor is closed. Returns 0 or a negative errno. */
static inline int ps_uffd_register(int fd, const unsigned char *begin, size_t bytes, uint64_t mode)
{
    struct uffdio_register range = {.range = {.start = (uintptr_t)begin, .len = bytes}, .mode = mode};

    return ioctl(fd, UFFDIO_REGISTER, &range) == 0 ? 0 : -errno;
}

/* So that who comes to a place without a page waits, or dies. */
static inline int ps_uffd_watch(int fd, const unsigned char *begin, size_t bytes)
{
    return ps_uffd_register(fd, begin, bytes, UFFDIO_REGISTER_MODE_MISSING);
}

/* Opens the region's descriptor, and watches its slots. */
static inline int ps_uffd_begin(struct ps_region *region, uint64_t features)
{
    const char *call;
    int failed;

    region->uffd = ps_uffd_open(features | (region->is_read ? 0 : UFFD_FEATURE_SIGBUS), &call);
    if (region->uffd < 0)
        return ps_error_set(region->error, -region->uffd, call, "");
    failed = ps_uffd_watch(region->uffd, region->base, (region->pages + region->spare_pages) * region->page_bytes);
    return failed ? ps_error_set(region->error, -failed, "ioctl(UFFDIO_REGISTER)", "") : 0;
}

/* Whoever waits for a page goes on. */
static inline void ps_uffd_end(struct ps_region *region)
{
    if (region->uffd >= 0)
        (void)close(region->uffd); /* and with it what it watches */
    region->uffd = -1;
}

/* Tries a method's own request between two pages, of which the second one is there, with a descriptor that watches
 * both: a feature bit says nothing about a filter that refuses the call itself. */
static inline int ps_uffd_try(int fd, int (*request)(int fd, unsigned char *to, unsigned char *from), const char *name,
                              const char **call)
{
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS;
    unsigned char *const pages = mmap(NULL, 2 * PS_BASE_PAGE, PROT_READ | PROT_WRITE, flags, -1, 0);
    int failed;

    *call = "mmap";
    if (pages == MAP_FAILED)
        return -errno;
    pages[PS_BASE_PAGE] = 1;
    *call = "madvise"; /* whatever this process maps may be locked, and so present */
    failed = munlock(pages, 2 * PS_BASE_PAGE) == 0 && madvise(pages, PS_BASE_PAGE, MADV_DONTNEED) == 0 ? 0 : -errno;
    if (!failed) {
        *call = "ioctl(UFFDIO_REGISTER)";
        failed = ps_uffd_watch(fd, pages, 2 * PS_BASE_PAGE);
    }
    if (!failed) {
        *call = name;
        failed = request(fd, pages, pages + PS_BASE_PAGE);
    }
    (void)munmap(pages, 2 * PS_BASE_PAGE);
    return failed;
}

/* What a method needs, said where the host lacks it. */
struct ps_uffd_needs {
    uint64_t features;
    const char *request; /* such as "ioctl(UFFDIO_MOVE)" */
    const char *of_an_old_kernel; /* that has no UFFD_USER_MODE_ONLY */
    const char *of_userfaultfd;
    const char *of_request;
};

/* It refuses faults of user space alone: as unknown (EINVAL), but before it looks at that, as forbidden where a sysctl
 * keeps users from userfaultfd. */
static inline int ps_uffd_is_old(int errnum)
{
    struct utsname kernel;
    char *rest;

    if (errnum == EINVAL)
        return 1;
    if (errnum != EPERM || uname(&kernel) != 0)
        return 0;
    const unsigned long major = strtoul(kernel.release, &rest, 10);
    const unsigned long minor = *rest == '.' ? strtoul(rest + 1, NULL, 10) : 0;

    return major < 5 || (major == 5 && minor < 11);
}

static inline const char *ps_uffd_cure(const struct ps_uffd_needs *needs, const char *call, int errnum)
{
    if (strcmp(call, "userfaultfd") == 0) {
        if (ps_uffd_is_old(errnum))
            return needs->of_an_old_kernel;
        if (errnum == ENOSYS)
            return needs->of_userfaultfd;
        if (errnum == EPERM || errnum == EACCES)
            return "a seccomp profile or security module forbids it; allow it there (user-mode only: no sysctl and no "
                   "privilege are needed)";
        return "free what ran out, and try again";
    }
    if (errnum == ENOMEM)
        return "free memory, and try again";
    return needs->of_request;
}

static inline int ps_uffd_probe(const struct ps_uffd_needs *needs,
                                int (*request)(int fd, unsigned char *to, unsigned char *from), ps_error *why)
{
    char detail[sizeof why->detail];
    const char *call;
    const int fd = ps_uffd_open(needs->features | UFFD_FEATURE_SIGBUS, &call);
    int failed = fd;

    if (fd >= 0) {
        failed = ps_uffd_try(fd, request, needs->request, &call);
        (void)close(fd);
    }
    if (!failed)
        return 0;
    (void)snprintf(detail, sizeof detail, "%s: %s: %s", call, strerror(-failed), ps_uffd_cure(needs, call, -failed));
    return ps_unavailable(why, -failed, detail);
}

#endif
