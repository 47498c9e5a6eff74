/* What the ways to move pages take on a host. */
#ifndef PAGESWAP_MOVER_PROFILE_H
#define PAGESWAP_MOVER_PROFILE_H

#include <stddef.h>

/* How far the memory that is moved lies: in the second-level cache, in the last-level cache, in memory. */
enum pm_tier { PM_L2, PM_LLC, PM_MEMORY, PM_TIERS };

/* One line registers a number; a profile's file has a line of the same name for each. Times in ns: `call` is what one
 * operation takes whatever its size, the others are for each 4 KiB, of a table and a huge page for each 2 MiB.
 * `fault_page` is what a place costs that has no memory yet, `empty_call` to ask for its memory none the less.
 * `threads_serial` is the share of a rotation's time that more threads do not shorten. The last
 * column is the built-in profile. What differs by tier has three numbers, in the order of enum pm_tier. */
#define PM_COSTS(X)                \
    X(l2_bytes, 1 << 20)           \
    X(llc_bytes, 32 << 20)         \
    X(register_bits, 512)          \
    X(memcpy_swap_call_l2, 8)      \
    X(memcpy_swap_call_llc, 20)    \
    X(memcpy_swap_call_memory, 50) \
    X(memcpy_swap_l2, 180)         \
    X(memcpy_swap_llc, 260)        \
    X(memcpy_swap_memory, 700)     \
    X(exchange_call_l2, 8)         \
    X(exchange_call_llc, 20)       \
    X(exchange_call_memory, 50)    \
    X(exchange_l2, 80)             \
    X(exchange_llc, 160)           \
    X(exchange_memory, 350)        \
    X(compose, 4)                  \
    X(rotate_l2, 60)               \
    X(rotate_llc, 100)             \
    X(rotate_memory, 180)          \
    X(threads_call, 60000)         \
    X(threads_serial, 0.5)         \
    X(memcpy_move_call_l2, 8)      \
    X(memcpy_move_call_llc, 20)    \
    X(memcpy_move_call_memory, 30) \
    X(memcpy_move_l2, 60)          \
    X(memcpy_move_llc, 120)        \
    X(memcpy_move_memory, 300)     \
    X(copy_call_l2, 8)             \
    X(copy_call_llc, 20)           \
    X(copy_call_memory, 30)        \
    X(copy_l2, 60)                 \
    X(copy_llc, 120)               \
    X(copy_memory, 300)            \
    X(fault_page, 600)             \
    X(empty_call, 350)             \
    X(give_back_call, 450)         \
    X(give_back_page, 90)          \
    X(uffd_call, 850)              \
    X(uffd_page, 110)              \
    X(uffd_huge, 400)              \
    X(mremap_call, 5600)           \
    X(mremap_page, 12)             \
    X(mremap_table, 300)           \
    X(other_threads, 9000)

enum pm_cost {
#define X(name, built_in) PM_##name,
    PM_COSTS(X)
#undef X
        PM_COST_COUNT
};

#define PM_KEY_BYTES 256

struct pm_profile {
    char key[PM_KEY_BYTES]; /* which host it is of, as profile.c makes it; empty: the built-in one */
    double cost[PM_COST_COUNT];
};

extern const struct pm_profile pm_built_in;

/* Says which host this is, as far as times depend on it: CPU, kernel, mode of huge pages, hypervisor. */
void pm_host_key(char key[PM_KEY_BYTES]);

/* Reads a profile; -ENOENT also where what is there is none, or is another host's. */
int pm_profile_read(struct pm_profile *profile, const char *path);

/* Writes it so that the file is there whole or as it was before. */
int pm_profile_write(const struct pm_profile *profile, const char *path);

#endif
