/* guest_pte: exchanges the page-table entries of both pages in a virtual machine whose page tables are the program's
 * own.
 *
 * System calls: ioctl(KVM_RUN), one for up to 65,536 pairs. Moves: two page-table entries for each 4 KiB of a slot, or
 * for each 2 MiB where it is made of such; for each swap the translations of both slots are forgotten, in a batch all
 * translations once a call. Needs: /dev/kvm, and a CPU that runs a guest's supervisor code itself. Code inside the
 * guest alone sees pages change places: the process's own mappings stay as they are, and so it is the guest that shows
 * each page when pages are verified. */
#include <stdlib.h>

#include "../guest.h"

/* Where a guest's instructions are emulated, one took 770 to 1,700 ns. The CPU's own are to stay far below that,
 * although of those that are timed one in three forgets a translation. */
#ifndef GUEST_MOST_INSTRUCTION_NS
#define GUEST_MOST_INSTRUCTION_NS 100.0
#endif
#define PROBE_TURNS 256u
#define PROBE_TIMES 4
#define PROBE_NS 20000000u /* after which it is not timed once more */

/* Pairs are handed over in the guest's memory, which is part of the call. */
static int call_guest(struct ps_region *region, enum guest_work work, const uint32_t *a, const uint32_t *b, size_t n)
{
    struct guest *const guest = region->private;
    int failed = 0;

    for (size_t i = 0, count; i < n && !failed; i += count) {
        count = n - i < GUEST_MOST_PAIRS ? n - i : GUEST_MOST_PAIRS;
        memcpy(guest->a, a + i, count * sizeof *a);
        memcpy(guest->b, b + i, count * sizeof *b);
        guest->call->work = work;
        guest->call->count = count;
        failed = guest_run(guest, region->error);
    }
    return failed;
}

static int swap_many(struct ps_region *region, const uint32_t *a, const uint32_t *b, size_t n)
{
    return call_guest(region, GUEST_SWAPS, a, b, n);
}

static int permute(struct ps_region *region, uint32_t *from, const uint32_t *a, const uint32_t *b, size_t n)
{
    (void)from;
    return call_guest(region, GUEST_BATCH, a, b, n);
}

/* KVM gives a guest a page when it is first read there: each is exchanged with itself, and read. */
static int read_every_page(struct ps_region *region)
{
    struct guest *const guest = region->private;
    const uint64_t touch_bytes = guest->call->touch_bytes;
    int failed = 0;

    guest->call->work = GUEST_BATCH;
    guest->call->touch_bytes = PS_BASE_PAGE;
    for (size_t slot = 0; slot < region->pages && !failed; slot += guest->call->count) {
        guest->call->count = region->pages - slot < GUEST_MOST_PAIRS ? region->pages - slot : GUEST_MOST_PAIRS;
        for (size_t i = 0; i < guest->call->count; i++)
            guest->a[i] = guest->b[i] = (uint32_t)(slot + i);
        failed = guest_run(guest, region->error);
    }
    guest->call->touch_bytes = touch_bytes;
    return failed;
}

static int setup(struct ps_region *region)
{
    const uint64_t bytes = region->pages * region->page_bytes;
    const uint64_t touch_bytes = region->touch ? region->touch_bytes : 0;

    if (region->is_read)
        return ps_unavailable(region->error, ENOTSUP,
                              "who reads outside the guest sees no page move; measure it with reads: resting");
    if (bytes > GUEST_MOST_REGION || region->page_bytes > GUEST_MOST_SLOT)
        return ps_unavailable(region->error, EINVAL,
                              "its guest has 32 GiB at most a thread, in slots of 512 MiB at most; use a smaller "
                              "region_size or page_size");
    struct guest *const guest = malloc(sizeof *guest);

    if (!guest)
        return ps_error_set(region->error, ENOMEM, "malloc (guest)", "");
    *guest = guest_none();
    region->private = guest;
    if ((guest->kvm = open(GUEST_DEVICE, O_RDWR | O_CLOEXEC)) < 0)
        return ps_fail(region, "open(" GUEST_DEVICE ")");
    const int failed = guest_make(guest, region->base, bytes, region->page_bytes, touch_bytes, region->error);

    return failed || region->fresh ? failed : read_every_page(region);
}

/* Where the guest cannot show it, no page looks like this. */
static const unsigned char *locate(struct ps_region *region, size_t slot)
{
    struct guest *const guest = region->private;

    memset(guest->seen, 0xff, region->page_bytes);
    guest->call->count = 0;
    guest->call->work = GUEST_SWAPS;
    guest->call->shown = slot;
    (void)guest_run(guest, region->error);
    guest->call->shown = GUEST_NOTHING;
    return guest->seen;
}

static void teardown(struct ps_region *region)
{
    if (region->private)
        guest_end(region->private);
    free(region->private);
    region->private = NULL;
}

static int cannot_open(int errnum, ps_error *why)
{
    char detail[sizeof why->detail];

    if (errnum == ENOENT || errnum == ENODEV || errnum == ENXIO)
        return ps_unavailable(why, errnum,
                              GUEST_DEVICE " is not there: load the modules kvm and kvm_intel or kvm_amd, and in a "
                                           "virtual machine have its host allow nested virtualisation");
    if (errnum == EACCES || errnum == EPERM)
        return ps_unavailable(why, errnum,
                              GUEST_DEVICE " is not open to this user; join its group (kvm), or run as root");
    (void)snprintf(detail, sizeof detail, "opening " GUEST_DEVICE ": %s; choose another method", strerror(errnum));
    return ps_unavailable(why, errnum, detail);
}

/* Whether a guest's supervisor code, of which an instruction takes so long, is run by the CPU. */
static int judge(double instruction_ns, ps_error *why)
{
    char detail[sizeof why->detail];

    if (instruction_ns <= GUEST_MOST_INSTRUCTION_NS)
        return 0;
    (void)snprintf(detail, sizeof detail,
                   "supervisor code of a guest takes %.0f ns an instruction here, over %.0f: it is emulated, and so "
                   "would its times be; use a host whose KVM has the CPU run it (EPT, NPT)",
                   instruction_ns, GUEST_MOST_INSTRUCTION_NS);
    return ps_unavailable(why, ENOTSUP, detail);
}

/* The least of several: whatever else comes in between makes it longer. */
static int time_instruction(struct guest *guest, double *instruction_ns, ps_error *why)
{
    const uint64_t first_ns = ps_now_ns();
    uint64_t least_ns = UINT64_MAX;

    guest->call->work = GUEST_LOOP;
    guest->call->count = PROBE_TURNS;
    for (int i = 0; i < PROBE_TIMES && (i == 0 || ps_now_ns() - first_ns < PROBE_NS); i++) {
        const uint64_t begin_ns = ps_now_ns();
        const int failed = guest_run(guest, why);
        const uint64_t spent_ns = ps_now_ns() - begin_ns;

        if (failed)
            return failed;
        least_ns = spent_ns < least_ns ? spent_ns : least_ns;
    }
    *instruction_ns = (double)least_ns / PROBE_TURNS / GUEST_LOOP_INSTRUCTIONS;
    return 0;
}

static int no_guest(ps_error *why)
{
    char detail[sizeof why->detail];

    (void)snprintf(detail, sizeof detail, "KVM serves no guest here: %s: %.100s; choose another method", why->call,
                   why->detail[0] ? why->detail : strerror(why->errnum));
    return ps_unavailable(why, why->errnum, detail);
}

/* A guest that does not come back is ended with the process that probes. */
static int probe(ps_error *why)
{
    static _Alignas(PS_BASE_PAGE) unsigned char page[PS_BASE_PAGE];
    struct guest guest = guest_none();
    double instruction_ns = 0;

    if ((guest.kvm = open(GUEST_DEVICE, O_RDWR | O_CLOEXEC)) < 0)
        return cannot_open(errno, why);
    int failed = guest_make(&guest, page, sizeof page, sizeof page, 0, why);

    if (!failed)
        failed = time_instruction(&guest, &instruction_ns, why);
    guest_end(&guest);
    return failed ? no_guest(why) : judge(instruction_ns, why);
}

const struct ps_method ps_method_guest_pte = {
    .name = "guest_pte",
    .summary = "a guest under /dev/kvm exchanges entries of page tables of its own: one entry into it for many swaps",
    .family = PS_REMAP,
    .flags = PS_KEEPS_MAPPINGS,
    .scratch = PS_SCRATCH_NONE,
    .memory = PS_KIND(PS_ANON),
    .probe = probe,
    .setup = setup,
    .swap_many = swap_many,
    .permute = permute,
    .locate = locate,
    .teardown = teardown,
};
