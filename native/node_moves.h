/* move_pages(2) of many pages with few calls: what the method of that name does, and what brings pages back to their
 * node between the rounds of `migrate`. */
#ifndef PAGESWAP_NODE_MOVES_H
#define PAGESWAP_NODE_MOVES_H

#include <sys/syscall.h>
#include <unistd.h>

#include "pageswap.h"

#define PS_MOVES_A_CALL ((size_t)16384) /* a call first lets every CPU hand over its pages, which takes its time */
#define PS_MOVES_STALLED 16u            /* calls after which no page more is there */
#define PS_MOVE_OWN 2                   /* MPOL_MF_MOVE: pages that no other process maps */

struct ps_node_moves {
    void *pages[PS_MOVES_A_CALL];
    int nodes[PS_MOVES_A_CALL];
    int status[PS_MOVES_A_CALL];
    size_t count;
    uint64_t retries; /* calls for pages that one before it had left where they were */
};

/* The kernel says of each page where it is or why it was not moved. One that somebody has in his hands for the moment
 * it leaves alone (EBUSY), and one that it is moving itself, or asks about by a fault to balance its nodes (Linux 6.1
 * to 6.4), it takes for absent (ENOENT). Returns 0 or a negative errno. */
static inline int ps_node_moves_send(struct ps_node_moves *moves, unsigned node, const char **call)
{
    unsigned stalled = 0;

    while (moves->count > 0) {
        size_t left = 0;
        int last = 0;

        for (size_t i = 0; i < moves->count; i++)
            moves->status[i] = -EAGAIN; /* it may end before it comes to a page */
        *call = "move_pages";
        if (syscall(SYS_move_pages, 0, moves->count, moves->pages, moves->nodes, moves->status, PS_MOVE_OWN) < 0)
            return -errno;
        *call = "move_pages (of one page)";
        for (size_t i = 0; i < moves->count; i++) {
            const int status = moves->status[i];

            if (status == (int)node)
                continue;
            if (status == -ENOENT) /* the kernel has it in its hands, for who reads it waits */
                (void)*(const volatile unsigned char *)moves->pages[i];
            else if (status < 0 && status != -EAGAIN && status != -EBUSY)
                return status;
            last = status;
            moves->pages[left++] = moves->pages[i];
        }
        stalled = left < moves->count ? 0 : stalled + 1;
        if (stalled >= PS_MOVES_STALLED)
            return last < 0 ? last : -EBUSY;
        moves->retries += left > 0;
        moves->count = left;
    }
    return 0;
}

/* One address for each page of the kernel's, of `step` bytes: huge ones move whole. */
static inline int ps_node_moves_run(struct ps_node_moves *moves, const struct iovec *runs, size_t n, size_t step,
                                    unsigned node, const char **call)
{
    int failed = 0;

    for (size_t i = 0; i < n && !failed; i++)
        for (size_t offset = 0; offset < runs[i].iov_len && !failed; offset += step) {
            moves->pages[moves->count] = (unsigned char *)runs[i].iov_base + offset;
            moves->nodes[moves->count++] = (int)node;
            if (moves->count == PS_MOVES_A_CALL)
                failed = ps_node_moves_send(moves, node, call);
        }
    return failed ? failed : ps_node_moves_send(moves, node, call);
}

#endif
