/* An LD_PRELOAD shim for tests: writes to standard error, in their order, what a trial calls: "file" for one that it
 * opens, "usage" for getrusage, "pinned" for a thread beside the first that has its CPU, which is held up before, and
 * what the method traced_swaps says by access("traced:..."). */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define WAIT_US 300000u
#define MARK "traced:"

static void tell(const char *what)
{
    char line[128];
    const int length = snprintf(line, sizeof line, MARK "%s\n", what);

    (void)!write(STDERR_FILENO, line, (size_t)length);
}

int open(const char *path, int flags, ...)
{
    va_list arguments;

    va_start(arguments, flags);
    const int mode = va_arg(arguments, int);
    va_end(arguments);
    tell("file");
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

FILE *fopen(const char *path, const char *mode)
{
    const int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);

    tell("file");
    return fd < 0 ? NULL : fdopen(fd, mode);
}

int getrusage(__rusage_who_t who, struct rusage *usage)
{
    tell("usage");
    return (int)syscall(SYS_getrusage, who, usage);
}

int sched_setaffinity(pid_t pid, size_t bytes, const cpu_set_t *cpus)
{
    const int is_first = syscall(SYS_gettid) == getpid();

    if (!is_first)
        (void)usleep(WAIT_US);
    const int failed = syscall(SYS_sched_setaffinity, pid, bytes, cpus) < 0;

    if (!is_first)
        tell("pinned");
    return failed ? -1 : 0;
}

int access(const char *path, int mode)
{
    if (strncmp(path, MARK, sizeof MARK - 1) == 0) {
        tell(path + sizeof MARK - 1);
        return 0;
    }
    return (int)syscall(SYS_access, path, mode);
}
