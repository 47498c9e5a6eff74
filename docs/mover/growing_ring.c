/* A ring buffer that grows by moving: its room doubles whenever it is full, in addresses that are reserved for the
 * largest one, and what had wrapped around to its beginning is moved to where the old room ended.
 *
 *     cc -O2 growing_ring.c $(pkg-config --cflags --libs pageswap_mover) -o growing_ring
 *
 * It grows the same ring with the mover and with memcpy and madvise, reads every entry back both times, and prints what
 * the growing took. Arguments, both optional: MiB of the largest room; the file of this host's profile, which is made
 * if it is not there. */
#define _GNU_SOURCE 1
#include <errno.h>
#include <pageswap_mover.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <stdlib.h>

#define PAGE ((size_t)4096) /* an entry */
#define FIRST_ROOM 16u
#define ROUNDS 7
#define CALIBRATION_MS 2000

struct ring {
    unsigned char *memory;
    uint32_t most, room; /* pages */
    uint64_t first, next; /* entries that were taken, and put; the place of one is the rest of its number by the room */
    pm_region *region;
    double growing_ms;
};

typedef int growth(struct ring *ring);

static double now_ms(void)
{
    struct timespec time;

    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

static uint64_t *entry(const struct ring *ring, uint64_t number)
{
    return (uint64_t *)(void *)(ring->memory + number % ring->room * PAGE);
}

/* What wrapped around is all that lies before the first entry. */
static int by_mover(struct ring *ring)
{
    const uint32_t wrapped = (uint32_t)(ring->first % ring->room);
    const pm_run run = {.dst = ring->room, .src = 0, .n = wrapped};

    return pm_move(ring->region, &run, 1, PM_RELEASE_SOURCE, NULL);
}

static int by_memcpy(struct ring *ring)
{
    const size_t wrapped = ring->first % ring->room * PAGE;

    memcpy(ring->memory + ring->room * PAGE, ring->memory, wrapped);
    return madvise(ring->memory, wrapped, MADV_DONTNEED) == 0 ? 0 : -errno;
}

/* So that the first entry keeps its place, it is numbered anew. */
static int grow(struct ring *ring, growth *how)
{
    const uint64_t count = ring->next - ring->first;
    const double begin = now_ms();
    const int failed = how(ring);

    ring->growing_ms += now_ms() - begin;
    ring->first %= ring->room;
    ring->next = ring->first + count;
    ring->room *= 2;
    return failed;
}

static void put(struct ring *ring, uint64_t value)
{
    uint64_t *const words = entry(ring, ring->next++);

    for (size_t word = 0; word < PAGE / sizeof *words; word++)
        words[word] = value;
}

/* Is the oldest entry the one that was put with this value, all of it? */
static int take(struct ring *ring, uint64_t value)
{
    const uint64_t *const words = entry(ring, ring->first++);

    for (size_t word = 0; word < PAGE / sizeof *words; word++)
        if (words[word] != value)
            return 0;
    return 1;
}

/* Puts three entries for each that it takes, until the largest room is full. Returns whether all came out as they went
 * in. */
static int is_filled_right(struct ring *ring, growth *how)
{
    uint64_t in = 0, out = 0;
    int is_right = 1;

    ring->room = FIRST_ROOM;
    ring->first = ring->next = 0;
    for (uint64_t turn = 1; is_right; turn++) {
        if (ring->next - ring->first == ring->room) {
            if (ring->room == ring->most)
                break;
            is_right = grow(ring, how) == 0;
        }
        put(ring, ++in);
        if (turn % 3 == 0)
            is_right = is_right && take(ring, ++out);
    }
    while (is_right && ring->first < ring->next)
        is_right = take(ring, ++out);
    return is_right && in == out;
}

/* Milliseconds of growing, the least of all rounds; negative where it failed. */
static double measure(struct ring *ring, growth *how)
{
    double best = -1;

    for (int round = 0; round < ROUNDS; round++) {
        (void)madvise(ring->memory, ring->most * PAGE, MADV_DONTNEED);
        ring->growing_ms = 0;
        if (!is_filled_right(ring, how))
            return -1;
        best = best < 0 || ring->growing_ms < best ? ring->growing_ms : best;
    }
    return best;
}

int main(int count, char **words)
{
    const size_t mib = count > 1 ? strtoul(words[1], NULL, 10) : 256;
    const struct pm_options options = {.slot_bytes = PAGE, .flags = PM_SINGLE_THREADED};
    struct ring ring = {.most = FIRST_ROOM};
    pm_profile *profile = NULL;
    char text[256];
    int failed = count > 2 ? pm_calibrate(&profile, CALIBRATION_MS, words[2]) : 0;

    while (ring.most * PAGE < mib << 20)
        ring.most *= 2;
    ring.memory =
        mmap(NULL, ring.most * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (failed || ring.memory == MAP_FAILED ||
        (failed = pm_open(&ring.region, ring.memory, ring.most * PAGE, &options, profile)) != 0) {
        (void)fprintf(stderr, "growing_ring: %s\n", strerror(failed ? -failed : ENOMEM));
        return 1;
    }
    const double mover_ms = measure(&ring, by_mover), memcpy_ms = measure(&ring, by_memcpy);

    (void)printf("mover %.3f ms\nmemcpy %.3f ms\n%s\n", mover_ms, memcpy_ms,
                 pm_explain(ring.region, PM_MOVE_RELEASE, ring.most / 4, 1, text, sizeof text));
    (void)pm_close(ring.region);
    pm_profile_free(profile);
    return mover_ms < 0 || memcpy_ms < 0;
}
