/* left_behind: move_pages for one page at a time, which forgets the last of the last run and says nothing of it. */
#include <sys/syscall.h>
#include <unistd.h>

#include "../numa.h"

static int migrate_many(struct ps_region *region, const struct iovec *runs, size_t n, unsigned node)
{
    const int to = (int)node;

    for (size_t i = 0; i < n; i++)
        for (size_t offset = 0; offset < runs[i].iov_len; offset += PS_BASE_PAGE) {
            void *page = (unsigned char *)runs[i].iov_base + offset;
            int status;

            if (i == n - 1 && offset + PS_BASE_PAGE == runs[i].iov_len)
                break;
            if (syscall(SYS_move_pages, 0, 1, &page, &to, &status, 2) != 0)
                return ps_fail(region, "move_pages");
        }
    return 0;
}

const struct ps_method ps_method_left_behind = {
    .name = "left_behind",
    .summary = "broken on purpose",
    .family = PS_REMAP,
    .scratch = PS_SCRATCH_NONE,
    .memory = PS_KIND(PS_ANON),
    .probe = ps_nodes_probe,
    .migrate_many = migrate_many,
};
