/* An LD_PRELOAD shim for tests: lets every FAULTY_EVERY-th call of one kind, from the FAULTY_FROM-th on, fail or fall
 * short, and says at exit how many did. FAULTY_CALL: move (UFFDIO_MOVE), copy (UFFDIO_COPY), mremap, advise
 * (process_madvise), madvise (that takes memory), mmap (with MAP_FIXED), userfaultfd, register (UFFDIO_REGISTER), ldt
 * (writes of modify_ldt), nodes (move_pages that asks) or migrate (move_pages that moves: there seem to be two nodes
 * then, and moves between them to be done). FAULTY_HOW: an errno's number; short (a part moves, then EAGAIN; the first
 * range alone is advised); part (4 KiB of it are); ignore (nothing happens, success is claimed);
 * unnoticed (a page moves, then EEXIST, as in Linux 6.18); two (every other page of a call is said to lie on node 1);
 * turns (every other page of memory is); busy, absent, denied, claimed (of the pages to move the first is left where it
 * is, as EBUSY, ENOENT, EACCES, or with success claimed); ended (the call comes no further than the first); along (the
 * page after the last one goes along). */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define PROCESS_MADVISE 440
#define MOVE_IOCTL 0xc028aa05u
#define COPY_IOCTL 0xc028aa03u
#define REGISTER_IOCTL 0xc020aa00u
#define PAGE 4096u
#define DONTWAKE 1u

/* UFFDIO_COPY's is the same. */
struct move_request {
    uint64_t to, from, bytes, mode;
    int64_t moved;
};

static unsigned long calls, faults;

static int is_faulty(const char *kind)
{
    const char *const wanted = getenv("FAULTY_CALL");
    const char *const every = getenv("FAULTY_EVERY");
    const char *const from = getenv("FAULTY_FROM");

    if (!wanted || strcmp(wanted, kind) != 0)
        return 0;
    calls++;
    if (calls < (from ? strtoul(from, NULL, 10) : 1) || calls % (every ? strtoul(every, NULL, 10) : 1) != 0)
        return 0;
    faults++;
    return 1;
}

static int fails_with(void)
{
    return (int)strtol(getenv("FAULTY_HOW"), NULL, 10);
}

__attribute__((destructor)) static void tell(void)
{
    if (calls)
        (void)fprintf(stderr, "faults=%lu of %lu\n", faults, calls);
}

int ioctl(int fd, unsigned long request, ...)
{
    va_list arguments;

    va_start(arguments, request);
    struct move_request *const move = va_arg(arguments, void *);
    va_end(arguments);
    if (((uint32_t)request == MOVE_IOCTL && is_faulty("move")) ||
        ((uint32_t)request == COPY_IOCTL && is_faulty("copy"))) {
        if (strcmp(getenv("FAULTY_HOW"), "unnoticed") == 0) {
            move->bytes = PAGE;
            move->mode |= DONTWAKE; /* the kernel, too, wakes nobody when it says that nothing came */
            if (syscall(SYS_ioctl, fd, request, move) != 0)
                return -1;
            move->moved = -EEXIST;
            errno = EEXIST;
            return -1;
        }
        if (strcmp(getenv("FAULTY_HOW"), "short") != 0) {
            move->moved = -fails_with();
            errno = fails_with();
            return -1;
        }
        if (move->bytes > PAGE) {
            const uint64_t bytes = move->bytes;

            move->bytes = bytes / 2 / PAGE * PAGE;
            const int failed = (int)syscall(SYS_ioctl, fd, request, move);

            move->bytes = bytes;
            errno = failed ? errno : EAGAIN;
            return -1;
        }
    }
    if ((uint32_t)request == REGISTER_IOCTL && is_faulty("register")) {
        errno = fails_with();
        return -1;
    }
    return (int)syscall(SYS_ioctl, fd, request, move);
}

int madvise(void *begin, size_t bytes, int advice)
{
    if ((advice == MADV_DONTNEED || advice == MADV_REMOVE) && is_faulty("madvise")) {
        errno = fails_with();
        return -1;
    }
    return (int)syscall(SYS_madvise, begin, bytes, advice);
}

void *mmap(void *begin, size_t bytes, int access, int flags, int fd, off_t offset)
{
    if ((flags & MAP_FIXED) && is_faulty("mmap")) {
        errno = fails_with();
        return MAP_FAILED;
    }
    return (void *)syscall(SYS_mmap, begin, bytes, access, flags, fd, offset);
}

void *mremap(void *old, size_t old_bytes, size_t new_bytes, int flags, ...)
{
    va_list arguments;

    va_start(arguments, flags);
    void *const to = va_arg(arguments, void *);
    va_end(arguments);
    if ((flags & MREMAP_FIXED) && is_faulty("mremap")) {
        errno = fails_with();
        return MAP_FAILED;
    }
    return (void *)syscall(SYS_mremap, old, old_bytes, new_bytes, flags, to);
}

static long bytes_of(const struct iovec *ranges, long count)
{
    size_t bytes = 0;

    for (long i = 0; i < count; i++)
        bytes += ranges[i].iov_len;
    return (long)bytes;
}

#define NODES_ALLOWED 4
#define PLACES 65536
static unsigned char node_of[PLACES]; /* by the low bits of a page's number, as where all seem to be at first: 0 */

static unsigned char *seeming(long page)
{
    return &node_of[(unsigned long)page / PAGE % PLACES];
}

/* A kernel with two nodes, for who asks where pages are and for who moves them there. */
static long move_seemingly(long count, const long *pages, const int *nodes, int *status)
{
    const char *const how = nodes && is_faulty("migrate") ? getenv("FAULTY_HOW") : "";

    for (long i = 0; i < count; i++) {
        if (nodes && strcmp(how, "ended") == 0 && i > 0)
            return count - i;
        const int left = strcmp(how, "busy") == 0     ? -EBUSY
                         : strcmp(how, "denied") == 0 ? -EACCES
                         : strcmp(how, "absent") == 0 ? -ENOENT
                                                      : 0;
        const int is_left = i == 0 && left;

        if (nodes && !is_left && (i > 0 || strcmp(how, "claimed") != 0))
            *seeming(pages[i]) = (unsigned char)nodes[i];
        if (nodes && i == count - 1 && strcmp(how, "along") == 0)
            *seeming(pages[i] + PAGE) = (unsigned char)nodes[i];
        status[i] = is_left ? left : nodes ? nodes[i] : *seeming(pages[i]);
    }
    return 0;
}

static int has_two_nodes(void)
{
    const char *const wanted = getenv("FAULTY_CALL");

    return wanted && strcmp(wanted, "migrate") == 0;
}

long syscall(long number, ...)
{
    static long (*real)(long, ...);
    va_list arguments;
    long a[6];

    va_start(arguments, number);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(arguments, long);
    va_end(arguments);
    if (!real)
        real = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
    if (number == SYS_modify_ldt && a[0] != 0 && is_faulty("ldt")) {
        if (strcmp(getenv("FAULTY_HOW"), "ignore") == 0)
            return 0;
        return (long)(uint32_t)-fails_with(); /* as the kernel returns it: an int that was not widened */
    }
    if (number == SYS_userfaultfd && is_faulty("userfaultfd")) {
        errno = fails_with();
        return -1;
    }
    if (number == PROCESS_MADVISE && is_faulty("advise")) {
        const struct iovec *const first = (const struct iovec *)a[1];
        const struct iovec part = {.iov_base = first->iov_base, .iov_len = PAGE};

        if (strcmp(getenv("FAULTY_HOW"), "short") == 0)
            return real(number, a[0], a[1], 1L, a[3], a[4]);
        if (strcmp(getenv("FAULTY_HOW"), "part") == 0)
            return real(number, a[0], &part, 1L, a[3], a[4]);
        if (strcmp(getenv("FAULTY_HOW"), "ignore") == 0)
            return bytes_of(first, a[2]);
        errno = fails_with();
        return -1;
    }
    if (number == SYS_get_mempolicy && has_two_nodes() && a[4] == NODES_ALLOWED) {
        *(unsigned long *)a[1] = 3;
        return 0;
    }
    if (number == SYS_mbind && has_two_nodes())
        return 0;
    if (number == SYS_move_pages && has_two_nodes())
        return move_seemingly(a[1], (const long *)a[2], (const int *)a[3], (int *)a[4]);
    if (number == SYS_move_pages && is_faulty("nodes")) {
        const int by_place = strcmp(getenv("FAULTY_HOW"), "turns") == 0;

        if (!by_place && strcmp(getenv("FAULTY_HOW"), "two") != 0) {
            errno = fails_with();
            return -1;
        }
        for (long i = 0; i < a[1]; i++)
            ((int *)a[4])[i] = (int)((by_place ? ((const uintptr_t *)a[2])[i] / PAGE : (uintptr_t)i) % 2);
        return 0;
    }
    return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
