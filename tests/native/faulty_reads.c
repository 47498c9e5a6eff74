/* An LD_PRELOAD shim for tests: process_vm_readv() as FAULTY_READ says: "short" reads 1000 bytes at most, "nothing"
 * reads none once it was asked for more than a word, a number fails with that errno. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define MOST 1000u

ssize_t process_vm_readv(pid_t pid, const struct iovec *local, unsigned long local_count, const struct iovec *remote,
                         unsigned long remote_count, unsigned long flags)
{
    const char *const how = getenv("FAULTY_READ");
    struct iovec part = *local;

    if (strcmp(how, "short") == 0)
        part.iov_len = part.iov_len < MOST ? part.iov_len : MOST;
    else if (strcmp(how, "nothing") != 0) {
        errno = atoi(how);
        return -1;
    } else if (part.iov_len > sizeof(long))
        return 0;
    return syscall(SYS_process_vm_readv, pid, &part, local_count, remote, remote_count, flags);
}
