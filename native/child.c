/* A trial's own process. It is forked here and runs nothing but the core, so that no interpreter's memory is copied
 * page by page as it is touched; what it measured it leaves in memory that it shares with its parent. */
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "pageswap.h"

#define STANDARD_DESCRIPTORS 3

/* Headers that this is built with may be older than the call (Linux 5.9). */
#ifndef SYS_close_range
#define SYS_close_range 436
#endif

static int die_with(int32_t parent, ps_error *error)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
        return ps_error_set(error, errno, "prctl(PR_SET_PDEATHSIG)", "");
    if (getppid() != parent) /* It died before the line above: nothing would ever kill this process. */
        return ps_error_set(error, ESRCH, "getppid", "the parent has died");
    return 0;
}

/* What the parent catches or ignores means nothing here. */
static void forget_signals(void)
{
    struct sigaction meaning;
    sigset_t none;

    memset(&meaning, 0, sizeof meaning);
    meaning.sa_handler = SIG_DFL;
    for (int number = 1; number < NSIG; number++)
        (void)sigaction(number, &meaning, NULL); /* refused for those that cannot be caught */
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* The parent's locks and files must not outlive it in a child. */
static int close_descriptors(ps_error *error)
{
    if (syscall(SYS_close_range, STANDARD_DESCRIPTORS, ~0u, 0) == 0)
        return 0;
    DIR *const listing = opendir("/proc/self/fd");
    const struct dirent *entry;

    if (!listing)
        return ps_error_set(error, errno, "open /proc/self/fd", "");
    while ((entry = readdir(listing)) != NULL) {
        const int descriptor = (int)strtol(entry->d_name, NULL, 10); /* 0 for "." and ".." */

        if (descriptor >= STANDARD_DESCRIPTORS && descriptor != dirfd(listing))
            (void)close(descriptor);
    }
    (void)closedir(listing);
    return 0;
}

/* Gives 0 or a positive errno. */
static int write_text(const char *path, const char *text)
{
    const int descriptor = open(path, O_WRONLY | O_CLOEXEC);

    if (descriptor < 0)
        return errno;
    const int failed = write(descriptor, text, strlen(text)) < 0 ? errno : 0;

    (void)close(descriptor);
    return failed;
}

static int allow_cpus(const ps_conditions *conditions, ps_error *error)
{
    cpu_set_t allowed;

    CPU_ZERO(&allowed);
    for (uint32_t i = 0; i < conditions->cpu_count; i++)
        if (conditions->cpus[i] >= 0 && conditions->cpus[i] < CPU_SETSIZE)
            CPU_SET(conditions->cpus[i], &allowed);
    return sched_setaffinity(0, sizeof allowed, &allowed) == 0 ? 0
                                                               : ps_error_set(error, errno, "sched_setaffinity", "");
}

static int bound_addresses(uint64_t bytes, ps_error *error)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_AS, &limit) != 0)
        return ps_error_set(error, errno, "getrlimit(RLIMIT_AS)", "");
    limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
    return setrlimit(RLIMIT_AS, &limit) == 0 ? 0 : ps_error_set(error, errno, "setrlimit(RLIMIT_AS)", "");
}

int ps_enter_child(const ps_conditions *conditions, int32_t parent, ps_error *error)
{
    int failed;

    memset(error, 0, sizeof *error);
    if ((failed = die_with(parent, error)) != 0)
        return failed;
    if (setpgid(0, 0) != 0)
        return ps_error_set(error, errno, "setpgid", "");
    forget_signals();
    if ((failed = close_descriptors(error)) != 0)
        return failed;
    /* The OOM killer shall take this process rather than its parent or anything of the host's. */
    (void)write_text("/proc/self/oom_score_adj", "1000");
    if ((conditions->cpu_count && (failed = allow_cpus(conditions, error)) != 0) ||
        (conditions->address_bytes && (failed = bound_addresses(conditions->address_bytes, error)) != 0))
        return failed;
    if (conditions->group && (failed = write_text(conditions->group, "0")) != 0)
        return ps_error_set(error, failed, "write cgroup.procs", "");
    return 0;
}

static void live(const ps_trial *trial, const ps_conditions *conditions, int32_t parent, ps_outcome *outcome)
{
    int failed = ps_enter_child(conditions, parent, &outcome->error);

    if (!failed)
        failed = ps_run_trial(trial, &outcome->result, outcome->rounds_ns, &outcome->error);
    /* Last, so that a child that is killed before has left nothing. */
    __atomic_store_n(&outcome->state, failed ? PS_TRIAL_FAILED : PS_TRIAL_MEASURED, __ATOMIC_RELEASE);
    _exit(0);
}

int ps_start_trial(const ps_trial *trial, const ps_conditions *conditions, ps_outcome *outcome, int32_t *pid,
                   ps_error *error)
{
    const pid_t parent = getpid();
    sigset_t every, former;

    /* A signal that arrives before the child has forgotten its parent's handlers would run them. */
    (void)sigfillset(&every);
    (void)sigprocmask(SIG_BLOCK, &every, &former);
    outcome->state = PS_TRIAL_UNFINISHED;
    const pid_t child = fork();

    if (child == 0)
        live(trial, conditions, parent, outcome);
    const int failed = child < 0 ? errno : 0;

    (void)sigprocmask(SIG_SETMASK, &former, NULL);
    if (failed)
        return ps_error_set(error, failed, "fork", "");
    *pid = child;
    return 0;
}
