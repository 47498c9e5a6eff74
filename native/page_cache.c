/* A file in the page cache of a file system, for the memory under test. It has no name, so that the kernel removes it
 * with the last that uses it, however a trial ends. */
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "glibc.h"
#include "memory.h"

#define ELSEWHERE "; set PAGESWAP_HOME, or the host's workdir in hosts.yaml, to a folder on another file system"

static int refuse(ps_error *error, int errnum, const char *folder, const char *what, const char *cure)
{
    char detail[sizeof error->detail];

    (void)snprintf(detail, sizeof detail, "%.40s %s%s", folder, what, cure);
    return ps_unavailable(error, errnum, detail);
}

static int no_file(ps_error *error, int errnum, const char *folder)
{
    char what[72];

    if (errnum == EOPNOTSUPP || errnum == EISDIR)
        return refuse(error, errnum, folder, "has no files without a name (O_TMPFILE)", ELSEWHERE);
    (void)snprintf(what, sizeof what, "takes no new file: %s", strerror(errnum));
    return refuse(error, errnum, folder, what, ELSEWHERE);
}

static int no_space(ps_error *error, int errnum, const char *folder, size_t bytes)
{
    char what[72];

    (void)snprintf(what, sizeof what, "has no %zu MiB for the region: %s", (bytes + (1 << 20) - 1) >> 20,
                   strerror(errnum));
    return refuse(error, errnum, folder, what, "; free some, use a smaller region, or set PAGESWAP_HOME to another");
}

/* All of it has its place on the disk from the beginning: a page that finds none when it is written to ends the trial
 * with SIGBUS. */
int ps_file_make(const char *folder, size_t bytes, int *fd, ps_error *error)
{
    const char *const where = folder ? folder : ".";
    struct statfs system;

    *fd = open(where, O_TMPFILE | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
    if (*fd < 0)
        return no_file(error, errno, where);
    if (fstatfs(*fd, &system) != 0)
        return ps_error_set(error, errno, "fstatfs", "");
    if (system.f_type == TMPFS_MAGIC || system.f_type == RAMFS_MAGIC)
        return refuse(error, ENODEV, where, "is in memory (tmpfs), as 'memfd' is, and on no disk", ELSEWHERE);
    if (fallocate(*fd, 0, 0, (off_t)bytes) != 0)
        return no_space(error, errno, where, bytes);
    return 0;
}
