/* What the pages under test are when a round begins: in memory and nobody else's, or what a kernel treats otherwise.
 *
 * `fresh`: never written to, so that there is no memory; one page in PS_STAMPED_EVERY holds its stamp, by which a
 * page that went astray is seen. `forked`: shared with a child of this process, copy-on-write where the memory is
 * private. `mlocked`: locked. What the rounds change of the first two is renewed before the next one, untimed. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "trial.h"

static enum ps_page_state state_of(const struct ps_trial_run *run)
{
    return (enum ps_page_state)ps_word_find("pages", run->trial->pages);
}

/* By the call itself: a sanitizer's mlock() locks nothing. */
int ps_state_prepare(struct ps_trial_run *run)
{
    const size_t bytes = run->memory.slots * run->shape.page_bytes;
    char detail[sizeof run->error->detail];

    if (state_of(run) != PS_PAGES_MLOCKED || syscall(SYS_mlock, run->memory.base, bytes) == 0)
        return 0;
    const int errnum = errno;

    (void)snprintf(detail, sizeof detail,
                   "locking %zu MiB: %s; raise the limit (ulimit -l unlimited, LimitMEMLOCK= of a unit) or use a "
                   "smaller region_size",
                   (bytes + (1 << 20) - 1) >> 20, strerror(errnum));
    return ps_unavailable(run->error, errnum, detail);
}

/* It ends with the thread that forked it, however that ends. */
static void live_as_sharer(pid_t parent)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0)
        while (getppid() == parent)
            (void)pause();
    _exit(0);
}

void ps_state_end(struct ps_trial_run *run)
{
    if (run->sharer <= 0)
        return;
    (void)kill(run->sharer, SIGKILL);
    while (waitpid(run->sharer, NULL, 0) < 0 && errno == EINTR)
        continue;
    run->sharer = 0;
}

/* With a child of its own each round finds all pages shared, also those that the round before has got copies of. */
static int share(struct ps_trial_run *run)
{
    const pid_t parent = getpid();

    ps_state_end(run);
    run->sharer = fork();
    if (run->sharer < 0)
        return ps_unavailable(run->error, errno,
                              "a child that shares the pages could not be made; free memory, or raise ulimit -u");
    if (run->sharer == 0)
        live_as_sharer(parent);
    return 0;
}

static int freshen(struct ps_trial_run *run)
{
    for (uint32_t thread = 0; thread < run->trial->threads; thread++) {
        struct ps_work *const work = &run->works[thread];
        const int failed = ps_give_zeroes_back(&work->region);

        if (failed) {
            *run->error = work->error;
            return failed;
        }
    }
    return 0;
}

int ps_state_renew(struct ps_trial_run *run)
{
    const uint64_t begin_ns = ps_now_ns();
    const enum ps_page_state state = state_of(run);
    const int failed = state == PS_PAGES_FORKED ? share(run) : state == PS_PAGES_FRESH ? freshen(run) : 0;

    run->result->setup_ns += ps_now_ns() - begin_ns;
    return failed;
}

/* What the kernel answers a method where it minds the pages' state. */
static const struct {
    int errnum, or_errnum;
    const char *why_and_cure;
} refusals[] = {
    [PS_PAGES_FRESH] = {ENOENT, EFAULT, "it moves no page that has no memory yet; write to the pages before"},
    [PS_PAGES_FORKED] = {EBUSY, EBUSY, "it moves no page that a fork shares; end the child before, or let it exec"},
    [PS_PAGES_MLOCKED] = {EINVAL, EINVAL, "it does not do this with locked memory; munlock it before"},
};

int ps_state_refusal(struct ps_trial_run *run, int failed)
{
    const enum ps_page_state state = state_of(run);
    char detail[sizeof run->error->detail];

    if (state == PS_PAGES_PRESENT || (failed != -refusals[state].errnum && failed != -refusals[state].or_errnum))
        return failed;
    (void)snprintf(detail, sizeof detail, "the kernel refuses %s pages: %s: %s: %s, or choose another method",
                   run->trial->pages, run->error->call, strerror(-failed), refusals[state].why_and_cure);
    return ps_unavailable(run->error, -failed, detail);
}
