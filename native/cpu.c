/* Where the trial runs: choosing and pinning CPUs, and dying with the agent. */
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>

#include "pageswap.h"

/* Gives each thread a CPU of its own: those asked for, or the last ones allowed, because the first ones serve most
 * interrupts. More threads than CPUs is refused: they would measure the scheduler. */
int ps_cpu_choose(const ps_trial *trial, int32_t *cpus, ps_error *error)
{
    cpu_set_t allowed;
    uint32_t chosen = 0;

    if (trial->cpus) {
        for (; chosen < trial->threads && chosen < trial->cpu_count; chosen++)
            cpus[chosen] = trial->cpus[chosen];
    } else {
        if (sched_getaffinity(0, sizeof allowed, &allowed) != 0)
            return ps_error_set(error, errno, "sched_getaffinity", "");
        for (int cpu = CPU_SETSIZE - 1; cpu >= 0 && chosen < trial->threads; cpu--)
            if (CPU_ISSET(cpu, &allowed))
                cpus[chosen++] = cpu;
    }
    if (chosen < trial->threads) {
        char detail[sizeof error->detail];

        (void)snprintf(detail, sizeof detail, "%u threads need as many CPUs, %u allowed; use fewer threads",
                       trial->threads, chosen);
        return ps_unavailable(error, EINVAL, detail);
    }
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

int ps_die_with_parent(ps_error *error)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
        return ps_error_set(error, errno, "prctl(PR_SET_PDEATHSIG)", "");
    return 0;
}
