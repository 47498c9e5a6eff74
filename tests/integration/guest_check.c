/* The first process of a machine that has nothing else: loads KVM, which the emulated CPU serves by its own
 * virtualisation (SVM, with nested page tables), and tries guest_pte there. A line on the console for each check:
 * `ok NAME: DETAIL` or `FAILED NAME: DETAIL`.
 *
 * /unflushed is the same program over a core whose guest forgets no translation: its `swaps` must find wrong pages. The
 * emulated CPU forgets all of them whenever a guest is entered or left, so that a page is shown within the call that
 * moved it. With a number as its argument it tries slots of up to so many bytes where it is called. */
#define GUEST_MOST_INSTRUCTION_NS 1e9
#include "methods/guest_pte.c"

#include "clock.c"
#include "error.c"

#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define SLOTS 8u
#define PAIRS 500u
#define TIMES 20u
#define MOST_PAGE PS_HUGE_PAGE

static _Alignas(PS_HUGE_PAGE) unsigned char memory[SLOTS * MOST_PAGE];
static uint32_t a[PAIRS], b[PAIRS], from[SLOTS];
static ps_error error;

static uint64_t stamp(uint32_t page, size_t word)
{
    return (uint64_t)(page + 1) << 32 | word;
}

static struct ps_region stamped(size_t page_bytes)
{
    uint64_t *const words = (uint64_t *)(void *)memory;
    const size_t of_page = page_bytes / sizeof *words;

    for (size_t i = 0; i < SLOTS * of_page; i++)
        words[i] = stamp((uint32_t)(i / of_page), i % of_page);
    return (struct ps_region){
        .base = memory,
        .page_bytes = page_bytes,
        .pages = SLOTS,
        .touch = PS_TOUCH_MOVED,
        .touch_bytes = PS_BASE_PAGE,
        .error = &error,
    };
}

/* Words that differ from those of a page. */
static size_t wrong_words(const unsigned char *bytes, uint32_t page, size_t page_bytes)
{
    const uint64_t *const words = (const uint64_t *)(const void *)bytes;
    size_t wrong = 0;

    for (size_t i = 0; i < page_bytes / sizeof *words; i++)
        wrong += words[i] != stamp(page, i);
    return wrong;
}

static void say(const char *name, size_t page_bytes, int is_well, size_t wrong)
{
    printf("%s %s of %zu KiB: %zu wrong words; %s %s\n", is_well ? "ok" : "FAILED", name, page_bytes >> 10, wrong,
           error.call, error.detail);
}

/* Many pairs, after which every slot is looked at. */
static void check_many(const char *name, size_t page_bytes, int is_batch)
{
    struct ps_region region = stamped(page_bytes);
    uint32_t model[SLOTS];
    size_t wrong = 0;
    int failed = setup(&region);

    for (uint32_t slot = 0; slot < SLOTS; slot++)
        model[slot] = from[slot] = slot;
    for (uint32_t i = 0; i < PAIRS; i++) {
        a[i] = i * 2654435761u >> 29;
        b[i] = i * 2246822519u >> 29;
        const uint32_t page = model[a[i]];

        model[a[i]] = model[b[i]];
        model[b[i]] = page;
    }
    if (!failed)
        failed = is_batch ? permute(&region, from, a, b, PAIRS) : swap_many(&region, a, b, PAIRS);
    for (uint32_t slot = 0; !failed && slot < SLOTS; slot++)
        wrong += wrong_words(locate(&region, slot), model[slot], page_bytes);
    teardown(&region);
    say(name, page_bytes, !failed && !wrong, wrong);
}

/* One pair to and fro, both pages read after each, and one of them shown before the guest is left: many times, as an
 * interrupt makes it leave in between. */
static void check_swaps(size_t page_bytes, int is_flushed)
{
    struct ps_region region = stamped(page_bytes);
    const uint32_t zero[] = {0, 0}, one[] = {1, 1};
    size_t wrong = 0;
    int failed = setup(&region);

    if (!failed) {
        struct guest *const guest = region.private;

        (void)locate(&region, 0); /* so that the guest is not left for want of memory to show it in */
        guest->call->shown = 0;
        for (unsigned i = 0; i < TIMES && !failed; i++) {
            failed = swap_many(&region, zero, one, 2);
            wrong += wrong_words(guest->seen, 0, page_bytes);
        }
    }
    teardown(&region);
    say(is_flushed ? "swaps" : "swaps without a flush", page_bytes, !failed && (wrong == 0) == is_flushed, wrong);
}

static void load(const char *path)
{
    const int file = open(path, O_RDONLY | O_CLOEXEC);

    if (file < 0 || syscall(SYS_finit_module, file, "", 0) != 0)
        printf("FAILED loading %s: %s\n", path, strerror(errno));
    if (file >= 0)
        (void)close(file);
}

static const size_t sizes[] = {PS_BASE_PAGE, 3 * PS_BASE_PAGE, 40 * PS_BASE_PAGE, PS_HUGE_PAGE};

static void check_whole(size_t most_page)
{
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes && sizes[i] <= most_page; i++) {
        check_many("many swaps", sizes[i], 0);
        check_many("a batch", sizes[i], 1);
        check_swaps(sizes[i], 1);
    }
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "unflushed") == 0) {
        check_swaps(PS_BASE_PAGE, 0);
        check_swaps(40 * PS_BASE_PAGE, 0);
        return 0;
    }
    if (argc > 1) { /* on the machine that this is */
        check_whole((size_t)atol(argv[1]));
        return 0;
    }
    if (mount("devtmpfs", "/dev", "devtmpfs", 0, "") != 0)
        printf("FAILED mounting /dev: %s\n", strerror(errno));
    load("/irqbypass.ko");
    load("/kvm.ko");
    load("/kvm-amd.ko");
    printf("%s probe: %s\n", probe(&error) == 0 ? "ok" : "FAILED", error.detail);
    check_whole(MOST_PAGE);
    (void)fflush(stdout);
    const pid_t child = fork();

    if (child == 0) {
        (void)execl("/unflushed", "unflushed", "unflushed", (char *)NULL);
        _exit(1);
    }
    (void)waitpid(child, NULL, 0);
    (void)reboot(RB_POWER_OFF);
    return 1;
}
