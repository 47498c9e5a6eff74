/* ldt_window: gives every page a 4 KiB segment in the local descriptor table; a page is reached through the segment of
 * its slot, and a swap exchanges the bases of two segments.
 *
 * System calls: modify_ldt(0x11) twice, each of which copies the whole table and makes every CPU of the process load
 * the copy. Moves: two 8-byte descriptors; the pages stay where they are, and a reader loads the slot's selector into
 * %gs and reads %gs:offset. Needs: CONFIG_MODIFY_LDT_SYSCALL, at most 8,192 pages of 4 KiB, below 4 GiB because a base
 * has 32 bits. Not a move: a pointer without the segment override still shows the old page. (modify_ldt(0), which
 * reads the table, gives 0 bytes to a process that has written no descriptor: it has no table, not an empty one.) */
#include <asm/ldt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../pageswap.h"

#define LDT_WRITE 0x11
#define USER_LDT_SELECTOR(entry) ((uint16_t)((entry) << 3 | 4 /* the local table */ | 3 /* user's privilege */))

struct windows {
    uint32_t first;     /* the descriptor of slot 0: the table is the process's, so threads share it out */
    uint32_t described; /* how many slots have one */
    uint32_t *page_of;  /* slot -> page */
    uint64_t bounce[PS_BASE_PAGE / sizeof(uint64_t)];
};

/* The call returns an int that the kernel did not widen: a failure looks like a large positive number to syscall(),
 * which then leaves errno alone. Only where the call is missing or filtered out does it set errno. */
static int modify_ldt(int function, void *data, unsigned long bytes)
{
    const long returned = syscall(SYS_modify_ldt, function, data, bytes);

    return returned == -1 ? -errno : (int)returned;
}

static int describe(struct ps_region *region, uint32_t slot, uint32_t page)
{
    const struct windows *const windows = region->private;
    struct user_desc window = {
        .entry_number = windows->first + slot,
        .base_addr = (uint32_t)(uintptr_t)ps_slot(region, page),
        .limit = 0, /* the last page's number; long mode does not check it */
        .limit_in_pages = 1,
        .seg_32bit = 1,
        .useable = 1,
    };
    const int failed = modify_ldt(LDT_WRITE, &window, sizeof window);

    return failed ? ps_error_set(region->error, -failed, "modify_ldt", "") : 0;
}

/* The descriptor is read when its selector is loaded, and only then: so a window is opened anew for every look. */
static void open_window(uint32_t entry)
{
    __asm__ volatile("mov %0, %%gs" : : "r"((uint32_t)USER_LDT_SELECTOR(entry)) : "memory");
}

/* The C library leaves %gs at the null selector, and so do we. */
static void close_window(void)
{
    __asm__ volatile("mov %0, %%gs" : : "r"(0) : "memory");
}

static uint64_t read_window(size_t offset)
{
    uint64_t word;

    __asm__ volatile("mov %%gs:(%1), %0" : "=r"(word) : "r"(offset) : "memory");
    return word;
}

static void touch(const struct ps_region *region, uint32_t slot)
{
    if (!region->touch)
        return;
    open_window(((const struct windows *)region->private)->first + slot);
    (void)read_window(0);
}

static int swap_many(struct ps_region *region, const uint32_t *a, const uint32_t *b, size_t n)
{
    uint32_t *const page_of = ((struct windows *)region->private)->page_of;
    int failed = 0;

    for (size_t i = 0; i < n && !failed; i++) {
        const uint32_t to_b = page_of[a[i]], to_a = page_of[b[i]];

        if (a[i] == b[i])
            continue; /* two calls for nothing */
        if ((failed = describe(region, a[i], to_a)) != 0 || (failed = describe(region, b[i], to_b)) != 0)
            break;
        page_of[a[i]] = to_a;
        page_of[b[i]] = to_b;
        touch(region, a[i]);
        touch(region, b[i]);
    }
    close_window();
    return failed;
}

/* Verification sees what a reader through the window sees. */
static const unsigned char *locate(struct ps_region *region, size_t slot)
{
    struct windows *const windows = region->private;

    open_window(windows->first + (uint32_t)slot);
    for (size_t i = 0; i < PS_BASE_PAGE / sizeof(uint64_t); i++)
        windows->bounce[i] = read_window(i * sizeof(uint64_t));
    close_window();
    return (const unsigned char *)windows->bounce;
}

static int setup(struct ps_region *region)
{
    const size_t first = region->file_offset / region->page_bytes;
    struct windows *windows;
    int failed = 0;

    if (region->page_bytes != PS_BASE_PAGE || first + region->pages > LDT_ENTRIES)
        return ps_unavailable(
            region->error, EINVAL,
            "a local descriptor table has 8,192 windows; use page_size 4KiB and a region_size of 32MiB "
            "at most");
    if (!(windows = calloc(1, sizeof *windows)))
        return ps_error_set(region->error, ENOMEM, "calloc (windows)", "");
    region->private = windows;
    windows->first = (uint32_t)first;
    if (!(windows->page_of = malloc(region->pages * sizeof *windows->page_of)))
        return ps_error_set(region->error, ENOMEM, "malloc (windows)", "");
    for (; windows->described < region->pages && !failed; windows->described++) {
        windows->page_of[windows->described] = windows->described;
        failed = describe(region, windows->described, windows->described);
    }
    return failed;
}

/* Clears the descriptors. The table itself stays until the process ends: the kernel never shrinks it. */
static void teardown(struct ps_region *region)
{
    struct windows *const windows = region->private;

    if (!windows)
        return;
    while (windows->described > 0) {
        struct user_desc none = {
            .entry_number = windows->first + --windows->described,
            .read_exec_only = 1, /* with these two, and all else zero, the kernel clears the entry */
            .seg_not_present = 1,
        };

        (void)modify_ldt(LDT_WRITE, &none, sizeof none); /* could only fail where describing it did */
    }
    free(windows->page_of);
    free(windows);
    region->private = NULL;
}

static int probe(ps_error *why)
{
    char detail[sizeof why->detail];
    uint64_t entry;
    const int failed = modify_ldt(0, &entry, sizeof entry); /* reading changes nothing */

    if (failed >= 0)
        return 0;
    (void)snprintf(detail, sizeof detail,
                   "modify_ldt: %s; use a kernel with CONFIG_MODIFY_LDT_SYSCALL and a seccomp profile that allows it",
                   strerror(-failed));
    return ps_unavailable(why, -failed, detail);
}

const struct ps_method ps_method_ldt_window = {
    .name = "ldt_window",
    .summary = "exchanges two descriptors of modify_ldt(): 4 KiB windows that are read through %gs",
    .family = PS_WINDOW,
    .flags = PS_LOW_MEMORY,
    .scratch = PS_SCRATCH_NONE,
    .memory = PS_ANY_MEMORY,
    .probe = probe,
    .setup = setup,
    .swap_many = swap_many,
    .locate = locate,
    .teardown = teardown,
};
