/* The processor's own counters, through perf_event_open, for all threads of the trial and inside the rounds only.
 * Where the host, the hypervisor or its policy has none, the counter is PS_UNSUPPORTED. */
#include <linux/perf_event.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "counters.h"

/* Loads of the data TLB that missed it, as the kernel names the event on every processor. */
#define DTLB_LOAD_MISSES \
    (PERF_COUNT_HW_CACHE_DTLB | PERF_COUNT_HW_CACHE_OP_READ << 8 | PERF_COUNT_HW_CACHE_RESULT_MISS << 16)

/* DTLB_LOAD_MISSES.WALK_ACTIVE (event 08, umask 10, cmask 1) of Intel cores from Skylake to Ice Lake; Intel 64 SDM
 * volume 3, "Performance Monitoring Events". Elsewhere the event means something else and is not asked for. */
#define INTEL_WALK_ACTIVE 0x01001008u

static int intel_walks_known(void)
{
    unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;

    __asm__("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
    if (ebx != 0x756e6547u) /* "Genu" of GenuineIntel */
        return 0;
    eax = 1;
    ecx = 0;
    __asm__("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
    const unsigned model = (eax >> 4 & 15) | (eax >> 12 & 0xf0);
    static const unsigned known[] = {0x4e, 0x5e, 0x55, 0x8e, 0x9e, 0x7d, 0x7e, 0x6a, 0x6c};

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if ((eax >> 8 & 15) == 6 && model == known[i])
            return 1;
    return 0;
}

static int open_event(uint32_t type, uint64_t config)
{
    struct perf_event_attr attr;

    memset(&attr, 0, sizeof attr);
    attr.size = sizeof attr;
    attr.type = type;
    attr.config = config;
    attr.disabled = 1;
    attr.inherit = 1; /* the other threads of the trial, which start later */
    attr.exclude_hv = 1;
    return (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

void ps_perf_open(struct ps_perf *perf)
{
    perf->fd[0] = open_event(PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES);
    perf->fd[1] = open_event(PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS);
    perf->fd[2] = open_event(PERF_TYPE_HW_CACHE, DTLB_LOAD_MISSES);
    perf->fd[3] = intel_walks_known() ? open_event(PERF_TYPE_RAW, INTEL_WALK_ACTIVE) : -1;
}

void ps_perf_switch(const struct ps_perf *perf, int on)
{
    for (int i = 0; i < PS_PERF_EVENTS; i++)
        if (perf->fd[i] >= 0)
            (void)ioctl(perf->fd[i], on ? PERF_EVENT_IOC_ENABLE : PERF_EVENT_IOC_DISABLE, 0);
}

void ps_perf_close(struct ps_perf *perf, uint64_t *counters)
{
    static const enum ps_counter where[PS_PERF_EVENTS] = {PS_COUNTER_cycles, PS_COUNTER_instructions,
                                                          PS_COUNTER_dtlb_misses, PS_COUNTER_page_walk_cycles};

    for (int i = 0; i < PS_PERF_EVENTS; i++) {
        uint64_t count;

        if (perf->fd[i] < 0)
            continue;
        if (read(perf->fd[i], &count, sizeof count) == (ssize_t)sizeof count)
            counters[where[i]] = count;
        (void)close(perf->fd[i]);
        perf->fd[i] = -1;
    }
}
