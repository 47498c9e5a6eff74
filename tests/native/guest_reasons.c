/* What guest_pte says where it cannot be used, for reasons that no test can bring about here. */
#include "../../native/methods/guest_pte.c"

#include "../../native/clock.c"
#include "../../native/error.c"

static ps_error why;

const char *not_opened(int errnum);
const char *judged(double instruction_ns);
const char *died(unsigned reason);
const char *not_made(const char *device);
double native_instruction_ns(void);

const char *not_opened(int errnum)
{
    return cannot_open(errnum, &why) == -errnum ? why.detail : "";
}

const char *judged(double instruction_ns)
{
    why = (ps_error){0};
    return judge(instruction_ns, &why) == 0 ? "" : why.detail;
}

const char *died(unsigned reason)
{
    struct kvm_run run = {.exit_reason = reason};
    const struct guest guest = {.run = &run};

    return guest_died(&guest, &why) == -EIO && no_guest(&why) == -EIO ? why.detail : "";
}

/* Of a device that is no KVM. */
const char *not_made(const char *device)
{
    static _Alignas(PS_BASE_PAGE) unsigned char page[PS_BASE_PAGE];
    struct guest guest = guest_none();

    guest.kvm = open(device, O_RDWR | O_CLOEXEC);
    const int failed = guest_make(&guest, page, sizeof page, sizeof page, 0, &why);

    guest_end(&guest);
    return failed && no_guest(&why) ? why.detail : "";
}

/* As the probe's loop, by this CPU itself, whose page tables no program may change. */
double native_instruction_ns(void)
{
    uint64_t least_ns = UINT64_MAX;

    for (int i = 0; i < PROBE_TIMES; i++) {
        const uint64_t begin_ns = ps_now_ns();
        uint64_t turns = PROBE_TURNS;

        __asm__ volatile("1: clflush (%1)\n\tdec %0\n\tjnz 1b" : "+r"(turns) : "r"(&why) : "cc", "memory");
        least_ns = ps_now_ns() - begin_ns < least_ns ? ps_now_ns() - begin_ns : least_ns;
    }
    return (double)least_ns / PROBE_TURNS / GUEST_LOOP_INSTRUCTIONS;
}
