/* pageswap_mover: moves pages of memory the fastest way that this host has, and loses none.
 *
 * A region is memory of the caller's, cut into slots of equal size. The calls exchange, permute and move what the slots
 * hold; each of them chooses between copying and asking the kernel to move page-table entries, by what the host's
 * profile says that either takes. docs/mover.md says when which one wins.
 *
 * Units: slots are numbered from 0; `n` counts pairs, slots or runs as said; sizes are bytes, times nanoseconds.
 *
 * Failures: every call that gives an int gives 0 or a negative errno. A call that was given something wrong says
 * -EINVAL, has changed nothing, and pm_failed_call() is "". After any other failure each slot holds its page of before
 * the call or the one that the call was to bring there, and *done tells how many pairs, slots or runs, in their order,
 * are complete for certain. Where the kernel refuses to move a page the library copies it instead, tells nobody and
 * never asks again in that region (pm_explain says so). So what is left to fail is giving memory back, and, after
 * mremap, a kernel that has no memory for the mapping which it took away: mmap is then asked for it a thousand times
 * before.
 *
 * Ownership: the memory stays the caller's, who maps it before pm_open and unmaps it after pm_close. Nothing is
 * allocated in a call but by pm_open and pm_calibrate.
 *
 * Threads: one call at a time for each region; calls for regions that share no memory may run side by side. A region
 * may have threads of its own, which pm_open starts and pm_close ends; no signal is delivered to them but for a fault
 * of their own, and they sleep until a permutation, or a list of swaps that is composed to one, is large enough to
 * share. While a call runs, who reads a slot that it moves sees the old page, the new one, a mixture, zeroes, or, where
 * threads share a permutation, another slot's page, and never a fault; what others write there may be lost. All other
 * slots are untouched.
 *
 * fork: a child has the region as its own copy, and may use it there. It copies what a userfaultfd moved before, as
 * that is the parent's; the parent copies for good from the first such page on that the two share. To fork while a call
 * runs is as to read meanwhile. */
#ifndef PAGESWAP_MOVER_H
#define PAGESWAP_MOVER_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

typedef struct pm_region pm_region;
typedef struct pm_profile pm_profile; /* what each way takes on a host */

/* Exchange what slots a and b hold. a == b changes nothing. */
typedef struct {
    uint32_t a;
    uint32_t b;
} pm_pair;

/* What n neighbouring slots from src on hold goes to those from dst on; the two may overlap. */
typedef struct {
    uint32_t dst;
    uint32_t src;
    uint32_t n;
} pm_run;

enum pm_flag {
    PM_COPY_ONLY = 1, /* physical pages stay where they are: for devices, pinned pages, guests */
    PM_SINGLE_THREADED = 2, /* no other thread of the process runs during calls: moving page-table entries is cheaper */
    PM_KEEP_MAPPINGS = 4, /* no mapping is split: mremap is not used */
    PM_SHARED_LATER = 8, /* the memory may be shared with a forked child, locked, or watched by another userfaultfd:
                            nothing is done that breaks there, or breaks that */
};

enum pm_release {
    PM_RELEASE_NONE = 0, /* what a moved slot's old place holds is undefined */
    PM_RELEASE_SOURCE = 1, /* its memory is given back to the kernel, and it reads as zeroes */
    PM_EMPTY_PLACES = 2, /* beside either: the places that runs go to have no memory, as they were never written to, or
                            were given back since; spares what emptying them takes. Where it is not so, nothing is lost
                            but that a page that was never written to may come there as what the place held before */
};

enum pm_operation { PM_SWAP, PM_PERMUTE, PM_MOVE, PM_MOVE_RELEASE };

struct pm_options {
    size_t slot_bytes; /* a multiple of 4096; 0: 4096 */
    unsigned threads; /* that a call may use, at most 64, with the caller's own; 0: 1 */
    unsigned flags; /* of enum pm_flag */
};

/* Makes a region of `bytes`, a multiple of the slots' size, at `base`. Options NULL: all 0. The profile is copied; NULL
 * is a built-in one. A base that is no multiple of 64 is moved by memcpy alone, one that is no multiple of 4096 by
 * copying alone. -EINVAL: something given is not as said here; -EFAULT: a part is not mapped for reading and writing;
 * -ENOMEM: no room for some 10 bytes a slot, which pm_close gives back. With threads also -ENOTSUP: this program has
 * none (before glibc 2.34 it needs -Wl,--no-as-needed -lpthread; one that is linked statically has none), and -EAGAIN:
 * no more of them. */
int pm_open(pm_region **region, void *base, size_t bytes, const struct pm_options *options, const pm_profile *profile);

/* Gives the host's profile, to be freed by the caller: from the file `cache_path` where that holds one of this CPU,
 * this kernel, its mode of huge pages and this hypervisor, else by measuring for about budget_ms, with up to 130 MiB of
 * memory and one more thread, and then writes it there, whole or not at all. Budget 0: nothing is measured, and -ENOENT
 * says that there is none. cache_path NULL: no file. */
int pm_calibrate(pm_profile **profile, unsigned budget_ms, const char *cache_path);
void pm_profile_free(pm_profile *profile); /* NULL is no error */

/* Exchanges two slots. */
int pm_swap(pm_region *region, uint32_t a, uint32_t b);

/* Exchanges n pairs as if one by one, in order. `done` may be NULL, here and below. */
int pm_swap_many(pm_region *region, const pm_pair *pairs, size_t n, size_t *done);

/* Brings to each slot i below n what slot source_of[i] holds. `source_of` is a permutation of the numbers below n, or
 * the answer is -EINVAL. */
int pm_permute(pm_region *region, const uint32_t *source_of, size_t n, size_t *done);

/* Moves n runs as if one by one, in order; `release` is of enum pm_release, added up. What the destination held is
 * lost. */
int pm_move(pm_region *region, const pm_run *runs, size_t n, unsigned release, size_t *done);

/* Says in `text` (of `bytes`, always ended by a 0) what a call would do: n pairs, slots or runs, of `slots` slots each
 * for moves. Words of the form key=value: way, predicted_ns (of the whole call), next, next_ns, memcpy_ns, remap (the
 * way in which the kernel moves pages of the region, or why there is none), profile (host, or built_in), threads (that
 * would share it, the caller's among them). Gives `text`. */
const char *pm_explain(const pm_region *region, enum pm_operation operation, size_t slots, size_t n, char *text,
                       size_t bytes);

/* The system call that failed in the last call for this region that gave an error, or "" for a wrong argument. Valid
 * until the next call. */
const char *pm_failed_call(const pm_region *region);

/* Closes it; every page stays where it is. NULL is no error. */
int pm_close(pm_region *region);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
