/* module_swap: exchanges the page-table entries of both pages by the project's own kernel module, module/pageswap.c.
 *
 * System calls: ioctl(PAGESWAP_EXCHANGE), one a swap; in a batch, which is one call, two entries a swap and one flush
 * of the translations for all. Moves: two page-table entries for each 4 KiB of a slot; the mapping stays whole, and no
 * slot is ever empty. Needs: the module loaded and /dev/page_exchange open to this user, and beside the region as much
 * memory again while it is set up. Not for other memory: the pages are the module's own, laid where the region was. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../page_exchange.h"
#include "../pageswap.h"

static int exchange(const struct ps_region *region, const uint32_t *a, const uint32_t *b, size_t n)
{
    const struct pageswap_exchange asked = {
        .a = (uintptr_t)a,
        .b = (uintptr_t)b,
        .count = (uint32_t)n,
        .pages = (uint32_t)(region->page_bytes / PS_BASE_PAGE),
    };

    return ioctl(*(const int *)region->private, PAGESWAP_EXCHANGE, &asked);
}

static int swap_many(struct ps_region *region, const uint32_t *a, const uint32_t *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (a[i] == b[i])
            continue; /* a call for nothing */
        if (exchange(region, &a[i], &b[i], 1) != 0)
            return ps_fail(region, "ioctl(PAGESWAP_EXCHANGE)");
        ps_touch(region, ps_slot(region, a[i]));
        ps_touch(region, ps_slot(region, b[i]));
    }
    return 0;
}

static int permute(struct ps_region *region, uint32_t *from, const uint32_t *a, const uint32_t *b, size_t n)
{
    const size_t most = PAGESWAP_MOST_ENTRIES / (region->page_bytes / PS_BASE_PAGE);

    (void)from;
    for (size_t i = 0, count; i < n; i += count) {
        count = n - i < most ? n - i : most;
        if (exchange(region, a + i, b + i, count) != 0)
            return ps_fail(region, "ioctl(PAGESWAP_EXCHANGE)");
    }
    for (size_t i = 0; region->touch && i < n; i++) {
        ps_touch(region, ps_slot(region, a[i]));
        ps_touch(region, ps_slot(region, b[i]));
    }
    return 0;
}

/* Lays the module's pages where the region is, in one step, so that nothing else comes there; what the region holds
 * waits in a copy. */
static int lay_pages(struct ps_region *region)
{
    const size_t bytes = region->pages * region->page_bytes;
    void *const copy = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    const int flags = MAP_SHARED | MAP_FIXED;
    int failed = 0;

    if (copy == MAP_FAILED)
        return ps_fail(region, "mmap (copy of the region)");
    memcpy(copy, region->base, bytes);
    if (mmap(region->base, bytes, PROT_READ | PROT_WRITE, flags, *(const int *)region->private, 0) == MAP_FAILED)
        failed = ps_fail(region, "mmap(" PAGESWAP_DEVICE ")");
    else
        memcpy(region->base, copy, bytes);
    (void)munmap(copy, bytes);
    return failed;
}

static int setup(struct ps_region *region)
{
    if (region->page_bytes / PS_BASE_PAGE > PAGESWAP_MOST_ENTRIES)
        return ps_unavailable(region->error, EINVAL,
                              "the module exchanges 4 GiB at most in one step; use a smaller page_size");
    int *const device = malloc(sizeof *device);

    if (!device)
        return ps_error_set(region->error, ENOMEM, "malloc (device)", "");
    region->private = device;
    if ((*device = open(PAGESWAP_DEVICE, O_RDWR | O_CLOEXEC)) < 0)
        return ps_fail(region, "open(" PAGESWAP_DEVICE ")");
    return lay_pages(region);
}

/* The mapping keeps its file, and is taken away with the region. */
static void teardown(struct ps_region *region)
{
    int *const device = region->private;

    if (device && *device >= 0)
        (void)close(*device);
    free(device);
    region->private = NULL;
}

static int cannot_open(int errnum, ps_error *why)
{
    char detail[sizeof why->detail];

    if (errnum == ENOENT || errnum == ENODEV || errnum == ENXIO)
        return ps_unavailable(why, errnum,
                              "the kernel module pageswap is not loaded; 'inv module --build' builds it for this "
                              "kernel, if 5.13 or newer, and says how root loads it (docs/kernel-module.md)");
    if (errnum == EACCES || errnum == EPERM)
        return ps_unavailable(why, errnum,
                              PAGESWAP_DEVICE " is root's; run as root, or as root: chmod 666 " PAGESWAP_DEVICE);
    (void)snprintf(detail, sizeof detail, "opening " PAGESWAP_DEVICE ": %s; load the module pageswap anew",
                   strerror(errnum));
    return ps_unavailable(why, errnum, detail);
}

/* Exchanging nothing tells whether the module speaks this core's words. */
static int probe(ps_error *why)
{
    const struct pageswap_exchange nothing = {.pages = 1};
    const int device = open(PAGESWAP_DEVICE, O_RDWR | O_CLOEXEC);

    if (device < 0)
        return cannot_open(errno, why);
    const int failed = ioctl(device, PAGESWAP_EXCHANGE, &nothing) == 0 ? 0 : errno;

    (void)close(device);
    return failed ? ps_unavailable(why, failed,
                                   "the module pageswap that is loaded is of another version; build it anew with 'inv "
                                   "module --build', and as root remove the old one (rmmod pageswap) and load that")
                  : 0;
}

const struct ps_method ps_method_module_swap = {
    .name = "module_swap",
    .summary = "the project's kernel module exchanges page-table entries: one ioctl a swap, or one a batch",
    .family = PS_REMAP,
    .flags = PS_SMALL_PAGES,
    .scratch = PS_SCRATCH_NONE,
    .memory = PS_KIND(PS_ANON),
    .probe = probe,
    .setup = setup,
    .swap_many = swap_many,
    .permute = permute,
    .teardown = teardown,
};
