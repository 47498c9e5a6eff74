/* Processes of their own, for a trial and for the probe of a method. They are forked here and run nothing but the core,
 * so that no interpreter's memory is copied page by page as it is touched; what they found they leave in memory that
 * they share with their parent. */
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "glibc.h"
#include "pageswap.h"

#define STANDARD_DESCRIPTORS 3
#define PROBE_SECONDS 10

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

/* What the parent catches or ignores means nothing here. But a file that would grow beyond RLIMIT_FSIZE is an error to
 * be told (EFBIG), not the process's end. And who ends a session or a batch job sends SIGTERM to all of it: what
 * becomes of this process then is its parent's to say, who ends it by SIGKILL. */
static void forget_signals(void)
{
    struct sigaction meaning;
    sigset_t none;

    memset(&meaning, 0, sizeof meaning);
    meaning.sa_handler = SIG_DFL;
    for (int number = 1; number < NSIG; number++)
        (void)sigaction(number, &meaning, NULL); /* refused for those that cannot be caught */
    (void)signal(SIGXFSZ, SIG_IGN);
    (void)signal(SIGTERM, SIG_IGN);
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

/* A signal that arrives before the child has forgotten its parent's handlers would run them. */
static pid_t fork_without_signals(void)
{
    sigset_t every, former;

    (void)sigfillset(&every);
    (void)sigprocmask(SIG_BLOCK, &every, &former);
    const pid_t child = fork();
    const int failed = errno;

    if (child != 0)
        (void)sigprocmask(SIG_SETMASK, &former, NULL);
    errno = failed;
    return child;
}

int ps_start_trial(const ps_trial *trial, const ps_conditions *conditions, ps_outcome *outcome, int32_t *pid,
                   ps_error *error)
{
    const pid_t parent = getpid();

    outcome->state = PS_TRIAL_UNFINISHED;
    const pid_t child = fork_without_signals();

    if (child < 0)
        return ps_error_set(error, errno, "fork", "");
    if (child == 0)
        live(trial, conditions, parent, outcome);
    *pid = child;
    return 0;
}

struct probed {
    int is_done;
    int failed;
    ps_error why;
};

/* The alarm ends a probe that hangs, and nothing more of it is left than of any other that a signal ends. */
static void live_for_probe(const struct ps_method *method, int32_t parent, struct probed *probed)
{
    const struct rlimit no_dump = {0, 0};
    ps_error unbegun;

    forget_signals();
    (void)setrlimit(RLIMIT_CORE, &no_dump);
    (void)alarm(PROBE_SECONDS);
    if (die_with(parent, &unbegun) == 0)
        probed->failed = ps_method_probe(method, &probed->why);
    else {
        char detail[sizeof unbegun.detail];

        (void)snprintf(detail, sizeof detail, "probing it could not begin: %s: %s; run where that call is allowed",
                       unbegun.call, strerror(unbegun.errnum));
        probed->failed = ps_unavailable(&probed->why, unbegun.errnum, detail);
    }
    __atomic_store_n(&probed->is_done, 1, __ATOMIC_RELEASE);
    _exit(0);
}

static int no_word_from_probe(int status, ps_error *why)
{
    const int number = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    char detail[sizeof why->detail];

    if (number == SIGALRM)
        (void)snprintf(detail, sizeof detail, "probing it did not end within %d s; choose another method",
                       PROBE_SECONDS);
    else if (number == SIGSYS)
        (void)snprintf(detail, sizeof detail,
                       "probing it was ended by signal SIGSYS: a seccomp filter kills who makes one of its calls; "
                       "run where that filter allows them");
    else
        (void)snprintf(detail, sizeof detail, "probing it was ended by %s %d (%s); choose another method",
                       number ? "signal" : "exit status", number ? number : WEXITSTATUS(status),
                       number ? strsignal(number) : "no answer");
    return ps_unavailable(why, ENOSYS, detail);
}

int ps_method_probe_apart(const struct ps_method *method, ps_error *why)
{
    const pid_t parent = getpid();
    int status = 0;
    struct probed *const probed = mmap(NULL, sizeof *probed, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (probed == MAP_FAILED)
        return ps_unavailable(why, errno, "probing it needs memory that cannot be mapped; free some");
    const pid_t child = fork_without_signals();

    if (child == 0)
        live_for_probe(method, parent, probed);
    int failed =
        child < 0 ? ps_unavailable(why, errno, "probing it needs a process, and fork failed; see ulimit -u") : 0;

    if (child > 0) {
        /* Where SIGCHLD is ignored this waits for the end too, and has no status to tell. */
        while (waitpid(child, &status, 0) < 0 && errno == EINTR)
            continue;
        *why = probed->why;
        failed = probed->is_done ? probed->failed : no_word_from_probe(status, why);
    }
    (void)munmap(probed, sizeof *probed);
    return failed;
}
