/* What is counted while a trial runs, and the files that count it. */
#ifndef PAGESWAP_COUNTERS_H
#define PAGESWAP_COUNTERS_H

#include "memory.h"

/* counters.c */
struct ps_counters {
    uint64_t minor_faults, major_faults, voluntary_switches, involuntary_switches;
};
int ps_counters_read(struct ps_counters *counters, ps_error *error);
int ps_mappings_count(uint64_t *count, ps_error *error);
int ps_huge_bytes(const unsigned char *begin, size_t bytes, uint64_t *huge_bytes, ps_error *error); /* AnonHugePages */

/* The counters of a trial beyond those of getrusage; PS_UNSUPPORTED where the host has none, never 0 in its place. */
#define PS_UNSUPPORTED UINT64_MAX
#define PS_FOLIO_SIZES(X, when) \
    X(folio_8k_##when)          \
    X(folio_16k_##when)         \
    X(folio_32k_##when)         \
    X(folio_64k_##when)         \
    X(folio_128k_##when)        \
    X(folio_256k_##when)        \
    X(folio_512k_##when)        \
    X(folio_1m_##when)          \
    X(folio_2m_##when)
#define PS_FOLIO_ORDERS 9
#define PS_NUMA_NODES 8
/* Of the times of single reads; the order is that of readers.c. */
#define PS_READS(X, rate, prefix) \
    X(rate)                       \
    X(prefix##_p50_ns)            \
    X(prefix##_p99_ns)            \
    X(prefix##_p999_ns)           \
    X(prefix##_p9999_ns)
#define PS_COUNTERS(X)                                                                       \
    X(page_moves) /* pages that the rounds brought elsewhere, in workloads that bring any */ \
    X(move_retries) /* calls that the kernel refused for the moment (EAGAIN) */              \
    X(move_refusals) /* and those whose destination it found taken (EEXIST) */               \
    X(vmas_final) /* mappings of the process after the last round */                         \
    X(anon_huge_before) /* bytes of the region on huge pages (AnonHugePages) */              \
    X(anon_huge_after)                                                                       \
    PS_FOLIO_SIZES(X, before) /* bytes of the region in folios of each size */               \
    PS_FOLIO_SIZES(X, after)                                                                 \
    X(cpu_node) /* NUMA node of thread 0's CPU */                                            \
    X(node0_bytes) /* of the region on each node */                                          \
    X(node1_bytes)                                                                           \
    X(node2_bytes)                                                                           \
    X(node3_bytes)                                                                           \
    X(node4_bytes)                                                                           \
    X(node5_bytes)                                                                           \
    X(node6_bytes)                                                                           \
    X(node7_bytes)                                                                           \
    X(thp_splits) /* of the whole host while the rounds ran, as all to foreign_cpu_ns */     \
    X(folio_splits) /* folios smaller than a huge page */                                    \
    PS_FOLIO_SIZES(X, splits) /* folios of each size */                                      \
    X(tlb_shootdowns) /* interrupts */                                                       \
    X(swap_ins) /* pages */                                                                  \
    X(steal_ns) /* CPU time that the hypervisor gave to others */                            \
    X(foreign_cpu_ns) /* CPU time that other processes and interrupts took */                \
    X(cpu_khz_before) /* clock of thread 0's CPU just before the first round */              \
    X(cpu_khz_after) /* and just after the last */                                           \
    X(throttle_count) /* times that core was slowed down for heat meanwhile */               \
    X(cycles) /* of the trial's threads inside the rounds, as the next three */              \
    X(instructions)                                                                          \
    X(dtlb_misses)                                                                           \
    X(page_walk_cycles)                                                                      \
    PS_READS(X, reads_per_s, read) /* of the readers inside the rounds, all together */      \
    X(read_max_ns)                                                                           \
    PS_READS(X, alone_reads_per_s, alone) /* and before them, while nothing moved */         \
    PS_READS(X, served_per_s, served) /* of those in the rounds that came before their page */

enum ps_counter {
#define X(name) PS_COUNTER_##name,
    PS_COUNTERS(X)
#undef X
        PS_COUNTER_COUNT
};
_Static_assert(PS_COUNTER_COUNT == sizeof(((ps_result *)0)->counters) / sizeof(uint64_t),
               "api.cdef.h has room for all");

_Static_assert(PS_COUNTER_folio_2m_before - PS_COUNTER_folio_8k_before + 1 == PS_FOLIO_ORDERS &&
                   PS_COUNTER_node7_bytes - PS_COUNTER_node0_bytes + 1 == PS_NUMA_NODES,
               "a counter for each size and node");

/* Of /proc/self/pagemap and /proc/kpageflags. */
#define PS_PAGEMAP_PRESENT ((uint64_t)1 << 63)
#define PS_PAGEMAP_FRAME (((uint64_t)1 << 55) - 1) /* 0 for who may not know it */
#define PS_KPAGE_COMPOUND_HEAD ((uint64_t)1 << 15)
#define PS_KPAGE_COMPOUND_TAIL ((uint64_t)1 << 16)

/* folios.c: how many bytes of [begin, begin + bytes) lie in folios of this size, each mapped whole; for root alone. */
int ps_folio_bytes(const unsigned char *begin, size_t bytes, size_t folio_bytes, uint64_t *found, ps_error *error);

/* placement.c: fills the counters of each folio size or node with bytes of the region, and leaves those alone that this
 * process cannot know. Frames are known to root alone. */
void ps_folios_count(const struct ps_memory *memory, const ps_trial *trial, const struct ps_backing *backing,
                     uint64_t *bytes);
void ps_nodes_count(const struct ps_memory *memory, const ps_trial *trial, uint64_t *bytes);
uint64_t ps_cpu_node(void);

/* host_counters.c */
struct ps_host_counters {
    uint64_t tlb_shootdowns, thp_splits, swap_ins, steal_ns, busy_ns, own_ns, cpu_khz, throttles;
    uint64_t splits[PS_FOLIO_ORDERS]; /* of folios of each size, the smallest first */
};
void ps_host_counters_read(struct ps_host_counters *counters);
void ps_host_counters_since(const struct ps_host_counters *before, uint64_t *counters);

/* perf.c */
#define PS_PERF_EVENTS 4
struct ps_perf {
    int fd[PS_PERF_EVENTS];
};
void ps_perf_open(struct ps_perf *perf);
void ps_perf_switch(const struct ps_perf *perf, int on);
void ps_perf_close(struct ps_perf *perf, uint64_t *counters);

#endif
