/* Readers: each reads a word at random in as much memory as the region has, and again, and counts by the time-stamp
 * counter how long each read takes; those of a page that had not come are counted once more, by themselves. They rest
 * (and keep their CPUs awake) but in two phases: alone, before anything moves, and inside the rounds. What a phase
 * begins with is not counted, as it pays for the rest before. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "histogram.h"
#include "readers.h"

#define LINE_BYTES 64
#define ALONE_NS 50000000
/* Two clocks of one machine drift apart by some millionths; more than this is a counter that changed its rate. */
#define MOST_DRIFT 1e-3

enum phase { REST, ALONE, BESIDE };

struct tally {
    struct ps_histogram latencies; /* ticks */
    uint64_t ticks; /* that the phase took */
};

struct reader {
    uint64_t next; /* number of the next read */
    _Atomic int doing; /* the phase that it is in */
    struct tally alone, beside;
    struct ps_histogram served; /* of `beside`: found no page at first */
};

struct ps_readers {
    struct ps_read_area *areas; /* changed while all of them rest */
    uint32_t area_count;
    _Atomic int phase; /* that all of them are to be in */
    uint32_t count;
    struct reader *each;
    struct ps_neighbours *threads;
    struct ps_instant alone_from, alone_until;
};

enum ps_reads ps_reads_of(const ps_trial *trial)
{
    enum { IDLE, SPINNING, READING };

    if (ps_word_find("neighbours", trial->neighbours) != READING)
        return PS_READS_NOTHING;
    return (enum ps_reads)(PS_READS_MOVING + ps_word_find("reads", trial->reads));
}

/* Returns the ticks from before the read until its word is there, those of the two readings of the counter included.
 * `was_missing` is told from just before: the page may come, and its coming be noted, in between. */
static uint64_t read_once(const struct ps_readers *all, struct reader *me, int *was_missing)
{
    const uint64_t drawn = ps_mix(me->next++);
    const struct ps_read_area *const area = &all->areas[(drawn & UINT32_MAX) * all->area_count >> 32];
    const size_t offset = (size_t)((unsigned __int128)drawn * (area->bytes / LINE_BYTES) >> 64) * LINE_BYTES;
    const volatile uint64_t *const word = (const volatile uint64_t *)(const void *)(area->base + offset);

    *was_missing =
        area->arrived && !atomic_load_explicit(&area->arrived[offset / area->page_bytes], memory_order_relaxed);
    const uint64_t begin = ps_ticks();

    (void)*word;
    return ps_ticks() - begin;
}

static void read_during(const struct ps_readers *all, struct reader *me, int phase)
{
    struct tally *const tally = phase == ALONE ? &me->alone : &me->beside;
    int was_missing;

    if (!all->areas[0].arrived) /* else it may have to wait for what only begins when all of them read */
        (void)read_once(all, me, &was_missing);
    atomic_store_explicit(&me->doing, phase, memory_order_release);
    const uint64_t begin = ps_ticks();

    do {
        const uint64_t ticks = read_once(all, me, &was_missing);

        ps_histogram_add(&tally->latencies, ticks);
        if (was_missing)
            ps_histogram_add(&me->served, ticks);
    } while (atomic_load_explicit(&all->phase, memory_order_relaxed) == phase);
    tally->ticks += ps_ticks() - begin;
    atomic_store_explicit(&me->doing, REST, memory_order_release);
}

/* So that no fault of the reader's own is among what it measures. */
static void make_present(struct ps_histogram *histogram)
{
    for (unsigned bucket = 0; bucket < PS_HISTOGRAM_BUCKETS; bucket += LINE_BYTES / sizeof(uint64_t))
        *(volatile uint64_t *)&histogram->counts[bucket] = 0;
}

static void serve(void *readers, uint32_t index, const _Atomic int *leave)
{
    struct ps_readers *const all = readers;
    struct reader *const me = &all->each[index];

    make_present(&me->alone.latencies);
    make_present(&me->beside.latencies);
    make_present(&me->served);
    while (!atomic_load_explicit(leave, memory_order_relaxed)) {
        const int phase = atomic_load_explicit(&all->phase, memory_order_acquire);

        if (phase == REST)
            __builtin_ia32_pause();
        else
            read_during(all, me, phase);
    }
}

struct ps_readers *ps_readers_start(const int32_t *cpus, uint32_t count, uint32_t areas, uint64_t seed, ps_error *error)
{
    struct ps_readers *const all = calloc(1, sizeof *all);

    if (!all || !(all->each = calloc(count, sizeof *all->each)) || !(all->areas = calloc(areas, sizeof *all->areas))) {
        ps_readers_stop(all);
        (void)ps_error_set(error, ENOMEM, "calloc (readers)", "");
        return NULL;
    }
    all->area_count = areas;
    all->count = count;
    for (uint32_t i = 0; i < count; i++)
        all->each[i].next = ps_mix(seed + i);
    if (!(all->threads = ps_neighbours_start(cpus, count, serve, all, error))) {
        ps_readers_stop(all);
        return NULL;
    }
    return all;
}

static void wait_for(struct ps_readers *all, int phase)
{
    for (uint32_t i = 0; i < all->count; i++) {
        unsigned spins = 0;

        while (atomic_load_explicit(&all->each[i].doing, memory_order_acquire) != phase)
            ps_wait_a_moment(&spins);
    }
}

static void enter(struct ps_readers *all, const struct ps_work *works, int phase)
{
    wait_for(all, REST);
    for (uint32_t i = 0; i < all->area_count; i++)
        all->areas[i] = works[i].read_area;
    atomic_store_explicit(&all->phase, phase, memory_order_release);
    wait_for(all, phase);
}

void ps_readers_alone(struct ps_readers *readers, const struct ps_work *works)
{
    const struct timespec a_while = {.tv_nsec = ALONE_NS};

    enter(readers, works, ALONE);
    readers->alone_from = ps_instant_now();
    (void)nanosleep(&a_while, NULL); /* a signal that cuts it short leaves fewer reads */
    readers->alone_until = ps_instant_now();
    ps_readers_rest(readers);
}

void ps_readers_begin(struct ps_readers *readers, const struct ps_work *works)
{
    if (readers)
        enter(readers, works, BESIDE);
}

/* Does not wait for them: where a method failed, one may be kept waiting for a page. */
void ps_readers_rest(struct ps_readers *readers)
{
    if (readers)
        atomic_store_explicit(&readers->phase, REST, memory_order_release);
}

static double ticks_per_ns(const struct ps_instant *from, const struct ps_instant *until)
{
    return (double)(until->ticks - from->ticks) / (double)(until->ns - from->ns);
}

static int changed_rate(double early, double late, ps_error *error)
{
    char detail[sizeof error->detail];

    (void)snprintf(detail, sizeof detail,
                   "the time-stamp counter ran at %.4f GHz while the reader was alone and at %.4f GHz over the whole "
                   "trial, so that no read can be timed; measure on a machine whose counter keeps its rate",
                   early, late);
    return ps_unavailable(error, ENOTSUP, detail);
}

/* The reads of a phase of all readers, from `counters` on: their rate and the percentiles. Returns the longest. */
static uint64_t tell(const struct ps_histogram *all, double reads_per_ns, double rate, uint64_t *counters)
{
    static const uint64_t beyond[] = {2, 100, 1000, 10000};
    uint64_t ticks;

    counters[0] = (uint64_t)(reads_per_ns * 1e9 + 0.5);
    for (size_t i = 0; i < sizeof beyond / sizeof *beyond; i++)
        if (ps_histogram_quantile(all, beyond[i], &ticks))
            counters[1 + i] = (uint64_t)((double)ticks / rate + 0.5);
    return (uint64_t)((double)all->most / rate + 0.5);
}

int ps_readers_count(struct ps_readers *readers, uint64_t *counters, ps_error *error)
{
    const struct ps_instant now = ps_instant_now();
    struct tally *const alone = &readers->each[0].alone, *const beside = &readers->each[0].beside;
    struct ps_histogram *const served = &readers->each[0].served;
    const double early = ticks_per_ns(&readers->alone_from, &readers->alone_until);
    const double rate = ticks_per_ns(&readers->alone_from, &now);
    double alone_per_ns = 0, beside_per_ns = 0, served_per_ns = 0;

    if (!(early > rate * (1 - MOST_DRIFT) && early < rate * (1 + MOST_DRIFT)))
        return changed_rate(early, rate, error);
    wait_for(readers, REST);
    for (uint32_t i = 0; i < readers->count; i++) {
        const struct reader *const one = &readers->each[i];

        alone_per_ns += (double)one->alone.latencies.total * rate / (double)one->alone.ticks;
        beside_per_ns += (double)one->beside.latencies.total * rate / (double)one->beside.ticks;
        served_per_ns += (double)one->served.total * rate / (double)one->beside.ticks;
        if (i > 0) {
            ps_histogram_merge(&alone->latencies, &one->alone.latencies);
            ps_histogram_merge(&beside->latencies, &one->beside.latencies);
            ps_histogram_merge(served, &one->served);
        }
    }
    (void)tell(&alone->latencies, alone_per_ns, rate, &counters[PS_COUNTER_alone_reads_per_s]);
    counters[PS_COUNTER_read_max_ns] = tell(&beside->latencies, beside_per_ns, rate, &counters[PS_COUNTER_reads_per_s]);
    if (readers->areas[0].arrived)
        (void)tell(served, served_per_ns, rate, &counters[PS_COUNTER_served_per_s]);
    return 0;
}

void ps_readers_stop(struct ps_readers *readers)
{
    if (!readers)
        return;
    ps_readers_rest(readers);
    ps_neighbours_stop(readers->threads);
    free(readers->areas);
    free(readers->each);
    free(readers);
}
