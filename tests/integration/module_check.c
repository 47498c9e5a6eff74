/* The first process of a machine that has nothing else: loads the kernel module, tries what docs/kernel-module.md says
 * of it, and powers the machine off. A line on the console for each: `ok NAME: DETAIL` or `FAILED NAME: DETAIL`.
 *
 * /pageswap.ko is the module, /unflushed.ko the same without its flush, in which the check of swaps must find wrong
 * pages. Two CPUs: the first exchanges pages, both read all of them. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "page_exchange.h"

#define PAGE ((size_t)4096)
#define PAGES 1300u /* in four page tables, none of which they fill from end to end */
#define MOST_PAIRS 100000u
#define SWAPS 200000u

struct memory {
    int device;
    unsigned char *base;
    uint32_t model[PAGES]; /* slot -> the page that is to be there */
};

static uint32_t a[MOST_PAIRS], b[MOST_PAIRS];
static uint64_t dice = 42;

static uint32_t below(uint32_t bound)
{
    dice = dice * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((dice >> 33) % bound);
}

/* What the check in hand has to tell. */
static char told[500];

/* Gives 1, so that `return tell(...)` reads well where something is wrong. */
__attribute__((format(printf, 1, 2))) static int tell(const char *format, ...)
{
    const size_t before = strlen(told);
    va_list words;

    va_start(words, format);
    (void)vsnprintf(told + before, sizeof told - before, format, words);
    va_end(words);
    return 1;
}

#define MUST(condition)                                                            \
    do                                                                             \
        if (!(condition))                                                          \
            return tell("line %d: %s: %s", __LINE__, #condition, strerror(errno)); \
    while (0)

#define REFUSED(call, errnum)                                                                \
    do {                                                                                     \
        errno = 0;                                                                           \
        const long returned = (long)(call);                                                  \
        if (returned != -1 || errno != (errnum))                                             \
            return tell("line %d: %s: %ld, %s", __LINE__, #call, returned, strerror(errno)); \
    } while (0)

static volatile uint64_t *slot(const struct memory *memory, uint32_t number)
{
    return (volatile uint64_t *)(memory->base + number * PAGE);
}

static void *map(int device)
{
    return mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, device, 0);
}

static int make(struct memory *memory)
{
    MUST((memory->device = open(PAGESWAP_DEVICE, O_RDWR | O_CLOEXEC)) >= 0);
    MUST((memory->base = map(memory->device)) != MAP_FAILED);
    for (uint32_t i = 0; i < PAGES; i++) {
        memory->model[i] = i;
        MUST(slot(memory, i)[0] == 0 && slot(memory, i)[511] == 0);
        slot(memory, i)[0] = slot(memory, i)[511] = i + 1;
    }
    return 0;
}

static int end(struct memory *memory)
{
    MUST(munmap(memory->base, PAGES * PAGE) == 0);
    MUST(close(memory->device) == 0);
    return 0;
}

static int exchange_runs(const struct memory *memory, uint32_t count, uint32_t pages)
{
    const struct pageswap_exchange asked = {(uintptr_t)a, (uintptr_t)b, count, pages};

    return ioctl(memory->device, PAGESWAP_EXCHANGE, &asked);
}

static void follow(struct memory *memory, uint32_t count, uint32_t pages)
{
    for (uint32_t i = 0; i < count * pages; i++) {
        uint32_t *const at = &memory->model[a[i / pages] * pages + i % pages];
        uint32_t *const by = &memory->model[b[i / pages] * pages + i % pages];
        const uint32_t page = *at;

        *at = *by;
        *by = page;
    }
}

static void choose(uint32_t count, uint32_t pages)
{
    for (uint32_t i = 0; i < count; i++) {
        a[i] = below(PAGES / pages);
        b[i] = below(PAGES / pages);
    }
}

/* Reads every page, to and fro by turns. In one direction a CPU that has room for fewer translations than there are
 * pages would have lost each by the time it comes back to it; QEMU's have room for so many as it sees fit. */
static uint32_t count_wrong(const struct memory *memory)
{
    static _Thread_local bool is_back;
    uint32_t count = 0;

    for (uint32_t i = 0; i < PAGES; i++) {
        const uint32_t at = is_back ? PAGES - 1 - i : i;

        count += slot(memory, at)[0] != memory->model[at] + 1 || slot(memory, at)[511] != memory->model[at] + 1;
    }
    is_back = !is_back;
    return count;
}

static void run_on(int cpu)
{
    cpu_set_t allowed;

    CPU_ZERO(&allowed);
    CPU_SET(cpu, &allowed);
    (void)sched_setaffinity(0, sizeof allowed, &allowed);
}

/* What the second CPU's thread finds wrong in each turn. */
struct reader {
    const struct memory *memory;
    pthread_barrier_t begin, end;
    atomic_int is_over;
    uint64_t wrong;
};

static void *read_in_turns(void *argument)
{
    struct reader *const reader = argument;

    run_on(1);
    for (;;) {
        (void)pthread_barrier_wait(&reader->begin);
        if (reader->is_over)
            return NULL;
        reader->wrong += count_wrong(reader->memory);
        (void)pthread_barrier_wait(&reader->end);
    }
}

/* Wrong pages by the CPU that read them. */
static uint64_t found[2];

static void let_both_read(struct reader *reader)
{
    found[0] += count_wrong(reader->memory);
    (void)pthread_barrier_wait(&reader->begin);
    (void)pthread_barrier_wait(&reader->end);
}

/* Swaps in calls of 1 to 200 pairs, of single pages and of runs. After each call both CPUs read every page. */
static int swap_and_read(uint32_t swaps)
{
    struct memory memory;
    struct reader reader = {.memory = &memory};
    pthread_t thread;
    uint64_t calls = 0;

    if (make(&memory) != 0)
        return 1;
    (void)pthread_barrier_init(&reader.begin, NULL, 2);
    (void)pthread_barrier_init(&reader.end, NULL, 2);
    MUST(pthread_create(&thread, NULL, read_in_turns, &reader) == 0);
    run_on(0);
    found[0] = 0;
    let_both_read(&reader); /* so both remember where every page was */
    for (uint32_t done = 0, count; done < swaps; done += count, calls++) {
        const uint32_t pages = calls % 4 == 3 ? 1 + below(9) : 1;

        count = calls % 2 ? 1 + below(200) : 1;
        count = count < swaps - done ? count : swaps - done;
        choose(count, pages);
        MUST(exchange_runs(&memory, count, pages) == 0);
        follow(&memory, count, pages);
        let_both_read(&reader);
    }
    reader.is_over = 1;
    (void)pthread_barrier_wait(&reader.begin);
    (void)pthread_join(thread, NULL);
    found[1] = reader.wrong;
    (void)tell("%u swaps in %lu calls, %lu and %lu wrong pages", swaps, calls, found[0], found[1]);
    return end(&memory);
}

static int check_swaps(void)
{
    return swap_and_read(SWAPS) || found[0] || found[1];
}

/* Another program takes the second CPU in turns with the reader, so that this one is not always told to forget. */
static int check_swaps_beside_another_program(void)
{
    const pid_t other = fork();

    if (other == 0) {
        run_on(1);
        for (;;)
            (void)sched_yield();
    }
    const int failed = swap_and_read(SWAPS / 4);

    (void)kill(other, SIGKILL);
    (void)waitpid(other, NULL, 0);
    return failed || found[0] || found[1];
}

static int check_the_same_without_its_flush(void)
{
    return swap_and_read(SWAPS / 4) || !found[0] || !found[1];
}

static void *read_without_end(void *argument)
{
    struct reader *const reader = argument;

    run_on(1);
    while (!reader->is_over)
        for (uint32_t i = 0; i < PAGES; i++)
            reader->wrong += slot(reader->memory, i)[0] - 1 >= PAGES;
    return NULL;
}

/* Who reads meanwhile finds some page everywhere: a hole would be the end of this process. */
static int check_no_slot_is_ever_empty(void)
{
    struct memory memory;
    struct reader reader = {.memory = &memory};
    pthread_t thread;

    if (make(&memory) != 0)
        return 1;
    MUST(pthread_create(&thread, NULL, read_without_end, &reader) == 0);
    run_on(0);
    for (uint32_t call = 0; call < 2000; call++) {
        const uint32_t count = 1 + below(200);

        choose(count, 1);
        MUST(exchange_runs(&memory, count, 1) == 0);
        follow(&memory, count, 1);
    }
    reader.is_over = 1;
    (void)pthread_join(thread, NULL);
    MUST(reader.wrong == 0 && count_wrong(&memory) == 0);
    return end(&memory);
}

static int check_out_of_range(void)
{
    const uint32_t beyond[] = {PAGES, PAGES + 1, UINT32_MAX, UINT32_MAX / PAGE};
    struct memory memory;
    struct pageswap_exchange asked = {(uintptr_t)a, (uintptr_t)b, 3, 1};

    if (make(&memory) != 0)
        return 1;
    for (size_t i = 0; i < sizeof beyond / sizeof *beyond; i++) {
        choose(3, 1);
        (i % 2 ? a : b)[2] = beyond[i];
        REFUSED(exchange_runs(&memory, 3, 1), ERANGE);
    }
    choose(1, 1);
    a[0] = PAGES / 7; /* the first slot of seven pages that does not fit */
    REFUSED(exchange_runs(&memory, 1, 7), ERANGE);
    REFUSED(exchange_runs(&memory, 1, 0), EINVAL);
    REFUSED(exchange_runs(&memory, 1, PAGESWAP_MOST_ENTRIES + 1), E2BIG);
    REFUSED(exchange_runs(&memory, MOST_PAIRS, 11), E2BIG);
    REFUSED(exchange_runs(&memory, UINT32_MAX, UINT32_MAX), E2BIG);
    asked.b = 8; /* nobody's address */
    REFUSED(ioctl(memory.device, PAGESWAP_EXCHANGE, &asked), EFAULT);
    REFUSED(ioctl(memory.device, PAGESWAP_EXCHANGE, 8), EFAULT);
    REFUSED(ioctl(memory.device, PAGESWAP_EXCHANGE + 1, &asked), ENOTTY);
    MUST(exchange_runs(&memory, 0, 1) == 0);
    MUST(count_wrong(&memory) == 0);
    return end(&memory);
}

/* A call that comes to a page that is gone undoes what it did before. */
static int check_a_page_given_back(void)
{
    struct memory memory;

    if (make(&memory) != 0)
        return 1;
    MUST(madvise(memory.base + 700 * PAGE, PAGE, MADV_DONTNEED) == 0);
    for (uint32_t turn = 0; turn < 20; turn++) {
        choose(1000, 1);
        a[below(1000)] = 700;
        REFUSED(exchange_runs(&memory, 1000, 1), EFAULT);
    }
    a[0] = 0;
    b[0] = 34; /* pages 680 to 699 are all there, the next 20 are not */
    MUST(exchange_runs(&memory, 1, 20) == 0);
    follow(&memory, 1, 20);
    b[0] = 35;
    REFUSED(exchange_runs(&memory, 1, 20), EFAULT);
    for (uint32_t i = 0; i < PAGES; i++)
        MUST(i == 700 || slot(&memory, i)[0] == memory.model[i] + 1);
    return end(&memory);
}

/* Gives how the child ended: a signal's number, or 0. */
static int in_child(int (*body)(struct memory *), struct memory *memory)
{
    int status = 0;
    const pid_t child = fork();

    if (child == 0)
        _exit(body(memory));
    (void)waitpid(child, &status, 0);
    return WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status) ? -1 : 0;
}

static int read_one(struct memory *memory)
{
    return slot(memory, 3)[0] == 0;
}

static int use_the_file(struct memory *memory)
{
    REFUSED(exchange_runs(memory, 1, 1), ENXIO);
    REFUSED(map(memory->device), EBUSY);
    return 0;
}

static int check_fork(void)
{
    struct memory memory;

    if (make(&memory) != 0)
        return 1;
    choose(1, 1);
    MUST(in_child(read_one, &memory) == SIGSEGV);
    MUST(in_child(use_the_file, &memory) == 0);
    MUST(exchange_runs(&memory, 1, 1) == 0);
    follow(&memory, 1, 1);
    MUST(count_wrong(&memory) == 0);
    return end(&memory);
}

static int check_parts_and_second_mappings(void)
{
    struct memory memory;
    void *elsewhere;

    if (make(&memory) != 0)
        return 1;
    choose(50, 1);
    REFUSED(map(memory.device), EBUSY);
    REFUSED(munmap(memory.base + PAGE, PAGE), EINVAL);
    REFUSED(mprotect(memory.base, PAGE, PROT_READ), EINVAL);
    MUST((elsewhere = mmap(NULL, PAGES * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) != MAP_FAILED);
    REFUSED(mremap(memory.base, PAGES * PAGE, PAGES * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, elsewhere), EINVAL);
    REFUSED(mremap(memory.base, PAGES * PAGE, (PAGES + 1) * PAGE, MREMAP_MAYMOVE), EFAULT);
    MUST(exchange_runs(&memory, 50, 1) == 0);
    follow(&memory, 50, 1);
    MUST(count_wrong(&memory) == 0);
    MUST(munmap(memory.base, PAGES * PAGE) == 0);
    REFUSED(exchange_runs(&memory, 50, 1), ENXIO);
    REFUSED(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, memory.device, 0), EINVAL);
    REFUSED(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, memory.device, PAGE), EINVAL);
    MUST((memory.base = map(memory.device)) != MAP_FAILED);
    MUST(slot(&memory, 9)[0] == 0); /* new pages */
    return end(&memory);
}

/* One thread, or one process, that swaps in its own half. */
struct user {
    struct memory *memory;
    uint32_t first, count;
    int failed;
};

static void *use(void *argument)
{
    struct user *const user = argument;

    run_on(user->first != 0);
    for (uint32_t call = 0; call < 3000 && !user->failed; call++) {
        uint32_t one[20], other[20];
        const struct pageswap_exchange asked = {(uintptr_t)one, (uintptr_t)other, 20, 1};

        for (uint32_t i = 0; i < 20; i++) {
            one[i] = user->first + (call * 7 + i * 13) % user->count;
            other[i] = user->first + (call * 5 + i * 31) % user->count;
            const uint32_t page = user->memory->model[one[i]];

            user->memory->model[one[i]] = user->memory->model[other[i]];
            user->memory->model[other[i]] = page;
        }
        user->failed = ioctl(user->memory->device, PAGESWAP_EXCHANGE, &asked) != 0;
        for (uint32_t i = user->first; i < user->first + user->count; i++)
            user->failed |= slot(user->memory, i)[0] != user->memory->model[i] + 1;
    }
    return user;
}

static int check_two_users_at_once(void)
{
    static struct memory memory;
    struct user here = {&memory, 0, PAGES / 2, 0}, there = {&memory, PAGES / 2, PAGES / 2, 0};
    pthread_t thread;
    int status = 1;
    const pid_t other = fork();

    if (make(&memory) != 0)
        return 1;
    if (other == 0) { /* with a mapping of its own */
        struct user alone = {&memory, 0, PAGES, 0};

        (void)use(&alone);
        _exit(alone.failed || count_wrong(&memory) != 0);
    }
    MUST(pthread_create(&thread, NULL, use, &there) == 0);
    (void)use(&here);
    (void)pthread_join(thread, NULL);
    (void)waitpid(other, &status, 0);
    MUST(!here.failed && !there.failed && status == 0 && count_wrong(&memory) == 0);
    return end(&memory);
}

static volatile sig_atomic_t alarms;

static void count_alarm(int number)
{
    (void)number;
    alarms++;
}

static int check_a_signal_in_the_middle(void)
{
    const struct itimerval often = {{0, 1000}, {0, 1000}}, never = {{0, 0}, {0, 0}};
    struct memory memory;

    if (make(&memory) != 0)
        return 1;
    (void)signal(SIGALRM, count_alarm);
    (void)setitimer(ITIMER_REAL, &often, NULL);
    for (uint32_t call = 0; call < 40; call++) {
        choose(MOST_PAIRS, 1);
        MUST(exchange_runs(&memory, MOST_PAIRS, 1) == 0);
        follow(&memory, MOST_PAIRS, 1);
    }
    (void)setitimer(ITIMER_REAL, &never, NULL);
    MUST(alarms > 0 && count_wrong(&memory) == 0);
    (void)tell("%d signals", (int)alarms);
    return end(&memory);
}

static int swap_until_killed(struct memory *memory)
{
    if (make(memory) != 0)
        return 1;
    for (;;) {
        choose(MOST_PAIRS, 1);
        if (exchange_runs(memory, MOST_PAIRS, 1) != 0)
            return 1;
    }
}

static int check_killed_in_the_middle(void)
{
    static struct memory memory;

    for (uint32_t turn = 0; turn < 25; turn++) {
        const pid_t child = fork();
        int status;

        if (child == 0)
            _exit(swap_until_killed(&memory));
        (void)usleep(below(60000));
        (void)kill(child, SIGKILL);
        (void)waitpid(child, &status, 0);
        MUST(WIFSIGNALED(status));
    }
    return make(&memory) || end(&memory);
}

static int load(const char *path)
{
    const int file = open(path, O_RDONLY | O_CLOEXEC);

    MUST(file >= 0);
    MUST(syscall(SYS_finit_module, file, "", 0) == 0);
    return close(file);
}

static int unload(void)
{
    return (int)syscall(SYS_delete_module, "pageswap", O_NONBLOCK);
}

static int check_unload_while_mapped(void)
{
    struct memory memory;

    if (make(&memory) != 0)
        return 1;
    REFUSED(unload(), EAGAIN);
    MUST(close(memory.device) == 0); /* the mapping keeps the file */
    REFUSED(unload(), EAGAIN);
    MUST(count_wrong(&memory) == 0);
    MUST(munmap(memory.base, PAGES * PAGE) == 0);
    MUST(unload() == 0);
    REFUSED(open(PAGESWAP_DEVICE, O_RDWR), ENOENT);
    return 0;
}

/* What a kernel says of itself when something is not as it should be. */
static int check_the_kernel_complains_of_nothing(void)
{
    static const char *const words[] = {"BUG:", "WARNING: CPU", "Oops", "Bad page", "rss-counter"};
    static char said[1 << 20];
    const int bytes = klogctl(3, said, sizeof said - 1); /* all of its log */

    MUST(bytes > 0);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        const char *const found = strstr(said, words[i]);

        if (found)
            return tell("%.200s", found);
    }
    return 0;
}

static void try(const char *name, int (*check)(void))
{
    told[0] = 0;
    const int failed = check();

    (void)printf("%s %s: %s\n", failed ? "FAILED" : "ok", name, told);
    (void)fflush(stdout);
}

#define TRY(name) try(#name, check_##name)

static int check_loading(void)
{
    return load("/pageswap.ko");
}

static int check_loading_without_its_flush(void)
{
    return load("/unflushed.ko");
}

int main(void)
{
    (void)mkdir("/dev", 0755);
    (void)mount("dev", "/dev", "devtmpfs", 0, "");
    for (int stream = 0; stream < 3; stream++)
        (void)dup2(open("/dev/console", O_RDWR), stream);
    TRY(loading);
    TRY(swaps);
    TRY(swaps_beside_another_program);
    TRY(no_slot_is_ever_empty);
    TRY(out_of_range);
    TRY(a_page_given_back);
    TRY(fork);
    TRY(parts_and_second_mappings);
    TRY(two_users_at_once);
    TRY(a_signal_in_the_middle);
    TRY(killed_in_the_middle);
    TRY(unload_while_mapped);
    TRY(loading_without_its_flush);
    TRY(the_same_without_its_flush);
    TRY(the_kernel_complains_of_nothing);
    (void)reboot(RB_POWER_OFF);
    return 0;
}
