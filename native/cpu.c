/* Where the trial runs: choosing and pinning CPUs. */
#include <sched.h>
#include <stdio.h>

#include "pageswap.h"

/* Lists the CPUs that the trial may use: those asked for, or all allowed ones, the last first, because the first ones
 * serve most interrupts. The first `threads` of them are the threads'; more threads than CPUs is refused: they would
 * measure the scheduler, and so would busy neighbours without a CPU. `cpus` has room for PS_MAX_CPUS. */
int ps_cpu_choose(const ps_trial *trial, int32_t *cpus, uint32_t *count, ps_error *error)
{
    cpu_set_t allowed;

    *count = 0;
    if (trial->cpus) {
        for (; *count < PS_MAX_CPUS && *count < trial->cpu_count; ++*count)
            cpus[*count] = trial->cpus[*count];
    } else {
        if (sched_getaffinity(0, sizeof allowed, &allowed) != 0)
            return ps_error_set(error, errno, "sched_getaffinity", "");
        for (int cpu = CPU_SETSIZE - 1; cpu >= 0 && *count < PS_MAX_CPUS; cpu--)
            if (CPU_ISSET(cpu, &allowed))
                cpus[(*count)++] = cpu;
    }
    if (*count < trial->threads) {
        char detail[sizeof error->detail];

        (void)snprintf(detail, sizeof detail, "%u threads need as many CPUs, %u allowed; use fewer threads",
                       trial->threads, *count);
        return ps_unavailable(error, EINVAL, detail);
    }
    if (*count == trial->threads && ps_word_find("neighbours", trial->neighbours))
        return ps_unavailable(error, EINVAL,
                              "no CPU is left for a busy neighbour; allow more CPUs or use fewer threads");
    return 0;
}

int ps_cpu_pin(int32_t cpu, ps_error *error)
{
    cpu_set_t one;

    if (cpu < 0 || cpu >= CPU_SETSIZE)
        return ps_error_set(error, EINVAL, "sched_setaffinity", "no such CPU");
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    return sched_setaffinity(0, sizeof one, &one) == 0 ? 0 : ps_error_set(error, errno, "sched_setaffinity", "");
}
