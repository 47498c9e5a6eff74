/* Permutes a region by several threads, as the thread sanitizer is to see it; prints `right`, or which slot is wrong. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "mover/pageswap_mover.h"
#include "mover/profile.h"

#define PAGE 4096u
#define SLOTS 200u
#define ROUNDS 100
#define THREADS 4

static uint32_t model[SLOTS], order[SLOTS], next[SLOTS];

static void shuffle(void)
{
    for (uint32_t i = 0; i < SLOTS; i++)
        order[i] = i;
    for (uint32_t i = SLOTS; i > 1; i--) {
        const uint32_t j = (uint32_t)rand() % i, taken = order[i - 1];

        order[i - 1] = order[j];
        order[j] = taken;
    }
}

static int first_wrong(const unsigned char *memory)
{
    for (uint32_t slot = 0; slot < SLOTS; slot++)
        for (uint32_t at = 0; at < PAGE; at += PAGE / 8)
            if (memcmp(memory + slot * PAGE + at, &model[slot], sizeof model[slot]) != 0)
                return (int)slot;
    return -1;
}

int main(void)
{
    struct pm_profile profile = pm_built_in;
    const struct pm_options options = {.slot_bytes = PAGE, .threads = THREADS, .flags = PM_COPY_ONLY};
    const int access = PROT_READ | PROT_WRITE, kind = MAP_PRIVATE | MAP_ANONYMOUS;
    unsigned char *const memory = mmap(NULL, SLOTS * PAGE, access, kind, -1, 0);
    pm_region *region;
    int wrong = -1;

    profile.cost[PM_threads_call] = profile.cost[PM_threads_serial] = 0;
    if (memory == MAP_FAILED || pm_open(&region, memory, SLOTS * PAGE, &options, &profile) != 0)
        return 1;
    for (uint32_t slot = 0; slot < SLOTS; slot++) {
        model[slot] = slot;
        for (uint32_t at = 0; at < PAGE; at += PAGE / 8)
            memcpy(memory + slot * PAGE + at, &slot, sizeof slot);
    }
    for (int round = 0; round < ROUNDS && wrong < 0; round++) {
        shuffle();
        if (pm_permute(region, order, SLOTS, NULL) != 0)
            return 1;
        for (uint32_t slot = 0; slot < SLOTS; slot++)
            next[slot] = model[order[slot]];
        memcpy(model, next, sizeof model);
        wrong = first_wrong(memory);
    }
    (void)pm_close(region);
    if (wrong < 0)
        (void)puts("right");
    else
        (void)printf("slot %d\n", wrong);
    return 0;
}
