/* What methods and workloads share: the region under test, the rows of their tables, and the services that they may
 * use. methods/memcpy.c is the shortest method that shows all of it. */
#ifndef PAGESWAP_H
#define PAGESWAP_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "api.cdef.h"
#include "cpu_features.h"

#define PS_BASE_PAGE ((size_t)4096)
#define PS_HUGE_PAGE ((size_t)2 << 20)
#define PS_GIGANTIC_PAGE ((size_t)1 << 30)
#define PS_MAX_ROUNDS 100000u
#define PS_MAX_THREADS 1024u
#define PS_EMPTY UINT32_MAX
#define PS_WARM_UP_BYTES ((size_t)4 << 20) /* what a warm-up moves at most that goes by bytes */

enum ps_family { PS_COPY, PS_REMAP, PS_WINDOW, PS_CONTROL };

/* The X-macro list: one line registers a workload. Bit numbers follow the order. */
#define PS_WORKLOADS(X) \
    X(swap)             \
    X(permute)          \
    X(move)             \
    X(grow)             \
    X(call)             \
    X(decommit)         \
    X(migrate)          \
    X(replay)           \
    X(compact)          \
    X(limit)

/* Of the factor `release`, in the order of the registry's words. */
enum ps_release { PS_RELEASE_KEPT, PS_RELEASE_SOURCE, PS_RELEASE_BOTH };

#define PS_PATTERNS(X) \
    X(random)          \
    X(sequential)      \
    X(strided)

enum ps_pattern {
#define X(name) PS_PATTERN_##name,
    PS_PATTERNS(X)
#undef X
        PS_PATTERN_COUNT
};

enum ps_workload {
#define X(name) PS_WORKLOAD_##name,
    PS_WORKLOADS(X)
#undef X
        PS_WORKLOAD_COUNT
};

/* What is read of a page inside the timed region after its move: one word for each fault that the move may have put
 * off, or one in each 4 KiB; or, of `grow`, what is new is written to. */
enum ps_touch { PS_TOUCH_NONE, PS_TOUCH_MOVED, PS_TOUCH_EVERY, PS_TOUCH_NEW };

/* Which border the region begins at, or how far beyond one. */
enum ps_alignment { PS_ALIGNMENT_2MIB, PS_ALIGNMENT_PAGE, PS_ALIGNMENT_1GIB };

/* What the pages are when a round begins: page_state.c. */
enum ps_page_state { PS_PAGES_PRESENT, PS_PAGES_FRESH, PS_PAGES_FORKED, PS_PAGES_MLOCKED };

/* What backings differ in for a method; one asks for kinds, so that a backing more is no matter of its. */
enum ps_memory_kind { PS_ANON, PS_SHARED_ANON, PS_MEMFD, PS_FILE, PS_HUGETLB, PS_MEMORY_KINDS };

#define PS_KIND(kind) (1u << (kind))
#define PS_ANY_MEMORY (PS_KIND(PS_MEMORY_KINDS) - 1)

/* Flags of a method. */
#define PS_SPLITS_MAPPINGS 1u /* a moved page becomes a mapping of its own */
#define PS_MOVES_NOTHING 2u   /* the control: after the schedule every page is where it was */
#define PS_LOW_MEMORY 4u      /* the region must lie below 4 GiB */
#define PS_COUNTS_REFUSALS 8u /* it fills the region's `retries` and `refusals` */
#define PS_ONE_WAY 16u        /* its move_many uses no scratch: it is not for the workload `permute` */
#define PS_FILLS_EMPTY 32u    /* copies into places without memory, which then get pages of 4 KiB */
#define PS_LAZY 64u           /* what it gives back may still hold its bytes until it is written to */
#define PS_SMALL_PAGES 128u   /* what it maps anew is of 4 KiB pages, whatever was there */
#define PS_LEAVES_HOLES 256u /* who reads a page while it moves dies, or reads zeroes */
#define PS_SERVES 512u /* who reads where a page has not come waits for it, is told of at `uffd`, and woken */
#define PS_KEEPS_MAPPINGS 1024u /* it remaps, and leaves mappings and huge pages as they were: it may be warmed up */

/* What a method's hooks want at region->scratch. A run of addresses is always there for it; whether memory is, the
 * method says and the workload: a batch (`permute`) passes through the scratch by move_many, a one-way move never. A
 * method that writes to scratch memory it did not ask for dies of it. */
enum ps_scratch {
    PS_SCRATCH_MEMORY, /* copies through it: one page a thread, of the region's backing; what is not said is this */
    PS_SCRATCH_ADDRESSES, /* moves pages there, also those of a batch: reserved addresses without memory (PROT_NONE) */
    PS_SCRATCH_NONE, /* does not use it; in a batch, whose moves it copies, it is memory all the same */
};

/* One thread's share of the memory under test: `pages` slots of `page_bytes`, stamped before and verified after. */
struct ps_region {
    unsigned char *base; /* slot 0 */
    unsigned char
        *scratch; /* outside the slots, at a border of 2 MiB; prefaulted where it is memory: enum ps_scratch */
    size_t scratch_bytes; /* at least one page; for small pages more, so that runs of neighbours fit */
    size_t page_bytes;
    size_t pages; /* slots that hold a page at the start */
    size_t spare_pages; /* empty slots right after them, for the workload `move` */
    size_t fault_bytes; /* of the backing: the size of its pages where they are huge, else 4 KiB */
    size_t touch_bytes; /* ps_touch()'s step: what one fault can bring, 4 KiB or the backing's huge page; or 4 KiB */
    enum ps_touch touch; /* what is read of every moved page after its move */
    int fresh; /* the advice that takes the memory of fresh pages, of which few hold a stamp; 0: all pages hold one */
    int is_alone; /* nothing else of the process runs meanwhile */
    int is_read; /* other threads read its slots meanwhile: who comes to one that is empty must wait for its page */
    int give_back; /* the advice that gives back the memory of what was moved away; 0: it is kept */
    int places_are_empty; /* where moves go there is no memory */
    int fd; /* of a memfd or another file, else -1 */
    int uffd; /* the userfaultfd by which a method watches the slots, from setup to teardown, else -1 */
    size_t file_offset; /* of slot 0 in that file */
    uint64_t retries, refusals; /* of the kernel, so far; for a method that counts them */
    void *private; /* the method's own, from setup to teardown */
    ps_error *error; /* where ps_fail() notes the failing call */
};

/* Where readers read. */
struct ps_read_area {
    const unsigned char *base;
    size_t bytes;
    size_t page_bytes;
    _Atomic unsigned char *arrived; /* for each of its pages: has it come? NULL: all are there */
};

/* One thread's part of a trial. */
struct ps_work {
    const ps_trial *trial;
    const struct ps_method *method;
    const struct ps_workload_ops *workload;
    struct ps_region region;
    size_t iterations; /* this thread's share */
    uint64_t seed; /* of this thread's stamps and schedule */
    uint32_t *a, *b; /* the schedule: slots to exchange */
    uint32_t *model; /* slot -> page, as the schedule leaves it; PS_EMPTY where a slot holds none */
    size_t present_bytes; /* of memory on pages of the backing when the rounds begin; 0: what all pages take */
    size_t first_slot; /* where the pages lie when the rounds begin: they take as many slots as there are pages */
    struct ps_read_area read_area; /* alone, and then in the round that comes next */
    struct ps_runs *runs; /* of `decommit` and `migrate` */
    void *private; /* the workload's own, from prepare to release */
    int failed; /* a negative errno, with its call in `error` */
    ps_error error;
};

/* One step of a batch: `pages` neighbouring pages go from `from` to `to`, which is empty (what is there may be lost).
 * The ranges do not overlap. Both lie in the region, its scratch, or its spare slots. */
struct ps_move {
    unsigned char *to;
    unsigned char *from;
    size_t pages;
};

/* A block of the workload `grow`: where and how large it was made, and is now. */
struct ps_block {
    unsigned char *first;
    size_t first_size;
    unsigned char *bytes;
    size_t size;
};

/* A method. A NULL hook means "does not do that" and is checked in one place. */
struct ps_method {
    const char *name;
    const char *summary;
    enum ps_family family;
    unsigned flags;
    enum ps_scratch scratch;
    unsigned memory; /* PS_KIND() bits of what it works on; 0: it makes the memory itself */
    unsigned cpu_features; /* PS_CPU() bits it cannot run without */

    /* Why this build lacks it, or NULL. */
    const char *unavailable;

    /* Not required. Returns 0, or a negative errno after ps_unavailable() named what the host lacks and the cure. */
    int (*probe)(ps_error *why);

    /* Not required. Called outside the timed region, after the pages were stamped. */
    int (*setup)(struct ps_region *region);

    /* Workload `swap`: exchanges the pages in slots a[i] and b[i], for i = 0 .. n-1 in this order; n may be 0, and a[i]
     * == b[i] is allowed and changes nothing. After each exchange it calls ps_touch() on both. The whole schedule is
     * known, so a method may look ahead. */
    int (*swap_many)(struct ps_region *region, const uint32_t *a, const uint32_t *b, size_t n);

    /* Workloads `permute`, `move`, `replay` and `compact`: carries out the moves in this order, touching each page at
     * its new place with ps_touch(). When a move fails, *done is the number of moves that were completed, and the
     * failed one has moved nothing and leaves both its ends mapped. After a move `from` need not keep its bytes; with
     * region->give_back it must not keep its memory (ps_give_back) when the call returns. */
    int (*move_many)(struct ps_region *region, const struct ps_move *moves, size_t n, size_t *done);

    /* Workload `permute`, instead of move_many: brings every page where exchanging those in slots a[i] and b[i], for
     * i = 0 .. n-1 in this order, would bring it, and touches it there. `from` has a word for each slot, which holds
     * the slot's own number, and so it must be left. For what copies and cannot fail half-way. */
    int (*permute)(struct ps_region *region, uint32_t *from, const uint32_t *a, const uint32_t *b, size_t n);

    /* Workload `limit`, instead of swap_many: copies the page in slot from[i] to slot to[i], for i = 0 .. n-1. Both
     * sides advance in address order and begin again at the end of their half of the region. */
    int (*copy_many)(struct ps_region *region, const uint32_t *from, const uint32_t *to, size_t n);

    /* Workload `grow`: makes, enlarges and frees a block of memory, which will grow to final_bytes. `block_grow` may
     * move it, keeps its first old_bytes and gives NULL, with errno set, when it cannot. */
    unsigned char *(*block_new)(size_t bytes, size_t final_bytes);
    unsigned char *(*block_grow)(unsigned char *block, size_t old_bytes, size_t new_bytes);
    void (*block_free)(const struct ps_block *block);

    /* Workload `call`: the same kernel entry n times; `call_refill`, not required, makes ready for the next n outside
     * the timing. */
    int (*call_many)(struct ps_region *region, size_t n);
    int (*call_refill)(struct ps_region *region, size_t n);

    /* Workload `decommit`: gives the memory of n runs of pages back, n may be 0; their addresses stay the program's and
     * read as zeroes, or with PS_LAZY perhaps as before. Where nothing may be read or written there until it is asked
     * for, `take_many` asks. */
    int (*give_many)(struct ps_region *region, const struct iovec *runs, size_t n);
    int (*take_many)(struct ps_region *region, const struct iovec *runs, size_t n); /* Not required. */

    /* Workload `migrate`: brings the pages of n runs to a NUMA node and leaves them at their addresses;
     * n may be 0. That all are there is verified page by page after the round. */
    int (*migrate_many)(struct ps_region *region, const struct iovec *runs, size_t n, unsigned node);

    /* Not required. Where the page in a slot can be read, when that is not base + slot * page_bytes. Used by
     * verification only. */
    const unsigned char *(*locate)(struct ps_region *region, size_t slot);

    /* Not required. Undoes setup; also called when a hook failed. */
    void (*teardown)(struct ps_region *region);
};

/* What is asked of a method. Hooks run in this order, on each thread's share; only `run` is timed. */
struct ps_workload_ops {
    const char *name;
    size_t spare_share; /* empty slots for each that holds a page: 0 or 1 */
    int makes_new; /* what an iteration makes has a part that is new */
    int own_memory; /* the method makes the memory itself; the region is only two pages */
    int moves_runs; /* to its method a run of run_pages pages is one page: it moves as a whole, with one call */
    int hooks_use_scratch; /* it calls hooks that use the scratch as the method says: all but move_many and grow's */
    int moves_use_scratch; /* it lets move_many move pages to the scratch and from there */
    int is_full; /* before and after each call of the method every slot holds a page, so that others may read there */
    int lays_pages; /* its prepare stamps the pages that there are at the start, so that other slots have no memory */
    int leaves_places; /* what it moves leaves a place whose memory may be given back */
    int fills_places; /* a round brings pages to one range of empty places, where readers may wait for them */
    int takes_states; /* its pages may be in any state when a round begins */
    int (*can)(const struct ps_method *method);
    int (*prepare)(struct ps_work *work);
    int (*settle)(struct ps_work *work); /* Not required. Untimed, after the method's setup. */
    /* Not required. Untimed, directly before the first round and on the share's own thread: does what `run` does, at
     * the end of the share's iterations, and leaves every page and every count as it was. */
    int (*warm_up)(struct ps_work *work);
    int (*before_round)(struct ps_work *work, size_t begin, size_t end); /* Not required. Untimed, on the share's CPU */
    int (*run)(struct ps_work *work, size_t begin, size_t end); /* iterations begin .. end-1 */
    int (*after_round)(struct ps_work *work, size_t begin, size_t end); /* Not required. Untimed. */
    uint64_t (*page_moves)(const struct ps_work *work); /* Not required. After all rounds: pages brought elsewhere. */
    int (*verify)(struct ps_work *work, ps_result *result); /* 0, or 1 after describing what is wrong */
    /* Not required. After a failed run and the method's teardown: brings every page that was under way to its old or
     * its new place, and sets the model to where that is. */
    void (*rescue)(struct ps_work *work);
    void (*release)(struct ps_work *work);
};

/* registry.c */
const struct ps_workload_ops *ps_workload_find(const char *name);
int ps_moves_pages(const struct ps_method *method); /* do pages change places, or does it only look like it? */
int ps_word_find(const char *field, const char *level); /* the level's index, 0 for NULL, or -1 */
const struct ps_method *ps_method_find(const char *name);
int ps_method_probe(const struct ps_method *method, ps_error *why); /* may end or hang this process on an odd host */
int ps_scratch_is_memory(const struct ps_method *method, const struct ps_workload_ops *workload);

/* child.c: the same in a process of its own, so that only the method is unavailable where the probe ends or hangs it.
 */
int ps_method_probe_apart(const struct ps_method *method, ps_error *why);

/* trial.c: a share's memory for schedule and model; `what` names it in the error. */
void *ps_allocate(struct ps_work *work, size_t count, size_t size, const char *what);

/* A number of a trial that is 1 where it is left out. */
static inline uint64_t ps_or_one(uint64_t number)
{
    return number ? number : 1;
}

static inline unsigned char *ps_slot(const struct ps_region *region, size_t slot)
{
    return region->base + slot * region->page_bytes;
}

/* Pays, when the trial asks for it, every fault that moving this page may have put off, with one read for each that
 * there may be: 512 in 2 MiB that the kernel maps by 4 KiB pages, one in a huge page that moves whole. Reading more
 * charges the method with the reader's cache misses, which is what `every` asks for. */
static inline void ps_touch(const struct ps_region *region, const unsigned char *page)
{
    if (!region->touch)
        return;
    for (size_t offset = 0; offset < region->page_bytes; offset += region->touch_bytes)
        (void)*(const volatile uint64_t *)(page + offset);
}

/* error.c: all return the negative errno, so that `return ps_fail(...)` reads well. */
int ps_error_set(ps_error *error, int errnum, const char *call, const char *detail);
int ps_fail(struct ps_region *region, const char *call); /* from the current errno */
int ps_unavailable(ps_error *why, int errnum, const char *reason_and_cure);

/* schedule.c */
struct ps_generator {
    uint64_t state[4];
};
void ps_generator_seed(struct ps_generator *generator, uint64_t seed);
uint32_t ps_generator_below(struct ps_generator *generator, uint32_t bound);
void ps_schedule_make(enum ps_pattern pattern, uint64_t distance, uint64_t seed, size_t pages, size_t n, uint32_t *a,
                      uint32_t *b);
uint64_t ps_mix(uint64_t value); /* splitmix64's finaliser */

/* give_back.c */
int ps_give_back(struct ps_region *region, unsigned char *from, size_t bytes);
int ps_not_given_back(struct ps_region *region, const char *call); /* from the current errno */
int ps_give_zeroes_back(struct ps_region *region);
int ps_wants_places(const struct ps_method *method);
void ps_fill_places(const struct ps_work *work, const struct ps_move *moves, size_t n);
int ps_verify_given_back(struct ps_work *work, ps_result *result); /* as ps_verify, of the slots without a page */

/* pairs.c: a share's schedule of pairs and the model of what it does. */
int ps_pairs_prepare(struct ps_work *work);
int ps_pairs_warm_up(struct ps_work *work);
uint64_t ps_pairs_run_pages(const struct ps_work *work);
void ps_pairs_model(struct ps_work *work, size_t begin, size_t end);
uint64_t ps_pairs_page_moves(const struct ps_work *work);
void ps_pairs_release(struct ps_work *work);

/* serving.c: a round's moves into the read area, in the order of their places, each of them once; first those that a
 * reader waits for. After a failure *done moves were made, and are the first of the list. */
int ps_serve_moves(struct ps_work *work, struct ps_move *moves, size_t n, size_t *done);

/* runs.c: a share's runs of `run_pages` neighbouring pages in random order, each of the region once before any comes
 * again. What a workload finds wrong beside a round is kept until the end. */
struct ps_runs {
    struct iovec *list; /* two passes in the same order, so that a round lies in one piece */
    size_t pass; /* runs of a pass */
    ps_result wrong;
    int is_wrong;
};
int ps_runs_prepare(struct ps_work *work, const char *no_more); /* why a round has no more than a pass */
const struct iovec *ps_runs_from(const struct ps_work *work, size_t begin);
size_t ps_runs_slot(const struct ps_work *work, const unsigned char *at);
int ps_runs_verify(struct ps_work *work, ps_result *result);
void ps_runs_release(struct ps_work *work);

/* played.c: moves that a share makes once, all of them in one round, from the state in which they find its slots. Each
 * is added in its turn; the slots lie in the region, and the ends may overlap. */
int ps_played_begin(struct ps_work *work);
int ps_played_add(struct ps_work *work, size_t to, size_t from, size_t pages);
int ps_played_end_batch(struct ps_work *work); /* what was added since the last one is handed over at once */
int ps_played_lay(struct ps_work *work); /* after the last one: brings the memory and the pages that they begin with */
int ps_played_run(struct ps_work *work, size_t begin, size_t end);
uint64_t ps_played_page_moves(const struct ps_work *work);
int ps_played_verify(struct ps_work *work, ps_result *result);
void ps_played_follow(struct ps_work *work);
void ps_played_release(struct ps_work *work);

/* stamp.c */
#define PS_STAMPED_EVERY 8u /* of fresh pages, those that hold a stamp */
uint64_t ps_stamp_word(uint64_t seed, uint64_t page, size_t word); /* of the page in its slot */
void ps_stamp_page(const struct ps_region *region, uint64_t seed, size_t page);
void ps_stamp(const struct ps_region *region, uint64_t seed);
int ps_verify_slot(struct ps_work *work, size_t slot, ps_result *result);
int ps_verify(struct ps_work *work, ps_result *result);
void ps_stamp_bytes(unsigned char *bytes, size_t size, uint64_t seed);
int ps_verify_bytes(const unsigned char *bytes, size_t size, uint64_t seed, ps_result *result);

/* clock.c: the only file that reads the clock. */
uint64_t ps_now_ns(void);
struct ps_instant {
    uint64_t ns, ticks; /* of the clock, and of the CPU's time-stamp counter */
};
struct ps_instant ps_instant_now(void);

/* The time-stamp counter, when all that comes before it in the program is done and nothing after it has begun. */
static inline uint64_t ps_ticks(void)
{
    __builtin_ia32_lfence();
    const uint64_t ticks = __builtin_ia32_rdtsc();

    __builtin_ia32_lfence();
    return ticks;
}

/* cpu.c */
#define PS_MAX_CPUS 1024u
int ps_cpu_choose(const ps_trial *trial, int32_t *cpus, uint32_t *count, ps_error *error);
int ps_cpu_pin(int32_t cpu, ps_error *error);

/* neighbours.c: threads that do something until they are stopped, one on each of the CPUs. */
struct ps_neighbours;
typedef void ps_neighbour_work(void *all, uint32_t index, const _Atomic int *leave);
void ps_neighbour_spin(void *all, uint32_t index, const _Atomic int *leave);
struct ps_neighbours *ps_neighbours_start(const int32_t *cpus, uint32_t count, ps_neighbour_work *work, void *all,
                                          ps_error *error);
void ps_neighbours_stop(struct ps_neighbours *all);

/* threads.c: a turn of a loop that waits for another thread; `spins` counts them, from 0. */
void ps_wait_a_moment(unsigned *spins);

/* threads.c: does something with all shares side by side, each on a thread of its own. */
struct ps_team;
typedef int ps_team_task(struct ps_work *work, uint32_t round); /* 0 or a negative errno, left in work->failed */
struct ps_team *ps_team_start(struct ps_work *works, uint32_t threads, const int32_t *cpus, ps_error *error);
uint64_t ps_team_run(struct ps_team *team, ps_team_task *task,
                     uint32_t round); /* ns from start to the last one's end */
void ps_team_stop(struct ps_team *team);

#endif
