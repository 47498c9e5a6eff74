/* What the kernel module of module/ and its users say to each other; both include it. As the rest of the core it is
 * under the MIT licence. */
#ifndef PAGESWAP_PAGE_EXCHANGE_H
#define PAGESWAP_PAGE_EXCHANGE_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define PAGESWAP_DEVICE "/dev/page_exchange"
#define PAGESWAP_MOST_ENTRIES (1u << 20) /* that one call exchanges */

/* Slots of `pages` neighbouring pages of the mapping: what is in a[i] and b[i] is exchanged for i = 0 .. count-1, in
 * this order. All of it is done, or the call fails and nothing is. */
struct pageswap_exchange {
    __u64 a, b;  /* addresses of `count` slots each, which are 32-bit numbers */
    __u32 count; /* may be 0 */
    __u32 pages; /* a slot: 1 or more */
};

#define PAGESWAP_EXCHANGE _IOW('p', 0xe5, struct pageswap_exchange)

#endif
