/* A heap that compacts itself: what lives is brought to the other half without gaps, and the memory that it leaves goes
 * back to the kernel as it goes, so that a heap never takes more than what lives in it.
 *
 *     cc -O2 compacting_heap.c $(pkg-config --cflags --libs pageswap_mover) -o compacting_heap
 *
 * It compacts the same heap with the mover and with memcpy and madvise, checks every page both times, and prints what
 * each took. Arguments, all optional: MiB of a half; percentage that lives; the file of this host's profile, which is
 * made if it is not there. */
#define _GNU_SOURCE 1
#include <errno.h>
#include <pageswap_mover.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define PAGE ((size_t)4096)
#define MOST_PAGES 64u /* of an object */
#define ROUNDS 7
#define CALIBRATION_MS 2000

struct heap {
    unsigned char *memory; /* two halves */
    size_t slots; /* of a half */
    uint32_t half; /* the slot where the half begins that is in use */
    pm_run *runs; /* the objects that live: where each goes, where it is, how many pages it has */
    size_t count;
    pm_region *region;
};

/* The first words of a page say which page it is. */
static void stamp(const struct heap *heap, uint32_t slot, uint32_t page)
{
    for (size_t word = 0; word < PAGE / sizeof page; word++)
        ((uint32_t *)(void *)(heap->memory + slot * PAGE))[word] = page;
}

static int is_stamped(const struct heap *heap, uint32_t slot, uint32_t page)
{
    const uint32_t *const words = (const uint32_t *)(const void *)(heap->memory + slot * PAGE);

    for (size_t word = 0; word < PAGE / sizeof page; word++)
        if (words[word] != page)
            return 0;
    return 1;
}

/* Fills the half in use with objects, of which some live: each of their pages is stamped with its future place. */
static void populate(struct heap *heap, unsigned percent_alive)
{
    uint32_t next = 0;

    heap->count = 0;
    for (uint32_t slot = 0, n; slot < heap->slots; slot += n) {
        n = 1 + (uint32_t)rand() % MOST_PAGES;
        n = n < heap->slots - slot ? n : (uint32_t)heap->slots - slot;
        if ((unsigned)rand() % 100 >= percent_alive)
            continue;
        for (uint32_t page = 0; page < n; page++)
            stamp(heap, heap->half + slot + page, next + page);
        heap->runs[heap->count++] =
            (pm_run){.dst = (uint32_t)heap->slots - heap->half + next, .src = heap->half + slot, .n = n};
        next += n;
    }
}

static int by_mover(struct heap *heap)
{
    return pm_move(heap->region, heap->runs, heap->count, PM_RELEASE_SOURCE, NULL);
}

static int by_memcpy(struct heap *heap)
{
    for (size_t i = 0; i < heap->count; i++) {
        unsigned char *const from = heap->memory + heap->runs[i].src * PAGE;
        const size_t bytes = heap->runs[i].n * PAGE;

        memcpy(heap->memory + heap->runs[i].dst * PAGE, from, bytes);
        if (madvise(from, bytes, MADV_DONTNEED) != 0)
            return -errno;
    }
    return 0;
}

/* Every page where it belongs, and nothing where it came from. */
static int is_compacted(const struct heap *heap)
{
    uint32_t page = 0;

    for (size_t i = 0; i < heap->count; i++)
        for (uint32_t at = 0; at < heap->runs[i].n; at++, page++)
            if (!is_stamped(heap, heap->runs[i].dst + at, page) || !is_stamped(heap, heap->runs[i].src + at, 0))
                return 0;
    return 1;
}

static double now_ms(void)
{
    struct timespec time;

    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

/* Milliseconds, the least of all rounds; negative where it failed. */
static double measure(struct heap *heap, unsigned percent_alive, int (*compact)(struct heap *))
{
    double best = -1;

    for (int round = 0; round < ROUNDS; round++) {
        (void)madvise(heap->memory, 2 * heap->slots * PAGE, MADV_DONTNEED);
        populate(heap, percent_alive);
        const double begin = now_ms();

        if (compact(heap) != 0)
            return -1;
        const double took = now_ms() - begin;

        if (!is_compacted(heap))
            return -1;
        best = best < 0 || took < best ? took : best;
        heap->half = (uint32_t)heap->slots - heap->half;
    }
    return best;
}

int main(int count, char **words)
{
    const size_t mib = count > 1 ? strtoul(words[1], NULL, 10) : 64;
    const unsigned percent_alive = count > 2 ? (unsigned)strtoul(words[2], NULL, 10) : 50;
    const struct pm_options options = {.slot_bytes = PAGE, .flags = PM_SINGLE_THREADED};
    struct heap heap = {.slots = (mib << 20) / PAGE};
    const size_t bytes = 2 * heap.slots * PAGE;
    pm_profile *profile = NULL;
    char text[256];
    int failed = count > 3 ? pm_calibrate(&profile, CALIBRATION_MS, words[3]) : 0;

    heap.memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    heap.runs = malloc(heap.slots * sizeof *heap.runs);
    if (failed || heap.memory == MAP_FAILED || !heap.runs ||
        (failed = pm_open(&heap.region, heap.memory, bytes, &options, profile)) != 0) {
        (void)fprintf(stderr, "compacting_heap: %s\n", strerror(failed ? -failed : ENOMEM));
        return 1;
    }
    const double mover_ms = measure(&heap, percent_alive, by_mover),
                 memcpy_ms = measure(&heap, percent_alive, by_memcpy);

    (void)printf("mover %.3f ms\nmemcpy %.3f ms\n%s\n", mover_ms, memcpy_ms,
                 pm_explain(heap.region, PM_MOVE_RELEASE, MOST_PAGES / 2, 1, text, sizeof text));
    (void)pm_close(heap.region);
    pm_profile_free(profile);
    return mover_ms < 0 || memcpy_ms < 0;
}
