/* Where the trial runs: pinning to one CPU, and dying with the agent. */
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>

#include "pageswap.h"

/* Takes `wanted`, or the last allowed CPU: the first ones serve most interrupts. */
int ps_cpu_pin(int wanted, int32_t *pinned, ps_error *error)
{
    cpu_set_t allowed, one;

    if (wanted < 0) {
        if (sched_getaffinity(0, sizeof allowed, &allowed) != 0)
            return ps_error_set(error, errno, "sched_getaffinity", "");
        for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
            if (CPU_ISSET(cpu, &allowed))
                wanted = cpu;
    }
    if (wanted < 0 || wanted >= CPU_SETSIZE)
        return ps_error_set(error, EINVAL, "sched_setaffinity", "");
    CPU_ZERO(&one);
    CPU_SET(wanted, &one);
    if (sched_setaffinity(0, sizeof one, &one) != 0)
        return ps_error_set(error, errno, "sched_setaffinity", "");
    *pinned = wanted;
    return 0;
}

int ps_die_with_parent(ps_error *error)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
        return ps_error_set(error, errno, "prctl(PR_SET_PDEATHSIG)", "");
    return 0;
}
